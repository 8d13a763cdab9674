"""Reading: a photo's file to what is known of it and the picture that the encoder gets."""

import hashlib
from dataclasses import dataclass, field

from sketchzoo.images import ImageError, ImageLimits, measure
from sketchzoo.qdrant import photo_id
from sketchzoo_ingest.feed import Listed
from sketchzoo_ingest.outcome import Reason, Refusal, RefusedError
from sketchzoo_ingest.sources import Candidate


@dataclass(frozen=True, slots=True)
class ReadPhoto:
    """A photo as it was read: its content's hash, its point's id, its sides in pixels.

    `picture` is what the encoder gets of it, `size` its file's length in bytes.
    """

    candidate: Candidate
    picture: bytes = field(repr=False)
    size: int
    sha256: str
    id: str
    width: int
    height: int


class Reading:
    """Reads photos within limits; called in threads."""

    def __init__(self, limits: ImageLimits) -> None:
        self._limits = limits

    def reserved(self, candidate: Candidate) -> int:
        """Return how many bytes a photo's picture may have at most."""
        size = self._limits.max_bytes if candidate.size is None else candidate.size
        return min(size, self._limits.max_bytes)

    def read(self, listed: Listed) -> ReadPhoto | Refusal:
        """Read a candidate."""
        candidate = listed.candidate
        try:
            content = listed.reader.read(candidate, self._limits.max_bytes)
            width, height = measure(content, self._limits)
        except RefusedError as error:
            return candidate.refusal(error.reason, error.message)
        except ImageError as error:
            return candidate.refusal(Reason.of(error.reason), str(error))
        sha256 = hashlib.sha256(content).hexdigest()
        return ReadPhoto(candidate, content, len(content), sha256, photo_id(sha256), width, height)
