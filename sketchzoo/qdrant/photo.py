"""A photo of the gallery as its point's id and payload."""

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Self

# Payload fields with a meaning of their own; a source's columns must have other names.
_FIELDS = ("class", "uri", "sha256", "width", "height", "ingested_at")
_TYPES = [str, str, str, int, int, str]
_NAMES = {str: "a string", int: "a whole number"}
RESERVED = frozenset(_FIELDS)

_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "https://sketchzoo.dev/photos")
_SHA256 = re.compile(r"^[0-9a-f]{64}$")


def photo_id(sha256: str) -> str:
    """Return the point id of a photo: UUIDv5 of its content's SHA-256 in hexadecimal.

    The same content has the same id whenever and wherever it is ingested.
    """
    if not _SHA256.match(sha256):
        raise ValueError(f"sha256 must be 64 hexadecimal digits, not {sha256!r}")
    return str(uuid.uuid5(_NAMESPACE, sha256))


@dataclass(frozen=True, slots=True)
class Photo:
    """What is kept of a photo beside its embedding.

    `uri` says where the file lies, `width` and `height` are in pixels, `payload` holds
    the source's own columns.
    """

    class_name: str
    uri: str
    sha256: str
    width: int
    height: int
    ingested_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    payload: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.class_name:
            raise ValueError("class_name must not be empty")
        if not _SHA256.match(self.sha256):
            raise ValueError(f"sha256 must be 64 hexadecimal digits, not {self.sha256!r}")
        if self.width < 1 or self.height < 1:
            raise ValueError(f"width and height must be pixels, not {self.width}x{self.height}")
        if self.ingested_at.tzinfo is None:
            raise ValueError("ingested_at must have a time zone")
        if taken := RESERVED & self.payload.keys():
            raise ValueError(f"payload must not use the reserved names {sorted(taken)}")

    @property
    def id(self) -> str:
        """The point's id."""
        return photo_id(self.sha256)

    def to_payload(self) -> dict[str, Any]:
        """Return the point's payload."""
        return {
            **self.payload,
            "class": self.class_name,
            "uri": self.uri,
            "sha256": self.sha256,
            "width": self.width,
            "height": self.height,
            "ingested_at": self.ingested_at.isoformat(),
        }

    @classmethod
    def from_payload(cls, payload: Mapping[str, Any]) -> Self:
        """Read a point's payload; ValueError names the field where something else wrote it."""
        # Of every hit: one comparison where all is well.
        values: list[Any] = [payload.get(name) for name in _FIELDS]
        if [type(value) for value in values] != _TYPES:
            for name, kind, value in zip(_FIELDS, _TYPES, values, strict=True):
                if type(value) is not kind:
                    raise ValueError(f"{name} must be {_NAMES[kind]}, not {value!r}")
        class_name, uri, sha256, width, height, ingested_at = values
        return cls(
            class_name,
            uri,
            sha256,
            width,
            height,
            datetime.fromisoformat(ingested_at),
            payload={key: value for key, value in payload.items() if key not in RESERVED},
        )
