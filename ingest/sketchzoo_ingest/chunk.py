"""Chunks: the unit of work, a few photos of one source that travel together."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice

from sketchzoo.images import ImageError, ImageLimits, measure
from sketchzoo.qdrant import photo_id
from sketchzoo_ingest.outcome import Reason, Refusal, RefusedError
from sketchzoo_ingest.sources import Candidate, Entry, Source


@dataclass(frozen=True, slots=True)
class Chunk:
    """What one source listed, in order: photos, refused ones, and what is none.

    `reserved` is how many bytes they may have at most.
    """

    source: Source
    entries: tuple[Entry, ...]
    reserved: int

    @property
    def photos(self) -> int:
        """How many photos were listed, refused ones among them."""
        return sum(isinstance(entry, Candidate | Refusal) for entry in self.entries)

    @property
    def is_remote(self) -> bool:
        """Whether reading waits for a network rather than for a disk."""
        return any(isinstance(entry, Candidate) and entry.size is None for entry in self.entries)


@dataclass(frozen=True, slots=True)
class ReadPhoto:
    """A photo as it was read: its bytes, their hash, its point's id, its sides in pixels."""

    candidate: Candidate
    content: bytes = field(repr=False)
    sha256: str
    id: str
    width: int
    height: int


class Chunker:
    """Cuts a source's listing into chunks of at most `photos` and about `max_bytes`."""

    def __init__(self, source: Source, *, photos: int, max_bytes: int, limits: ImageLimits) -> None:
        self._source = source
        self._photos = photos
        self._max_bytes = max_bytes
        self._limits = limits
        self._entries: Iterator[Entry] = iter(source.candidates())
        self._left: Entry | None = None

    def next(self) -> Chunk | None:
        """Return the next chunk, None after the last; lists files, so call it in a thread."""
        entries: list[Entry] = []
        reserved = 0
        for entry in self._ahead(self._photos):
            size = self._worst(entry)
            if entries and reserved + size > self._max_bytes:
                self._left = entry
                break
            entries.append(entry)
            reserved += size
        return Chunk(self._source, tuple(entries), reserved) if entries else None

    def _ahead(self, photos: int) -> Iterable[Entry]:
        if self._left is not None:
            entry, self._left = self._left, None
            yield entry
            photos -= 1
        yield from islice(self._entries, photos)

    def _worst(self, entry: Entry) -> int:
        if not isinstance(entry, Candidate):
            return 0
        size = self._limits.max_bytes if entry.size is None else entry.size
        return min(size, self._limits.max_bytes)


def read_photo(source: Source, candidate: Candidate, limits: ImageLimits) -> ReadPhoto | Refusal:
    """Read, hash and measure a photo; no pixel is decoded. Call it in a thread."""
    try:
        content = source.read(candidate, limits.max_bytes)
        width, height = measure(content, limits)
    except RefusedError as error:
        return candidate.refusal(error.reason, error.message)
    except ImageError as error:
        return candidate.refusal(Reason.of(error.reason), str(error))
    sha256 = hashlib.sha256(content).hexdigest()
    return ReadPhoto(candidate, content, sha256, photo_id(sha256), width, height)
