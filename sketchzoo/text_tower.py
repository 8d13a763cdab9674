"""A text tower that is ready to run: texts in, embeddings out."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from sketchzoo.model_error import ModelError
from sketchzoo.onnx import open_session
from sketchzoo.text_config import TextConfig
from sketchzoo.tokenizer import Tokens

TEXTS = ("a cat", "a drawing of a sailing boat with two masts")
"""What a text tower is tried with."""

Vectors = npt.NDArray[np.float32]
"""float32 `(n, dimension)`."""


class TextSession:
    """A text tower's graph on one thread of the CPU."""

    def __init__(
        self,
        path: Path,
        inputs: tuple[str, ...],
        *,
        optimised: bool = False,
        weights: Path | None = None,
    ) -> None:
        """Open it; `inputs` are what it takes of a tokenizer's answer.

        `optimised` and `weights` are `sketchzoo.onnx.open_session`'s.

        Raises:
            ModelError: it is missing, no ONNX model, or has other inputs and outputs.

        """
        self._session = open_session(path, inputs=inputs, optimised=optimised, weights=weights)
        self._inputs = inputs

    def embed(self, tokens: Mapping[str, npt.NDArray[np.int64]]) -> Vectors:
        """Embed texts by their tokens, each `(n, tokens)`.

        Raises:
            ModelError: the graph can't be run, or answers no vector a text.

        """
        return answer(self._session, {name: tokens[name] for name in self._inputs})


class TextTower:
    """A tokenizer and the graph that it was made for; any number of threads may call it."""

    def __init__(self, tokens: Tokens, session: TextSession) -> None:
        self._tokens = tokens
        self._session = session

    @classmethod
    def open(cls, folder: Path, text: TextConfig, mapped: Path | None = None) -> Self:
        """Open an artefact's; `mapped` is its graph, optimised already, where there is one.

        Raises:
            ModelError: a file is missing or of another kind.
            TokenizersMissingError: nothing here reads tokenizers.

        """
        _, graph, tokenizer = text.files
        tokens = Tokens.read(folder / tokenizer, text.context)
        path = mapped or folder / graph
        return cls(tokens, TextSession(path, text.inputs, optimised=mapped is not None))

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Embed texts, in order.

        Raises:
            NoTokensError: the tokenizer has no tokens for them.
            ModelError: the graph can't be run.

        """
        return self._session.embed(self._tokens.of(texts))


def answer(session: Any, values: Mapping[str, npt.NDArray[Any]]) -> Vectors:
    """Run a session; one vector for each row of its input.

    Raises:
        ModelError: it can't be run, or answers something else.

    """
    count = len(next(iter(values.values())))
    try:
        (vectors,) = session.run(["embedding"], dict(values))
    except Exception as error:  # its errors share no other base
        raise ModelError(f"ONNX Runtime cannot run it: {' '.join(str(error).split())}") from error
    found: Vectors = vectors
    if found.ndim != 2 or len(found) != count:  # noqa: PLR2004 - one row an image or text
        raise ModelError(f"it answers {list(found.shape)} to {count}; one vector each is needed")
    return found
