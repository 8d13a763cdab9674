"""What embeds texts: a model's own text tower, or words for one that knows classes.

Both run on ONNX Runtime on the CPU, whatever runs the images: a text is short.
"""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import structlog

from encoder_service.runtimes.base import NORM_TOLERANCE, Vectors
from encoder_service.runtimes.graphs import alone_in, graphs_folder, prepare
from sketchzoo.fingerprint import text_fingerprint
from sketchzoo.model import ModelArtefact
from sketchzoo.model_error import ModelError
from sketchzoo.text_config import TextConfig
from sketchzoo.text_tower import TEXTS, TextTower
from sketchzoo.tokenizer import TokenizersMissingError
from sketchzoo.words.naming import Words
from sketchzoo.words.sentences import WordsMissingError

log = structlog.get_logger()


class TextRuntime(Protocol):
    """Embeds texts; any number of threads may call it."""

    @property
    def fingerprint(self) -> str:
        """Changes with what a text's embedding would be."""

    @property
    def context(self) -> int:
        """How many tokens of a text count."""

    @property
    def min_score(self) -> float:
        """The score under which a text alone likely found something else; 0 if not calibrated."""

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Embed texts, in order.

        Raises:
            NoTokensError: the tokenizer has no tokens for them.
            ModelError: the graph can't be run.

        """


@dataclass(frozen=True, slots=True)
class OwnTower:
    """A model's own text tower."""

    tower: TextTower
    fingerprint: str
    context: int
    min_score: float = 0.0

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Embed texts, in order."""
        return self.tower.embed(texts)


def open_texts(artefact: ModelArtefact, graphs: Path | None = None) -> TextRuntime | None:
    """Open what embeds texts for a model; None where nothing does, and the log says why.

    `graphs` is the folder in which processes of a group share optimised graphs.

    Raises:
        ModelError: the model's text tower is damaged or can't be run.

    """
    try:
        return (
            Words.of(artefact) if artefact.text is None else _own(artefact, artefact.text, graphs)
        )
    except WordsMissingError as missing:
        log.info("no words", reason=str(missing))
    except TokenizersMissingError as missing:
        log.warning("texts are not embedded", reason=str(missing))
    except ImportError as missing:
        reason = f"{missing.name} is not installed: it is of the extra text"
        log.warning("texts are not embedded", reason=reason)
    return None


def warm_texts(texts: TextRuntime, artefact: ModelArtefact) -> None:
    """Embed a text, and see that it keeps the artefact's promises.

    Raises:
        ModelError: the embeddings are not `dimension` finite values of norm 1.

    """
    vectors = texts.embed(TEXTS)
    norms = np.linalg.norm(vectors, axis=1)
    if vectors.shape != (len(TEXTS), artefact.dimension):
        raise ModelError(
            f"{artefact.folder}: the text tower answers {vectors.shape[1:]} values; config.json "
            f"states dimension {artefact.dimension}"
        )
    if not (np.abs(norms - 1) < NORM_TOLERANCE).all():  # nor is what is no number
        raise ModelError(f"{artefact.folder}: the text tower's embeddings have no norm 1")


def _own(artefact: ModelArtefact, text: TextConfig, graphs: Path | None) -> OwnTower:
    if (found := text_fingerprint(artefact.folder, text.files)) != text.fingerprint:
        raise ModelError(
            f"{artefact.folder}: the text tower's files ({', '.join(text.files)}) come to the "
            f"fingerprint {found}, and config.json states {text.fingerprint}: a file is damaged, "
            "or another model's"
        )
    graph = artefact.folder / text.files[1]
    mapped: Mapping[Path, Path] = {}
    with ExitStack() as stack:
        folder = graphs or stack.enter_context(graphs_folder())
        if folder is not None:
            try:
                with alone_in(folder):
                    mapped = prepare([graph], folder, inputs=text.inputs)
            except OSError as error:  # the disk is full, or someone removed the folder
                log.warning("graphs are not mapped", error=str(error))
        tower = TextTower.open(artefact.folder, text, mapped.get(graph))
    return OwnTower(tower, text.fingerprint, text.context)
