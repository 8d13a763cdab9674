"""Queries to load a search service with, as the bytes of their requests."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sketchzoo.ignored import READ, may_be_photos
from sketchzoo.load.drawings import marked
from sketchzoo.search.v1 import search_pb2

_MOST_DRAWINGS = 500
_MOST_BYTES = 256 * 2**20
"""Of drawings' files: the client holds them all."""
_MARK_BYTES = 8


def drawings_of(folder: Path) -> list[Path]:
    """Return a folder's drawings, those of folders in it too: the first 500, and 256 MiB.

    Raises:
        ValueError: there is none.

    """
    found: list[Path] = []
    held = 0
    for path in may_be_photos(folder):
        if path.suffix.lower() in READ:
            held += path.stat().st_size
            if found and (held > _MOST_BYTES or len(found) == _MOST_DRAWINGS):
                break
            found.append(path)
    if not found:
        raise ValueError(f"{folder} holds no drawings: no .png, .jpg, .webp or the like")
    return found


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
