"""A photo of the gallery as its point's id and payload."""

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from itertools import pairwise
from typing import Any, Self

from sketchzoo.seen import SeenClass

_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "https://sketchzoo.dev/photos")
_SHA256 = re.compile(r"^[0-9a-f]{64}$")

# What every photo has, and what some have, with the types that the wire gives them.
_REQUIRED = {"uri": str, "sha256": str, "width": int, "height": int, "ingested_at": str}
_FROM_FILE = {
    "class": str,
    "folder": str,
    "file_name": str,
    "taken_at": str,
    "camera": str,
    "location": dict,
    "rating": int,
}
_TYPES = {
    **_REQUIRED,
    **_FROM_FILE,
    "folders": list,
    "bytes": int,
    "modified_at": str,
    "phash": str,
    "phash_keys": list,
    "burst": str,
    "near_duplicate_of": str,
    "seen_class": str,
    "seen_confidence": float,
}
_NAMES = {
    str: "a string",
    int: "a whole number",
    float: "a number",
    dict: "an object",
    list: "a list",
}
NAMED = frozenset(_FROM_FILE)
"""Fields that a source's columns of the same names fill, instead of the file itself."""
RESERVED = frozenset(_TYPES)
"""Payload fields with a meaning of their own."""
DERIVED = frozenset(("phash_keys", "near_duplicate_of"))
"""Those that say nothing that others do not: indexes are made of them."""
UNREAD = DERIVED | {"folders"}
"""Those that a photo is not read from."""
SHOWN = frozenset((*_REQUIRED, *_FROM_FILE, "burst", "seen_class", "seen_confidence"))
"""Those that a hit shows, and what every photo must have."""
_MAX_FOLDERS = 32
# Bits of a perceptual hash's parts, of which two neighbours make a key.
_PARTS = (13, 13, 13, 13, 12)


# Asked for a photo's id again and again on its way into the collection.
@lru_cache(maxsize=4096)
def photo_id(sha256: str) -> str:
    """Return the point id of a photo: UUIDv5 of its content's SHA-256 in hexadecimal.

    The same content has the same id whenever and wherever it is ingested.
    """
    if not _SHA256.match(sha256):
        raise ValueError(f"sha256 must be 64 hexadecimal digits, not {sha256!r}")
    return str(uuid.uuid5(_NAMESPACE, sha256))


@dataclass(frozen=True, slots=True)
class GeoPoint:
    """A place on Earth in degrees (WGS 84)."""

    lat: float
    lon: float

    def __post_init__(self) -> None:
        if not (-90 <= self.lat <= 90 and -180 <= self.lon <= 180):  # noqa: PLR2004 - degrees
            raise ValueError(f"lat must be -90 to 90 and lon -180 to 180, not {self}")


@dataclass(frozen=True, slots=True)
class Photo:
    """What is kept of a photo beside its embedding.

    `class_name` is what people named it, empty where nobody did; `seen` what the model is
    sure of. `uri` says where the file lies, `folder` where in its source (`2024/summer`, empty
    for the source itself). `width` and `height` are in pixels, as it is shown. `bytes` and
    `modified_at` are those of the file when it was read, by which an unchanged one is known.
    `taken_at` is by the camera's clock. `rating` is -1 (rejected) to 5. `phash` is 64 bits in
    hexadecimal, `burst` the id of the first photo of those that look nearly the same, the
    photo's own where there is no other. `payload` holds the source's own columns.
    """

    class_name: str
    uri: str
    sha256: str
    width: int
    height: int
    ingested_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    folder: str = ""
    file_name: str = ""
    bytes: int = 0
    modified_at: datetime | None = None
    taken_at: datetime | None = None
    camera: str = ""
    location: GeoPoint | None = None
    rating: int = 0
    phash: str = ""
    burst: str = ""
    seen: SeenClass | None = None
    payload: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.uri:
            raise ValueError("uri must not be empty")
        if not _SHA256.match(self.sha256):
            raise ValueError(f"sha256 must be 64 hexadecimal digits, not {self.sha256!r}")
        if self.width < 1 or self.height < 1:
            raise ValueError(f"width and height must be pixels, not {self.width}x{self.height}")
        for name in ("ingested_at", "modified_at", "taken_at"):
            when = getattr(self, name)
            if when is not None and when.tzinfo is None:
                raise ValueError(f"{name} must have a time zone")
        if not -1 <= self.rating <= 5:  # noqa: PLR2004 - stated in the message
            raise ValueError(f"rating must be -1 to 5, not {self.rating}")
        if taken := RESERVED & self.payload.keys():
            raise ValueError(f"payload must not use the reserved names {sorted(taken)}")

    @property
    def id(self) -> str:
        """The point's id."""
        return photo_id(self.sha256)

    def to_payload(self) -> dict[str, Any]:
        """Return the point's payload; what is not known has no field."""
        optional = {
            "class": self.class_name,
            "folder": self.folder,
            "folders": folders(self.folder),
            "file_name": self.file_name,
            "bytes": self.bytes,
            "modified_at": self.modified_at and self.modified_at.isoformat(),
            "taken_at": self.taken_at and self.taken_at.isoformat(),
            "camera": self.camera,
            "location": self.location and {"lat": self.location.lat, "lon": self.location.lon},
            "rating": self.rating,
            "phash": self.phash,
            "phash_keys": list(phash_keys(self.phash)),
            "burst": self.burst,
            # Of all but the first, whose id it is: where no point has it, nothing folds.
            "near_duplicate_of": self.burst if self.burst != self.id else "",
            "seen_class": self.seen and self.seen.class_name,
            "seen_confidence": self.seen and self.seen.confidence,
        }
        return {
            **self.payload,
            "uri": self.uri,
            "sha256": self.sha256,
            "width": self.width,
            "height": self.height,
            "ingested_at": self.ingested_at.isoformat(),
            **{name: value for name, value in optional.items() if value},
        }

    @classmethod
    def from_payload(cls, payload: Mapping[str, Any]) -> Self:
        """Read a point's payload; ValueError names the field where something else wrote it."""
        own: dict[str, Any] = {}
        # Of every hit, so in one pass.
        for name, value in payload.items():
            kind = _TYPES.get(name)
            if kind is None:
                own[name] = value
            elif type(value) is not kind:
                raise _wrong(name, value)
        get = payload.get
        try:
            return cls(
                get("class", ""),
                payload["uri"],
                payload["sha256"],
                payload["width"],
                payload["height"],
                datetime.fromisoformat(payload["ingested_at"]),
                get("folder", ""),
                get("file_name", ""),
                get("bytes", 0),
                _time(get("modified_at")),
                _time(get("taken_at")),
                get("camera", ""),
                _place(get("location")),
                get("rating", 0),
                get("phash", ""),
                get("burst", ""),
                _seen(get("seen_class"), get("seen_confidence")),
                own,
            )
        except KeyError as error:
            raise _wrong(error.args[0], None) from error


def _wrong(name: str, value: object) -> ValueError:
    return ValueError(f"{name} must be {_NAMES[_TYPES[name]]}, not {value!r}")


def folders(folder: str) -> list[str]:
    """Return a folder and all above it, the outermost first: what a folder's filter finds."""
    parts = folder.split("/")[:_MAX_FOLDERS] if folder else []
    return ["/".join(parts[:depth]) for depth in range(1, len(parts) + 1)]


@lru_cache(maxsize=4096)
def phash_keys(phash: str) -> tuple[int, ...]:
    """Return the five numbers by which photos are found whose perceptual hashes hardly differ.

    Each tells two neighbours of a hash's five parts, which lie in a ring, and which. Two hashes
    of up to two bits' difference share one of them at least; of 7,132 photos each shared one
    with 0.02 others (docs/adr/0071-bursts.md).
    """
    if not phash:
        return ()
    bits, left = int(phash, 16), sum(_PARTS)
    parts: list[int] = []
    for width in _PARTS:
        left -= width
        parts.append(bits >> left & (1 << width) - 1)
    pairs = pairwise([*parts, parts[0]])
    return tuple(place << 26 | one << 13 | other for place, (one, other) in enumerate(pairs))


def _time(text: Any) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _place(value: Any) -> GeoPoint | None:
    try:
        return None if value is None else GeoPoint(**value)
    except TypeError as error:
        raise ValueError(f"location must have lat and lon, not {value!r}") from error


def _seen(class_name: Any, confidence: Any) -> SeenClass | None:
    if class_name is None:
        return None
    if confidence is None:
        raise _wrong("seen_confidence", None)
    return SeenClass(class_name, confidence)
