"""Photos to add to a gallery, and what the gallery service answers, as frozen values."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypedDict

from sketchzoo.client import arguments
from sketchzoo.client.errors import SearchError

Outcome = Literal["written", "updated", "unchanged"]
Source = str | os.PathLike[str] | bytes | bytearray | memoryview
"""A file's path, a photo's bytes, or a uri (`https://`, `s3://`, `file://` ...)."""


@dataclass(frozen=True, slots=True)
class NewPhoto:
    """A photo to add: a file's path, bytes, or a uri that the service reads by itself.

    A string with `://` is a uri, every other one a path. `file_name` is the file's own where
    none is given. `class_name` is what people call it, `folder` where it belongs
    (`2024/summer`), `payload` columns of one's own: numbers, strings, booleans, lists of strings.
    TypeError and ValueError name the argument.
    """

    source: Source = field(repr=False)
    class_name: str = ""
    folder: str = ""
    file_name: str = ""
    payload: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not isinstance(self.source, str | os.PathLike | bytes | bytearray | memoryview):
            raise TypeError(
                "source must be a file's path, bytes or a uri, not " + type(self.source).__name__
            )
        if isinstance(self.source, bytes | bytearray | memoryview) and not len(self.source):
            raise ValueError("source must not be empty")
        for name in ("class_name", "folder", "file_name"):
            arguments.text(name, getattr(self, name))
        if not isinstance(self.payload, Mapping):
            raise TypeError(f"payload must be a mapping, not {type(self.payload).__name__}")

    @property
    def uri(self) -> str:
        """The uri that the service reads; empty for a path and for bytes."""
        source = self.source
        return source if isinstance(source, str) and "://" in source else ""

    @property
    def path(self) -> str:
        """The file's path; empty for a uri and for bytes."""
        if self.uri or isinstance(self.source, bytes | bytearray | memoryview):
            return ""
        return os.fsdecode(self.source)

    @property
    def name(self) -> str:
        """What it is called in messages."""
        return self.uri or self.path or self.file_name or "bytes"


@dataclass(frozen=True, slots=True)
class AddResult:
    """What became of a photo: its id and outcome, or the error that it was not added for.

    `index` counts the photos given from 0: results come as photos are settled.
    """

    index: int
    photo: NewPhoto
    photo_id: str = ""
    outcome: Outcome | None = None
    error: SearchError | OSError | None = None

    @property
    def ok(self) -> bool:
        """Whether the photo is in the gallery."""
        return self.error is None


@dataclass(frozen=True, slots=True)
class GalleryStatus:
    """What a gallery holds, and what is under way.

    `collection` is empty where nothing was added yet. `pending` photos were taken and not
    answered. `takes_bytes` says whether photos may be sent as files and bytes.
    """

    gallery: str
    collection: str
    model_name: str
    model_fingerprint: str
    photos: int
    pending: int
    takes_bytes: bool


class Conditions(TypedDict, total=False):
    """Which photos are meant: those that meet all of these, as in a search."""

    classes: Sequence[str]
    excluded_classes: Sequence[str]
    where: Mapping[str, Any]
    folders: Sequence[str]
    seen_classes: Sequence[str]


def as_photo(photo: "NewPhoto | Source") -> NewPhoto:
    """Return what is given, a path, bytes or a uri made a `NewPhoto`."""
    return photo if isinstance(photo, NewPhoto) else NewPhoto(photo)
