"""Results: what the service answered, as frozen values."""

import io
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sketchzoo.client import arguments
from sketchzoo.client.errors import SearchError
from sketchzoo.client.places import GeoPoint
from sketchzoo.files import write_atomically

if TYPE_CHECKING:
    from PIL import Image

_FLOAT32 = 3.4028234663852886e38


@dataclass(frozen=True, slots=True)
class Hit:
    """A photo found.

    `class_name` is what people named it, empty where nobody did; `seen_class` what the model is
    sure to see, with `seen_confidence` from 0 to 1. `score` is (1 + cosine) / 2: 1 is the same
    direction, 0.5 unrelated. `width` and `height` are in pixels. `near_duplicates` is how many
    photos were folded into this one. `taken_at` is by the camera's clock, in UTC where that
    knows no zone. `rating` is -1 (rejected) to 5 stars, 0 for none. `payload` is empty unless it
    was asked for; its whole numbers are `int`, even where the source's were floats.
    """

    photo_id: str
    class_name: str
    score: float
    uri: str
    width: int
    height: int
    payload: Mapping[str, Any] = field(default_factory=dict)
    near_duplicates: int = 0
    seen_class: str = ""
    seen_confidence: float = 0.0
    folder: str = ""
    file_name: str = ""
    taken_at: datetime | None = None
    camera: str = ""
    location: GeoPoint | None = None
    rating: int = 0


@dataclass(frozen=True, slots=True)
class ClassCounts:
    """Photos by the class that people named, by what the model is sure to see, and in all."""

    named: Mapping[str, int]
    seen: Mapping[str, int]
    total: int


@dataclass(frozen=True, slots=True)
class Gallery:
    """What a gallery holds: photos, the model they were embedded by, and what filters find.

    `earliest` and `latest` are when its photos were taken, None where none tells. `fields` are
    the payload's fields with an index, by name, each with Qdrant's name of its type. `focuses` are
    what a query's `focus` may be, the default first; empty where its model knows none. `takes_text`
    says whether queries may have a `text`.
    """

    name: str
    model_fingerprint: str
    photos: int
    earliest: datetime | None
    latest: datetime | None
    fields: Mapping[str, str]
    focuses: tuple[str, ...] = ()
    takes_text: bool = False


@dataclass(frozen=True, slots=True)
class Timings:
    """Where the time of a search went on the servers, in seconds.

    With `cached` the embedding was known already: decode, queue and encode are 0.
    """

    decode: float = 0.0
    queue: float = 0.0
    encode: float = 0.0
    query: float = 0.0
    total: float = 0.0
    cached: bool = False


@dataclass(frozen=True, slots=True)
class Embedding:
    """A point in a model's space, and the fingerprint of the model."""

    vector: tuple[float, ...] = field(repr=False)
    model_fingerprint: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "vector", _vector(self.vector))
        if not arguments.text("model_fingerprint", self.model_fingerprint):
            raise ValueError("model_fingerprint must name the model that made the vector")


def _vector(values: Any) -> tuple[float, ...]:
    """Check a vector: a tuple, or an array of one dimension, that fits into float32."""
    if isinstance(values, str | bytes | Mapping) or not isinstance(values, Iterable):
        raise TypeError(f"vector must be numbers, not {type(values).__name__}")
    found = tuple(arguments.number("vector", value) for value in values)
    if not found:
        raise ValueError("vector must not be empty")
    if not all(-_FLOAT32 <= value <= _FLOAT32 for value in found):
        raise ValueError("vector must hold finite numbers that fit into float32")
    return found


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The answer to a search: hits, best first.

    `next_page_token` is empty on the last page. A hit scoring under `confident_score`
    likely shows something else than the query; it is 0 where the model states none.
    """

    hits: tuple[Hit, ...]
    model_fingerprint: str
    next_page_token: str
    timings: Timings
    confident_score: float
    query_embedding: Embedding | None = None


@dataclass(frozen=True, slots=True)
class LiveAnswer:
    """The answer to the drawing number `sequence` (from 0) of a live search: one of the two."""

    sequence: int
    result: SearchResult | None = None
    error: SearchError | None = None

    def __post_init__(self) -> None:
        if (self.result is None) == (self.error is None):
            raise ValueError("an answer has either a result or an error")


@dataclass(frozen=True, slots=True)
class PhotoFile:
    """A photo's file or thumbnail; `photo` says what is known of it, its score is 0."""

    content: bytes = field(repr=False)
    content_type: str
    photo: Hit

    def save(self, path: Path | str) -> None:
        """Write the file."""
        write_atomically(Path(path), self.content)

    def open(self) -> "Image.Image":
        """Return it as a Pillow image."""
        from PIL import Image  # noqa: PLC0415 - only who looks at pixels needs Pillow

        with warnings.catch_warnings():
            # Of odd notes in the file; whoever asks for the picture can do nothing about them.
            warnings.simplefilter("ignore")
            return Image.open(io.BytesIO(self.content))
