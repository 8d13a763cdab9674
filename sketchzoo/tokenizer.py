"""A tokenizer that makes of every text as many tokens as its tower takes."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from sketchzoo.model_error import ModelError

if TYPE_CHECKING:
    from tokenizers import Encoding, Tokenizer

LARGEST_CONTEXT = 100_000
"""Fewer tokens than this; some tokenizers state an astronomical length where they mean none."""
_LONG = "a drawing of a cat " * 2000


class TokenizersMissingError(ModelError):
    """The library that reads tokenizers is not installed; the message names the extra."""


class NoTokensError(ModelError):
    """A tokenizer that knows no token for the unknown was given it."""


@dataclass(frozen=True, slots=True)
class Padding:
    """Which token fills a short text up."""

    token: str
    number: int


class Tokens:
    """Token numbers of texts, each of `context` at most."""

    def __init__(self, tokenizer: "Tokenizer", context: int) -> None:
        self._tokenizer = tokenizer
        self.context = context

    @classmethod
    def read(cls, path: Path, context: int) -> "Tokens":
        """Read a tokenizer that an artefact has, which cuts and pads by itself.

        Raises:
            ModelError: it is missing, no tokenizer, or cuts or pads to another length.

        """
        tokenizer = load(path)
        lengths = [(tokenizer.truncation or {}).get("max_length")]
        lengths.append((tokenizer.padding or {}).get("length"))
        if lengths != [context, context]:
            raise ModelError(f"{path} does not cut and pad texts to {context} tokens")
        return cls(tokenizer, context)

    @classmethod
    def fitted(cls, tokenizer: "Tokenizer", context: int, padding: Padding) -> "Tokens":
        """Make a tokenizer cut and pad to `context`; on which side stays its own.

        Raises:
            ModelError: the context is too short for the tokens that it adds to each text, or
                longer than any.

        """
        sides = [(tokenizer.padding or {}), (tokenizer.truncation or {})]
        pad_side, cut_side = (each.get("direction", "right") for each in sides)
        if context <= tokenizer.num_special_tokens_to_add(is_pair=False):
            raise ModelError(f"a context of {context} tokens leaves no room for a text")
        if context >= LARGEST_CONTEXT:
            raise ModelError(f"a context must be of fewer than {LARGEST_CONTEXT} tokens")
        tokenizer.enable_truncation(context, direction=cut_side)
        tokenizer.enable_padding(
            direction=pad_side, pad_id=padding.number, pad_token=padding.token, length=context
        )
        return cls(tokenizer, context)

    @classmethod
    def cut(cls, path: Path, context: int) -> "Tokens":
        """Read a tokenizer to cut texts to `context`, padded only to the longest of those given.

        Raises:
            ModelError: it is missing, or no tokenizer.

        """
        tokenizer = load(path)
        tokenizer.enable_truncation(context)
        tokenizer.enable_padding()
        return cls(tokenizer, context)

    def of(self, texts: Sequence[str]) -> dict[str, npt.NDArray[np.int64]]:
        """Return `input_ids` and `attention_mask` of texts, each `(n, tokens)`.

        Raises:
            NoTokensError: it has none for them.

        """
        found = self._encoded(texts)
        return {
            "input_ids": np.array([each.ids for each in found], np.int64),
            "attention_mask": np.array([each.attention_mask for each in found], np.int64),
        }

    @property
    def largest(self) -> int:
        """The largest number that it may make."""
        return max(self._tokenizer.get_vocab(with_added_tokens=True).values(), default=0)

    @property
    def end(self) -> int | None:
        """The token that every text ends with, whatever its length; None where there is none."""
        last = {self._last(text) for text in ("a", "a cat", _LONG)}
        return last.pop() if len(last) == 1 else None

    def save(self, path: Path) -> None:
        """Write it."""
        self._tokenizer.save(str(path))

    def _last(self, text: str) -> int | None:
        (found,) = self._encoded([text])
        pairs = zip(found.ids, found.attention_mask, strict=True)
        kept = [number for number, is_text in pairs if is_text]
        return kept[-1] if kept else None

    def _encoded(self, texts: Sequence[str]) -> "list[Encoding]":
        try:
            return self._tokenizer.encode_batch(list(texts))
        except Exception as error:  # the library raises nothing narrower
            said = " ".join(str(error).split())
            raise NoTokensError(
                f"the tokenizer has no tokens for {texts[0]!r:.40}: {said}"
            ) from error


def load(path: Path) -> "Tokenizer":
    """Read a `tokenizer.json`.

    Raises:
        ModelError: it is missing, or no tokenizer of that format.
        TokenizersMissingError: nothing here reads such files.

    """
    # Its threads gain nothing here; once it had some, whatever forks warns on stderr.
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    try:
        from tokenizers import Tokenizer  # noqa: PLC0415 - an extra's, and few models need it
    except ImportError as error:
        raise TokenizersMissingError(
            f"{path} is read by the library tokenizers: pip install 'sketchzoo[text]'"
        ) from error
    if not path.is_file():
        raise ModelError(f"{path} is missing")
    try:
        return Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises nothing narrower
        said = " ".join(str(error).split())
        raise ModelError(f"{path} is no tokenizer.json: {said}") from error
