"""The bare model loop: decode, prepare and ONNX Runtime without a network: the limit.

Set up as the encoder is: one session, one thread a run, one worker thread a core.
"""

import os
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import onnxruntime as ort

from sketchzoo.images import Modality, decode, enough_for, prepare
from sketchzoo.model import ModelArtefact
from sketchzoo.onnx import open_session


@dataclass(frozen=True, slots=True)
class BareLoop:
    """A model's session for one modality, called directly."""

    session: ort.InferenceSession
    artefact: ModelArtefact
    modality: Modality
    whole: bool = False
    """Whether every pixel is decoded, also those that the network has no use for."""

    @classmethod
    def open(
        cls, artefact: ModelArtefact, modality: Modality, *, whole: bool = False
    ) -> "BareLoop":
        """Load the modality's tower."""
        return cls(open_session(artefact.onnx(modality)), artefact, modality, whole)

    def embed(self, content: bytes) -> np.ndarray:
        """Return one image file's embedding."""
        preprocessing = self.artefact.towers[self.modality].preprocessing
        enough = None if self.whole else enough_for(preprocessing)
        pixels = prepare(decode(content, enough=enough), preprocessing)
        return np.asarray(self.session.run(["embedding"], {"images": pixels[None]})[0][0])

    def latencies(self, contents: Sequence[bytes], seconds: float) -> list[float]:
        """Embed one image after the other; return each one's seconds."""
        for content in contents[:5]:
            self.embed(content)
        found: list[float] = []
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            start = time.perf_counter()
            self.embed(contents[len(found) % len(contents)])
            found.append(time.perf_counter() - start)
        return found

    def rate(self, contents: Sequence[bytes], seconds: float) -> float:
        """Embed from one thread a core; return images a second."""
        workers = os.cpu_count() or 1
        end = time.perf_counter() + seconds

        def work(offset: int) -> int:
            count = 0
            while time.perf_counter() < end:
                self.embed(contents[(offset + count) % len(contents)])
                count += 1
            return count

        start = time.perf_counter()
        with ThreadPoolExecutor(workers) as pool:
            counts = list(pool.map(work, range(0, 1000 * workers, 1000)))
        return sum(counts) / (time.perf_counter() - start)
