"""ONNX Runtime on CPUs: under load one thread a run, many runs at once.

Under load one thread an image gives half as many images again as two threads an image,
and batches gain nothing (docs/adr/0003-onnx-on-cpu.md has the figures). So each worker
thread of the encoder runs the shared session on one image by itself. An image that comes
alone would leave the other cores idle: a second session runs it on several threads, as many
as run it soonest here. All sessions, and those of other processes, map one copy of the
weights (docs/adr/0078-weights-are-mapped.md).
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import structlog

from encoder_service.runtimes.base import Vectors, examples
from encoder_service.runtimes.graphs import alone_in, graphs_folder, prepare
from encoder_service.threads import candidates, measured, soonest
from sketchzoo.cores import available_cores
from sketchzoo.files import write_atomically
from sketchzoo.images import Modality, Square, normalised
from sketchzoo.model import ModelArtefact
from sketchzoo.onnx import open_session

Sessions = Mapping[Path, Any]
"""The session of each different graph."""

log = structlog.get_logger()


class OnnxRuntime:
    """Runs an artefact's graphs.

    `threads_alone` is how many threads run an image that has the encoder to itself, 0 as many
    as run one soonest here; 1 keeps no second session. `graphs` is the folder in which the
    processes of a group keep its optimised graphs (`graphs_folder`); whichever comes first makes
    and measures what is not there yet. Without one the runtime has a folder until it is open.
    """

    name = "onnx"
    device = "cpu"
    max_batch = 1
    lanes = 1

    def __init__(
        self, artefact: ModelArtefact, *, threads_alone: int = 1, graphs: Path | None = None
    ) -> None:
        """Open each tower for every number of threads.

        Raises:
            ModelError: a file is missing, is no ONNX model or has other inputs and outputs.

        """
        self._preprocessing = {m: tower.preprocessing for m, tower in artefact.towers.items()}
        self._paths = {modality: artefact.onnx(modality) for modality in artefact.towers}
        self._mapped: Mapping[Path, Path] = {}
        self._sessions: dict[int, Sessions] = {}  # by their threads
        with ExitStack() as stack:
            folder = graphs or stack.enter_context(graphs_folder())
            if folder is not None:
                try:
                    with alone_in(folder):
                        self._mapped = prepare(self._paths.values(), folder)
                        threads_alone = threads_alone or self._remembered(folder, artefact)
                except OSError as error:  # the disk is full, or someone removed the folder
                    log.warning("graphs are not mapped", error=str(error))
            self.threads_alone = threads_alone or self._soonest(artefact)
            self._one, self._alone = self._opened(1), self._opened(self.threads_alone)
        self._sessions.clear()  # those that were tried

    def embed(
        self, modality: Modality, images: Sequence[Square], *, alone: bool = False
    ) -> Vectors:
        """Embed images of one modality; safe to call from any number of threads."""
        return self._run(self._alone if alone else self._one, modality, images)

    def _run(self, sessions: Sessions, modality: Modality, images: Sequence[Square]) -> Vectors:
        how = self._preprocessing[modality]
        inputs = [normalised(image, how) for image in images]
        batch = inputs[0][None] if len(inputs) == 1 else np.stack(inputs)
        session = sessions[self._paths[modality]]
        vectors: Vectors = session.run(["embedding"], {"images": batch})[0]
        return vectors

    def _opened(self, threads: int) -> Sessions:
        def opened(path: Path) -> Any:
            if path in self._mapped:
                return open_session(self._mapped[path], threads, optimised=True)
            return open_session(path, threads)

        if threads not in self._sessions:
            paths = sorted(set(self._paths.values()))
            with ThreadPoolExecutor(len(paths)) as pool:
                self._sessions[threads] = dict(zip(paths, pool.map(opened, paths), strict=True))
        return self._sessions[threads]

    def _remembered(self, folder: Path, artefact: ModelArtefact) -> int:
        """Return what the first process of a group measured, or measure for the others."""
        file = folder / "threads_alone"
        if not file.exists():
            write_atomically(file, str(self._soonest(artefact)), sync=False)
        return int(file.read_text())

    def _soonest(self, artefact: ModelArtefact) -> int:
        """Try how many threads run an image soonest: one of each modality in turn."""
        cores = available_cores()
        if cores == 1:
            return 1

        squares = examples(artefact)

        def run(sessions: Sessions) -> None:
            for modality, square in squares.items():
                self._run(sessions, modality, [square])

        opened = {threads: self._opened(threads) for threads in candidates(cores)}
        seconds = measured({n: partial(run, sessions) for n, sessions in opened.items()})
        chosen = soonest(seconds, cores)
        log.info(
            "threads for a lone image" if len(seconds) > 1 else "threads for a lone image guessed",
            threads=chosen,
            milliseconds={n: round(1000 * each / len(Modality), 1) for n, each in seconds.items()},
        )
        return chosen
