"""What a tokenizer's files state of the texts that its tower takes."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sketchzoo.tokenizer import LARGEST_CONTEXT, Padding

if TYPE_CHECKING:
    from tokenizers import Tokenizer


def stated_context(tokenizer: "Tokenizer", path: Path) -> int | None:
    """Return how many tokens a text may have: the tokenizer says so, or the file beside it."""
    stated = [
        (tokenizer.truncation or {}).get("max_length"),
        (tokenizer.padding or {}).get("length"),
        _beside(path).get("model_max_length"),
    ]
    return next(
        (each for each in stated if isinstance(each, int) and 0 < each < LARGEST_CONTEXT), None
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
