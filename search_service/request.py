"""Requests: protobuf messages to frozen values, every field checked.

What is wrong is named by its path in the message, for instance
`query.strokes.strokes[2].x`.
"""

import hashlib
import math
import operator
import struct
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from sketchzoo import strokes as drawings
from sketchzoo.encoder_client import Embedding
from sketchzoo.filter_message import MAX_TEXT, parse_filter
from sketchzoo.images import ImageLimits, Modality
from sketchzoo.qdrant import Filter
from sketchzoo.rpc import invalid
from sketchzoo.search.v1 import search_pb2

DEFAULT_LIMIT = 12
MAX_LIMIT = 1_000
MAX_LIKED = 100
MAX_BATCH = 64
DEFAULT_SIDE = 256
MIN_SIDE = 16
MAX_SIDE = 1_024
_IMAGES = ImageLimits()
_DIGEST_BYTES = 16


class Kind(StrEnum):
    """What a query starts from, by its name in the message."""

    SKETCH = "sketch"
    STROKES = "strokes"
    PHOTO = "photo"
    PHOTO_ID = "photo_id"
    EMBEDDING = "embedding"
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
class Search:
    """One search, checked as far as it can be without the gallery.

    `source` is a picture, a ready embedding, the id of a photo, or None where there are
    only liked photos. `identity` is a digest of all that decides which hits come in which
    order; `offset` is what `page_token` says of a gallery. With `collapse`, photos of one burst
    are one hit.
    """

    gallery: str
    kind: Kind
    source: Picture | Embedding | str | None
    liked: tuple[str, ...]
    disliked: tuple[str, ...]
    filter: Filter
    limit: int
    min_score: float | None
    exact: bool
    collapse: bool
    identity: bytes
    page_token: str
    with_payload: bool
    with_embedding: bool
    offset: int = 0


@dataclass(frozen=True, slots=True)
class PhotoWanted:
    """Which photo's file, and how large: `max_side` in pixels, None for the original."""

    photo_id: str
    max_side: int | None


def parse_search(message: search_pb2.SearchRequest, gallery: str) -> Search:
    """Check a search of a gallery.

    Raises:
        CallError: INVALID_ARGUMENT, naming the field.

    """
    if message.limit > MAX_LIMIT:
        raise invalid("limit", f"must be 1 to {MAX_LIMIT:,}, or 0 for {DEFAULT_LIMIT}")
    min_score: float | None = None
    if message.HasField("min_score"):
        min_score = message.min_score
        if not 0 <= min_score <= 1:
            raise invalid("min_score", "must be 0 to 1")
    query = message.query
    liked = _photo_ids("query.liked_photo_ids", query.liked_photo_ids)
    disliked = _photo_ids("query.disliked_photo_ids", query.disliked_photo_ids)
    kind = Kind(query.WhichOneof("source") or Kind.LIKED)
    source = _source(kind, query)
    condition = parse_filter(message.filter, "filter")
    collapse = not message.no_collapse
    parts = (gallery, source, liked, disliked, condition, min_score, message.exact, collapse)
    return Search(
        gallery=gallery,
        kind=kind,
        source=source,
        liked=liked,
        disliked=disliked,
        filter=condition,
        limit=message.limit or DEFAULT_LIMIT,
        min_score=min_score,
        exact=message.exact,
        collapse=collapse,
        identity=_digest(repr(parts).encode()),
        page_token=message.page_token,
        with_payload=message.include.payload,
        with_embedding=message.include.query_embedding,
    )


def parse_parent(message: search_pb2.ListFoldersRequest) -> str:
    """Check the folder whose folders are listed; the source's own is empty.

    Raises:
        CallError: INVALID_ARGUMENT, naming the field.

    """
    parent = message.parent.strip("/")
    if len(parent) > MAX_TEXT:
        raise invalid("parent", f"must have at most {MAX_TEXT:,} characters")
    return parent


def parse_photo(message: search_pb2.GetPhotoRequest) -> PhotoWanted:
    """Check what photo is wanted.

    Raises:
        CallError: INVALID_ARGUMENT, naming the field.

    """
    photo_id = parse_photo_id("photo_id", message.photo_id)
    if message.size not in search_pb2.PhotoSize.values():
        raise invalid("size", "must be PHOTO_SIZE_THUMBNAIL or PHOTO_SIZE_ORIGINAL")
    if message.max_side and not MIN_SIDE <= message.max_side <= MAX_SIDE:
        raise invalid(
            "max_side", f"must be {MIN_SIDE} to {MAX_SIDE:,} pixels, or 0 for {DEFAULT_SIDE}"
        )
    if message.size == search_pb2.PHOTO_SIZE_ORIGINAL:
        return PhotoWanted(photo_id, None)
    return PhotoWanted(photo_id, message.max_side or DEFAULT_SIDE)


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
        case Kind.LIKED:
            if query.liked_photo_ids:
                return None
            raise invalid(
                "query",
                "is missing; give a sketch, strokes, a photo, a photo_id, an embedding "
                "or liked_photo_ids",
            )


def _image(kind: Kind, content: bytes) -> Picture:
    if not content:
        raise invalid(f"query.{kind}", "is empty; send an image file")
    if len(content) > _IMAGES.max_bytes:
        raise invalid(
            f"query.{kind}", f"has {len(content)} bytes; at most {_IMAGES.max_bytes} are taken"
        )
    return Picture(kind, content, _digest(content))


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
    digest = _digest(message.SerializeToString(deterministic=True))
    return Picture(Kind.STROKES, drawing, digest)


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


def _digest(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=_DIGEST_BYTES).digest()
