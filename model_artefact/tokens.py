"""A tokenizer that makes of every text as many tokens as its tower takes."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from sketchzoo.model_error import ModelError

if TYPE_CHECKING:
    from tokenizers import Encoding, Tokenizer

_LARGEST_CONTEXT = 100_000
"""Fewer tokens than this; some tokenizers state an astronomical length where they mean none."""
TEXTS = ["a cat", "a drawing of a sailing boat with two masts"]
"""What a text tower is tried with."""
_LONG = "a drawing of a cat " * 2000


@dataclass(frozen=True, slots=True)
class Padding:
    """Which token fills a short text up."""

    token: str
    number: int


class Tokens:
    """Token numbers of texts, each cut and padded to `context`."""

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
        if context >= _LARGEST_CONTEXT:
            raise ModelError(f"a context must be of fewer than {_LARGEST_CONTEXT} tokens")
        tokenizer.enable_truncation(context, direction=cut_side)
        tokenizer.enable_padding(
            direction=pad_side, pad_id=padding.number, pad_token=padding.token, length=context
        )
        return cls(tokenizer, context)

    def of(self, texts: list[str]) -> dict[str, npt.NDArray[np.int64]]:
        """Return `input_ids` and `attention_mask` of texts, each `(n, context)`.

        Raises:
            ModelError: it has no tokens for them.

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

    def _encoded(self, texts: list[str]) -> "list[Encoding]":
        try:
            return self._tokenizer.encode_batch(texts)
        except Exception as error:  # the library raises nothing narrower
            said = " ".join(str(error).split())
            raise ModelError(f"the tokenizer has no tokens for {texts[0]!r:.40}: {said}") from error


def load(path: Path) -> "Tokenizer":
    """Read a `tokenizer.json`.

    Raises:
        ModelError: it is missing, or no tokenizer of that format.

    """
    from tokenizers import Tokenizer  # noqa: PLC0415 - an extra's, and few models need it

    if not path.is_file():
        raise ModelError(f"{path} is missing")
    try:
        return Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises nothing narrower
        said = " ".join(str(error).split())
        raise ModelError(f"{path} is no tokenizer.json: {said}") from error


def stated_context(tokenizer: "Tokenizer", path: Path) -> int | None:
    """Return how many tokens a text may have: the tokenizer says so, or the file beside it."""
    stated = [
        (tokenizer.truncation or {}).get("max_length"),
        (tokenizer.padding or {}).get("length"),
        _beside(path).get("model_max_length"),
    ]
    return next(
        (each for each in stated if isinstance(each, int) and 0 < each < _LARGEST_CONTEXT), None
    )


def stated_padding(tokenizer: "Tokenizer", path: Path) -> Padding | None:
    """Return what fills up: the tokenizer says so, or `tokenizer_config.json` beside it."""
    if tokenizer.padding:
        return Padding(tokenizer.padding["pad_token"], tokenizer.padding["pad_id"])
    token = _beside(path).get("pad_token")
    if isinstance(token, dict):  # as older files have it
        token = token.get("content")
    return padding_by(tokenizer, token) if isinstance(token, str) else None


def padding_by(tokenizer: "Tokenizer", token: str) -> Padding | None:
    """Return the padding by a token, None where the tokenizer has none of that name."""
    number = tokenizer.token_to_id(token)
    return None if number is None else Padding(token, number)


def _beside(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.with_name("tokenizer_config.json").read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
