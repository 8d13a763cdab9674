"""The protocol of sources, and what they list."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from sketchzoo.class_names import ClassNameError, class_name
from sketchzoo.ignored import Ignored
from sketchzoo_ingest.outcome import Reason, Refusal, RefusedError

Value = str | int | float | bool | Sequence[str]
"""What a source's own column may hold."""
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*://")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A photo that a source lists, before anything of it was read.

    `class_name` is what people named it, empty where nobody did. `location` tells its source
    where the bytes are, `origin` tells people (a path, or a manifest's line). `size` is the
    file's length in bytes, None where only reading will tell. `folder` is where it lies in its
    source (`2024/summer`, empty for the source itself), `modified_at` when it was changed last,
    None where nothing tells. `taken_at`, `camera`, `place` (latitude and longitude in degrees)
    and `rating` (-1 to 5) are what a manifest says, None and empty where the file itself is to
    be asked. A plain value: it may be sent to another machine that has the source.
    """

    uri: str
    class_name: str
    location: str = field(repr=False)  # a url's may have user info
    origin: str
    size: int | None = None
    payload: Mapping[str, Value] = field(default_factory=dict)
    folder: str = ""
    file_name: str = ""
    modified_at: datetime | None = None
    taken_at: datetime | None = None
    camera: str = ""
    place: tuple[float, float] | None = None
    rating: int | None = None

    def __post_init__(self) -> None:
        if self.size is not None and self.size < 0:
            raise ValueError(f"size must be bytes, not {self.size}")
        for name in ("modified_at", "taken_at"):
            when = getattr(self, name)
            if when is not None and when.tzinfo is None:
                raise ValueError(f"{name} must have a time zone")

    @property
    def is_remote(self) -> bool:
        """Whether reading waits for a network rather than for a disk."""
        return self.size is None or _SCHEME.match(self.location) is not None

    def refusal(self, reason: Reason, message: str) -> Refusal:
        """Return why this photo is left out."""
        return Refusal(self.origin, reason, message, self.uri, self.class_name)


@dataclass(frozen=True, slots=True)
class PassedOver:
    """What lies among the photos and is none; it is counted by its kind alone."""

    kind: Ignored


@dataclass(frozen=True, slots=True)
class Emptied:
    """A folder that is there and holds no photo, as a mount point does whose disk is away."""

    uri: str


Entry = Candidate | Refusal | PassedOver | Emptied
"""What a listing is made of; the first two are photos, listed and refused ones."""


class ClassFrom(StrEnum):
    """Where the classes of a source's photos come from."""

    FOLDER = "folder"
    """The first folder below the source that a photo lies in."""
    NONE = "none"
    """Nowhere: nobody named any."""
    COLUMN = "column"
    """A column, or what lies beside a photo in its shard."""


@dataclass(frozen=True, slots=True)
class Classes:
    """Where a source's classes come from, and why where that was not said."""

    of: ClassFrom
    why: str = ""

    def __str__(self) -> str:
        return f"{self.of} ({self.why})" if self.why else str(self.of)


class Source(Protocol):
    """Where photos come from: a folder, a bucket, a manifest, shards."""

    @property
    def name(self) -> str:
        """What the operator called it."""

    @property
    def classes(self) -> Classes:
        """Where its classes come from; the report says so."""

    @property
    def root(self) -> str | None:
        """The prefix of all its photos' uris, and of no others'.

        None where photos that are gone cannot be told from others': no pruning then.
        """

    def candidates(self) -> Iterator[Entry]:
        """Yield every photo, always in the same order; called in a thread.

        What cannot be read is refused by its uri, which stands for all below it as well.
        """

    def read(self, candidate: Candidate, limit: int) -> bytes:
        """Return a photo's bytes; called in threads, several at once.

        Raises:
            RefusedError: it cannot be read, or has more than `limit` bytes.

        """


def check_class(text: str) -> str:
    """Return the class that a folder's name or a cell names.

    Raises:
        RefusedError: it names none.

    """
    try:
        return class_name(text)
    except ClassNameError as error:
        reason = Reason.NO_CLASS if error.is_empty else Reason.BAD_NAME
        raise RefusedError(reason, str(error)) from error
