"""What a model artefact says of its text tower."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

TOKENIZER = "tokenizer.json"
"""The tokenizer's file, in the format of Hugging Face's `tokenizers`."""


@dataclass(frozen=True, slots=True)
class TextConfig:
    """A text tower: which files it has, and what its graph takes.

    `<stem>.onnx` maps `inputs` (`input_ids`, and `attention_mask` where it has one), int64
    `(n, context)`, to `embedding`, float32 `(n, dimension)` of L2 norm 1, in the space of the
    photos' embeddings. `tokenizer.json` cuts and pads every text to `context` tokens; `eos` is the
    token that it ends each text with, None where it has none. `fingerprint` is the text
    tower's own: a gallery does not depend on it.
    """

    stem: str
    context: int
    inputs: tuple[str, ...]
    eos: int | None
    fingerprint: str
    network: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.stem.isidentifier():
            raise ValueError(f"the stem of a text tower's files is a word, not {self.stem!r}")
        if self.inputs not in (("input_ids",), ("input_ids", "attention_mask")):
            raise ValueError("a text tower takes input_ids, and may take attention_mask")
        if self.context < 1:
            raise ValueError(f"context must be at least 1 token, not {self.context}")

    @property
    def files(self) -> tuple[str, str, str]:
        """The names of its weights, its graph and its tokenizer."""
        return f"{self.stem}.safetensors", f"{self.stem}.onnx", TOKENIZER
