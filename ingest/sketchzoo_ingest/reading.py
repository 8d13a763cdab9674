"""Reading: a photo's file to what is kept of it and the picture that the encoder gets.

Each file is decoded at the reduced scale that is enough for the network, and but for small ones
only here. Encoder and network see the very pixels that they would have made of the file.
"""

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from PIL import Image

from sketchzoo.images import (
    ImageError,
    ImageLimits,
    Metadata,
    Preprocessing,
    decode,
    enough_for,
    fitted,
    lossless,
    measure,
    read_metadata,
)
from sketchzoo.qdrant import GeoPoint, Photo
from sketchzoo_ingest.feed import Listed
from sketchzoo_ingest.memory import Memory
from sketchzoo_ingest.outcome import Reason, Refusal, RefusedError
from sketchzoo_ingest.phash import phash
from sketchzoo_ingest.sources import Candidate

# What a perceptual hash needs of a photo's short side, where the encoder wants the file.
_ENOUGH = 128
# What a file is expected to have at most where only reading tells; a larger one is read again.
_EXPECTED_BYTES = 16 * 1024 * 1024
_JPEG = b"\xff\xd8\xff"
_OUTLINE_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class ReadPhoto:
    """A photo as it was read, and the picture to embed."""

    candidate: Candidate
    photo: Photo
    picture: bytes = field(repr=False)


class Reading:
    """Reads photos within limits; called in threads.

    `preprocessing` is how the encoder prepares photos; None sends the files as they are, up
    to `max_sent_bytes`. Of places nothing is kept without `locations`. Files that are read at
    once take at most `max_held_bytes`, or one alone more.
    """

    def __init__(
        self,
        limits: ImageLimits,
        preprocessing: Preprocessing | None = None,
        *,
        max_sent_bytes: int = 16 * 1024 * 1024,
        max_held_bytes: int = 64 * 1024 * 1024,
        locations: bool = True,
    ) -> None:
        self._limits = limits
        self._preprocessing = preprocessing
        self._max_sent_bytes = min(max_sent_bytes, limits.max_bytes)
        self._locations = locations
        self._memory = Memory(max_held_bytes)
        self._enough = enough_for(preprocessing) if preprocessing else _ENOUGH

    def reserved(self, candidate: Candidate) -> int:
        """Return how many bytes a photo's picture may have at most."""
        if self._preprocessing is not None:
            side = max(self._preprocessing.cut, self._preprocessing.size)
            return 3 * side * side
        size = self._max_sent_bytes if candidate.size is None else candidate.size
        return min(size, self._max_sent_bytes)

    def read(self, listed: Listed) -> ReadPhoto | Refusal:
        """Read a candidate."""
        candidate = listed.candidate
        try:
            expected = _EXPECTED_BYTES if candidate.size is None else candidate.size
            expected = min(expected, self._limits.max_bytes)
            try:
                with self._memory.held(expected):
                    return self._look(candidate, listed.reader.read(candidate, expected))
            except RefusedError as error:
                if error.reason is not Reason.TOO_LARGE or expected == self._limits.max_bytes:
                    raise
            # It is larger than it was told to be.
            with self._memory.held(self._limits.max_bytes):
                content = listed.reader.read(candidate, self._limits.max_bytes)
                return self._look(candidate, content)
        except RefusedError as error:
            return candidate.refusal(error.reason, error.message)
        except ImageError as error:
            return candidate.refusal(Reason.of(error.reason), str(error))

    def known(self, candidate: Candidate, before: Photo) -> dict[str, Any]:
        """Return what a photo whose file is unchanged has by its listing and the settings."""
        place = _place(candidate.place) or before.location
        return {
            **_listed(candidate),
            "taken_at": candidate.taken_at or before.taken_at,
            "camera": candidate.camera or before.camera,
            "location": place if self._locations else None,
            "rating": before.rating if candidate.rating is None else candidate.rating,
        }

    def _measured(self, content: bytes) -> tuple[bytes, tuple[int, int]]:
        """Return what tells of an image, and its sides in pixels.

        A JPEG tells all at its start: to search the rest of a large one costs a tenth of
        what decoding it does.
        """
        if content.startswith(_JPEG) and len(content) > _OUTLINE_BYTES:
            outline = content[:_OUTLINE_BYTES]
            with suppress(ImageError):
                return outline, measure(outline, self._limits)
        return content, measure(content, self._limits)

    def _look(self, candidate: Candidate, content: bytes) -> ReadPhoto:
        if self._preprocessing is None and len(content) > self._max_sent_bytes:
            raise RefusedError(
                Reason.TOO_LARGE,
                f"has {len(content)} bytes; this encoder takes files as they are, and "
                f"encoder_max_message_bytes leaves {self._max_sent_bytes}",
            )
        outline, (width, height) = self._measured(content)
        image = decode(content, self._limits, enough=self._enough)
        metadata = read_metadata(outline)
        place = _place(candidate.place or metadata.location) if self._locations else None
        photo = Photo(
            **_listed(candidate),
            sha256=hashlib.sha256(content).hexdigest(),
            width=width,
            height=height,
            bytes=len(content),
            taken_at=candidate.taken_at or metadata.taken_at,
            camera=candidate.camera or metadata.camera or "",
            location=place,
            rating=_rating(candidate, metadata),
            phash=phash(image),
        )
        if self._preprocessing is not None and not self._is_small(content, image):
            content = lossless(fitted(image, self._preprocessing))
        return ReadPhoto(candidate, photo, content)

    def _is_small(self, content: bytes, image: Image.Image) -> bool:
        """Tell whether a JPEG goes as it is: decoding it again costs less than sending its square.

        The square has three bytes a pixel, ten times as many as the file of a photo that is
        hardly larger.
        """
        if self._preprocessing is None or not content.startswith(_JPEG):
            return False
        square = self._preprocessing.cut**2
        return image.width * image.height <= 2 * square and len(content) <= square


def _listed(candidate: Candidate) -> dict[str, Any]:
    return {
        "uri": candidate.uri,
        "class_name": candidate.class_name,
        "folder": candidate.folder,
        "file_name": candidate.file_name,
        "modified_at": candidate.modified_at,
        "payload": _payload(candidate.payload),
    }


def _payload(columns: Mapping[str, Any]) -> dict[str, Any]:
    """Return columns as the collection gives them back."""
    return {
        name: list(value) if isinstance(value, list | tuple) else value
        for name, value in columns.items()
    }


def _place(place: tuple[float, float] | None) -> GeoPoint | None:
    return None if place is None else GeoPoint(*place)


def _rating(candidate: Candidate, metadata: Metadata) -> int:
    return (metadata.rating or 0) if candidate.rating is None else candidate.rating
