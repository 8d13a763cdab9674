"""Queries: what a search looks for, checked.

What is wrong is named by its path in the message, for instance
`query.strokes.strokes[2].x`.
"""

import hashlib
import math
import operator
import struct
import unicodedata
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from sketchzoo import strokes as drawings
from sketchzoo.class_names import composed
from sketchzoo.encoder_client import Embedding
from sketchzoo.images import ImageLimits, Modality
from sketchzoo.parts import Focus
from sketchzoo.rpc import invalid
from sketchzoo.search.v1 import search_pb2

MAX_LIKED = 100
MAX_CHARACTERS = 1_000
"""Of a text."""
DEFAULT_TEXT_WEIGHT = 0.5
FOCUSES = {
    Focus.SUBJECT: search_pb2.FOCUS_SUBJECT,
    Focus.BOTH: search_pb2.FOCUS_BOTH,
    Focus.SHAPE: search_pb2.FOCUS_SHAPE,
}
"""The contract's name of each focus."""
_IMAGES = ImageLimits()
_DIGEST_BYTES = 16


class Kind(StrEnum):
    """What a query starts from, by its name in the message."""

    SKETCH = "sketch"
    STROKES = "strokes"
    PHOTO = "photo"
    PHOTO_ID = "photo_id"
    EMBEDDING = "embedding"
    TEXT = "text"
    LIKED = "liked"


@dataclass(frozen=True, slots=True)
class Picture:
    """What an embedding is made of: an image file or a drawing, and a digest of it."""

    kind: Kind
    content: bytes | drawings.Strokes = field(repr=False)
    digest: bytes

    @property
    def modality(self) -> Modality:
        """What it is embedded as."""
        return Modality.PHOTO if self.kind is Kind.PHOTO else Modality.SKETCH


@dataclass(frozen=True, slots=True)
class Text:
    """Words to embed, and a digest of them."""

    content: str = field(repr=False)
    digest: bytes

    @property
    def kind(self) -> Kind:
        """What a query of it alone starts from."""
        return Kind.TEXT


@dataclass(frozen=True, slots=True)
class Query:
    """What a search looks for.

    `source` is a picture, a ready embedding, the id of a photo, or None where there are
    only words or liked photos. `text_weight` is how much `text` counts beside it. `focus` is None
    where the model's default is meant.
    """

    kind: Kind
    source: Picture | Embedding | str | None
    text: Text | None
    text_weight: float
    focus: Focus | None
    liked: tuple[str, ...]
    disliked: tuple[str, ...]


def parse_query(message: search_pb2.Query) -> Query:
    """Check what a search looks for.

    Raises:
        CallError: INVALID_ARGUMENT, naming the field.

    """
    kind = Kind(message.WhichOneof("source") or (Kind.TEXT if message.text else Kind.LIKED))
    if kind is Kind.LIKED and not message.liked_photo_ids:
        raise invalid(
            "query",
            "is missing; give a sketch, strokes, a photo, a photo_id, an embedding, a text "
            "or liked_photo_ids",
        )
    return Query(
        kind=kind,
        source=_source(kind, message),
        text=_text(message.text),
        text_weight=_text_weight(message),
        focus=_focus(message.focus),
        liked=_photo_ids("query.liked_photo_ids", message.liked_photo_ids),
        disliked=_photo_ids("query.disliked_photo_ids", message.disliked_photo_ids),
    )


def parse_photo_id(path: str, value: str) -> str:
    """Check a photo's id.

    Raises:
        CallError: INVALID_ARGUMENT, naming the field.

    """
    # uuid.UUID takes more spellings than one; a photo has one.
    try:
        known = str(uuid.UUID(value))
    except ValueError:
        known = ""
    if not known or known != value.lower():
        raise invalid(path, "must be a photo's id, a UUID as hits carry it")
    return known


def digest(content: bytes) -> bytes:
    """Return what tells contents apart."""
    return hashlib.blake2b(content, digest_size=_DIGEST_BYTES).digest()


def _source(kind: Kind, query: search_pb2.Query) -> Picture | Embedding | str | None:
    match kind:
        case Kind.SKETCH:
            return _image(kind, query.sketch)
        case Kind.PHOTO:
            return _image(kind, query.photo)
        case Kind.STROKES:
            return _strokes(query.strokes)
        case Kind.PHOTO_ID:
            return parse_photo_id("query.photo_id", query.photo_id)
        case Kind.EMBEDDING:
            return _embedding(query.embedding)
        case Kind.TEXT | Kind.LIKED:
            return None


def _text(value: str) -> Text | None:
    if not value:
        return None
    # One spelling for what reads the same, as of classes' names.
    content = composed(" ".join(value.split()))
    if not content:
        raise invalid("query.text", "is blank; give words, or leave it out")
    if len(content) > MAX_CHARACTERS:
        raise invalid("query.text", f"must have at most {MAX_CHARACTERS:,} characters")
    if any(unicodedata.category(character) == "Cc" for character in content):
        raise invalid("query.text", "holds control characters; send words alone")
    return Text(content, digest(content.encode()))


def _text_weight(query: search_pb2.Query) -> float:
    if not query.HasField("text_weight"):
        return DEFAULT_TEXT_WEIGHT
    if not 0 <= query.text_weight <= 1:
        raise invalid("query.text_weight", "must be 0 to 1")
    if not query.text or query.WhichOneof("source") is None:
        raise invalid("query.text_weight", "says how much a text counts beside a source: give both")
    return query.text_weight


def _focus(value: int) -> Focus | None:
    if value == search_pb2.FOCUS_UNSPECIFIED:
        return None
    focus = next((focus for focus, number in FOCUSES.items() if number == value), None)
    if focus is None:
        names = [search_pb2.Focus.Name(number) for number in FOCUSES.values()]
        raise invalid("query.focus", f"must be {', '.join(names[:-1])} or {names[-1]}")
    return focus


def _image(kind: Kind, content: bytes) -> Picture:
    if not content:
        raise invalid(f"query.{kind}", "is empty; send an image file")
    if len(content) > _IMAGES.max_bytes:
        raise invalid(
            f"query.{kind}", f"has {len(content)} bytes; at most {_IMAGES.max_bytes} are taken"
        )
    return Picture(kind, content, digest(content))


def _strokes(message: search_pb2.Strokes) -> Picture:
    path = "query.strokes"
    for name in ("canvas_width", "canvas_height"):
        if not 1 <= getattr(message, name) <= drawings.MAX_CANVAS:
            raise invalid(f"{path}.{name}", f"must be 1 to {drawings.MAX_CANVAS}")
    _check_width(f"{path}.width", message.width)
    _check_strokes(f"{path}.strokes", message.strokes)
    for index, stroke in enumerate(message.strokes):
        at = f"{path}.strokes[{index}]"
        _check_width(f"{at}.width", stroke.width)
        if not stroke.x:
            raise invalid(f"{at}.x", "must hold at least one point")
        if len(stroke.x) != len(stroke.y):
            raise invalid(f"{at}.y", f"must hold as many values as x, {len(stroke.x)}")
        if max(stroke.x) > message.canvas_width:
            raise invalid(f"{at}.x", f"must lie on the canvas, 0 to {message.canvas_width}")
        if max(stroke.y) > message.canvas_height:
            raise invalid(f"{at}.y", f"must lie on the canvas, 0 to {message.canvas_height}")
    drawing = drawings.Strokes(
        canvas_width=message.canvas_width,
        canvas_height=message.canvas_height,
        strokes=tuple(
            drawings.Stroke(tuple(zip(stroke.x, stroke.y, strict=True)), stroke.width)
            for stroke in message.strokes
        ),
        width=message.width,
    )
    return Picture(Kind.STROKES, drawing, digest(message.SerializeToString(deterministic=True)))


def _check_strokes(path: str, strokes: Sequence[search_pb2.Stroke]) -> None:
    if not strokes:
        raise invalid(path, "is empty: nothing is drawn on it", reason="EMPTY")
    if len(strokes) > drawings.MAX_STROKES:
        raise invalid(path, f"must be 1 to {drawings.MAX_STROKES:,} strokes")
    if sum(len(stroke.x) for stroke in strokes) > drawings.MAX_POINTS:
        raise invalid(path, f"must have at most {drawings.MAX_POINTS:,} points")


def _check_width(path: str, width: float) -> None:
    if not 0 <= width <= drawings.MAX_CANVAS:
        raise invalid(path, f"must be 0 to {drawings.MAX_CANVAS}")


def _embedding(message: search_pb2.Embedding) -> Embedding:
    path = "query.embedding"
    if not message.vector or len(message.vector) != 4 * message.dimension:
        raise invalid(f"{path}.vector", "must hold `dimension` packed float32 values")
    if not message.model_fingerprint:
        raise invalid(f"{path}.model_fingerprint", "must name the model that made the embedding")
    values = struct.unpack(f"<{message.dimension}f", message.vector)
    # Squares of finite float32 values neither overflow a double nor vanish in it.
    if not 0 < sum(map(operator.mul, values, values)) < math.inf:
        raise invalid(f"{path}.vector", "must hold finite values that are not all 0")
    return Embedding(message.vector, message.model_fingerprint)


def _photo_ids(path: str, values: Sequence[str]) -> tuple[str, ...]:
    if len(values) > MAX_LIKED:
        raise invalid(path, f"must be at most {MAX_LIKED} photo ids")
    return tuple(parse_photo_id(f"{path}[{index}]", value) for index, value in enumerate(values))
