"""Queries to load a search service with, as the bytes of their requests."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sketchzoo.load.drawings import marked
from sketchzoo.search.v1 import search_pb2

_MOST_DRAWINGS = 500
_SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff"}
_MARK_BYTES = 8


def drawings_of(folder: Path) -> list[Path]:
    """Return a folder's drawings, those of folders in it too, in order: the first 500.

    Raises:
        ValueError: there is none.

    """
    found = sorted(
        path for path in folder.rglob("*") if path.suffix.lower() in _SUFFIXES and path.is_file()
    )
    if not found:
        raise ValueError(f"{folder} holds no drawings: no .png, .jpg, .webp, .gif, .bmp or .tif")
    return found[:_MOST_DRAWINGS]


def _random_start() -> int:
    return 1 + int.from_bytes(os.urandom(4), "little")


@dataclass(frozen=True, slots=True)
class Requests:
    """The request of each number, of several in turn, its query one that no other number has.

    Nor has another run: what a service keeps of earlier queries answers none, unless they are
    `repeated`. A few bytes after an image's end change its hash and not what it shows; to strokes
    a short one is added. Words stay as they are.
    """

    asked: Sequence[search_pb2.SearchRequest]
    repeated: bool = False
    first: int = field(default_factory=_random_start)

    def __post_init__(self) -> None:
        if not self.asked:
            raise ValueError("there is nothing to ask")

    def __call__(self, number: int) -> bytes:
        """Return the request's bytes."""
        asked = self.asked[number % len(self.asked)]
        source = asked.query.WhichOneof("source")
        if self.repeated or source not in ("sketch", "strokes"):
            return asked.SerializeToString()
        request = search_pb2.SearchRequest()
        request.CopyFrom(asked)
        mark = self.first + number
        if source == "strokes":
            request.query.strokes.CopyFrom(marked(asked.query.strokes, mark))
        else:
            request.query.sketch += mark.to_bytes(_MARK_BYTES, "little")
        return request.SerializeToString()
