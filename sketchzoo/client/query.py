"""Queries: what to look for, as the SDK's user says it, and the message it becomes."""

import math
import struct
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

from sketchzoo.client import arguments
from sketchzoo.client.condition import Condition, conditions, filter_message
from sketchzoo.client.picture import Picture, content
from sketchzoo.client.results import Embedding
from sketchzoo.search.v1 import search_pb2

if TYPE_CHECKING:
    from sketchzoo.strokes import Strokes

MAX_MESSAGE_BYTES = 16 * 1024 * 1024
Focus = Literal["subject", "both", "shape"]
"""What of a query counts: what it shows, how it is drawn, or both."""
_FOCUSES = {
    "": search_pb2.FOCUS_UNSPECIFIED,
    "subject": search_pb2.FOCUS_SUBJECT,
    "both": search_pb2.FOCUS_BOTH,
    "shape": search_pb2.FOCUS_SHAPE,
}
_MAX_LIMIT = 1_000
_MAX_TEXT = 1_000
# Coordinates that are no whole numbers are scaled to a canvas this long.
_FINE_CANVAS = 4096
_MAX_CANVAS = 65_535


def _share(name: str, value: Any) -> float:
    found = arguments.number(name, value)
    if not 0 <= found <= 1:
        raise ValueError(f"{name} must be 0 to 1, not {value}")
    return found


def _words(name: str, value: Any) -> str:
    found = " ".join(arguments.text(name, value).split())
    if not 1 <= len(found) <= _MAX_TEXT:
        raise ValueError(f"{name} must have 1 to {_MAX_TEXT:,} characters, not {len(found)}")
    return found


def _focus(name: str, value: Any) -> str:
    found = arguments.text(name, value)
    if found not in get_args(Focus):
        raise ValueError(f"{name} must be subject, both or shape, not {found!r}")
    return found


def _embedding(name: str, value: Any) -> Embedding:
    if isinstance(value, Embedding):
        return value
    raise TypeError(
        f"{name} must be an Embedding, not {type(value).__name__}: an answer's "
        "query_embedding, or Embedding(vector, model_fingerprint)"
    )


_OPTIONAL: dict[str, Callable[[str, Any], Any]] = {
    "photo_id": arguments.text,
    "embedding": _embedding,
    "text": _words,
    "text_weight": _share,
    "focus": _focus,
    "min_score": _share,
}


@dataclass(frozen=True, slots=True)
class Query:
    """A search.

    One of `sketch`, `photo`, `photo_id` and `embedding` says what to look for, with or without
    `text` beside it, which counts by `text_weight` (0 to 1, 0.5 unless said); or `text` alone, or
    `liked` alone. `focus` says what of it counts; the model's default where it says nothing.
    `get_gallery` tells whether a gallery's model knows focuses and takes text. A sketch is a path,
    the bytes of an image file, an open binary file, a Pillow image, a NumPy array of uint8 or
    `Strokes`; a photo the same but strokes.
    `where` compares payload fields: with a value, with several (any of a list), with a `Range`
    of numbers or times, or with an area. `folders` hold what is below them as well;
    `seen_classes` are what the model is sure to see. `gallery` is the service's own where it is
    empty. Photos that look nearly the same are one hit unless `no_collapse` says otherwise.
    TypeError and ValueError name the argument that makes no sense.
    """

    sketch: "Picture | Strokes | None" = None
    photo: Picture | None = None
    photo_id: str | None = None
    embedding: Embedding | None = None
    text: str | None = None
    text_weight: float | None = None
    focus: Focus | None = None
    liked: Sequence[str] = ()
    disliked: Sequence[str] = ()
    classes: Sequence[str] = ()
    excluded_classes: Sequence[str] = ()
    where: Mapping[str, Condition] | None = None
    folders: Sequence[str] = ()
    seen_classes: Sequence[str] = ()
    gallery: str = ""
    limit: int = 12
    min_score: float | None = None
    page_token: str = ""
    exact: bool = False
    no_collapse: bool = False
    include_payload: bool = False
    include_embedding: bool = False

    def __post_init__(self) -> None:
        sources = (self.sketch, self.photo, self.photo_id, self.embedding)
        given = sum(source is not None for source in sources)
        if given > 1:
            raise ValueError("give one of sketch, photo, photo_id and embedding")
        checked: dict[str, Any] = {
            "limit": arguments.whole("limit", self.limit, 1, _MAX_LIMIT),
            "page_token": arguments.text("page_token", self.page_token),
            "gallery": arguments.gallery(self.gallery),
        }
        if self.where is not None:
            checked["where"] = conditions(self.where)
        for name in (
            *("liked", "disliked"),
            *("classes", "excluded_classes", "folders", "seen_classes"),
        ):
            checked[name] = arguments.texts(name, getattr(self, name))
        for name in ("exact", "no_collapse", "include_payload", "include_embedding"):
            checked[name] = arguments.flag(name, getattr(self, name))
        for name, check in _OPTIONAL.items():
            if (value := getattr(self, name)) is not None:
                checked[name] = check(name, value)
        for name, value in checked.items():
            # The way past a frozen dataclass's own guard.
            object.__setattr__(self, name, value)
        if not given and self.text is None and not self.liked:
            raise ValueError(
                "give a sketch, a photo, a photo_id, an embedding, a text or liked photos"
            )
        if self.text_weight is not None and (self.text is None or not given):
            raise ValueError("text_weight says how much text counts beside a source: give both")

    def message(self, max_bytes: int = MAX_MESSAGE_BYTES) -> search_pb2.SearchRequest:
        """Return the request; reads the files it names.

        Raises:
            OSError: a file is missing.
            TooLarge: a picture has more than `max_bytes`.
            TypeError, ValueError: the sketch or the photo is no picture.

        """
        request = search_pb2.SearchRequest(
            query=self._query(max_bytes),
            limit=self.limit,
            min_score=self.min_score,
            page_token=self.page_token,
            exact=self.exact,
            gallery=self.gallery,
            no_collapse=self.no_collapse,
            include=search_pb2.Include(
                payload=self.include_payload, query_embedding=self.include_embedding
            ),
        )
        condition = filter_message(
            self.classes, self.excluded_classes, self.where, self.folders, self.seen_classes
        )
        if condition is not None:
            request.filter.CopyFrom(condition)
        return request

    def _query(self, max_bytes: int) -> search_pb2.Query:
        query = search_pb2.Query(
            text=self.text or "",
            text_weight=self.text_weight,
            focus=_FOCUSES[self.focus or ""],
            liked_photo_ids=self.liked,
            disliked_photo_ids=self.disliked,
        )
        if self.photo_id is not None:
            query.photo_id = self.photo_id
        elif self.embedding is not None:
            vector = self.embedding.vector
            query.embedding.vector = struct.pack(f"<{len(vector)}f", *vector)
            query.embedding.dimension = len(vector)
            query.embedding.model_fingerprint = self.embedding.model_fingerprint
        elif self.photo is not None:
            query.photo = content("photo", self.photo, max_bytes)
        elif self.sketch is not None:
            if _is_drawing(self.sketch):
                query.strokes.CopyFrom(_strokes(self.sketch))
            else:
                query.sketch = content("sketch", self.sketch, max_bytes)
        return query


def _is_drawing(sketch: Any) -> bool:
    # Who holds Strokes has loaded their module.
    module = sys.modules.get("sketchzoo.strokes")
    return module is not None and isinstance(sketch, module.Strokes)


def _strokes(drawing: Any) -> search_pb2.Strokes:
    sides = (drawing.canvas_width, drawing.canvas_height)
    numbers = [
        *sides,
        *(value for stroke in drawing.strokes for point in stroke.points for value in point),
    ]
    scale = 1.0
    if not all(float(number).is_integer() for number in numbers):
        scale = _FINE_CANVAS / max(sides)
    width, height = (min(_MAX_CANVAS, max(1, math.ceil(side * scale))) for side in sides)

    def placed(value: float, side: int) -> int:
        # A pen may leave the canvas; the message's numbers may not.
        return min(side, max(0, round(value * scale)))

    return search_pb2.Strokes(
        canvas_width=width,
        canvas_height=height,
        width=drawing.width * scale,
        strokes=[
            search_pb2.Stroke(
                x=[placed(x, width) for x, _ in stroke.points],
                y=[placed(y, height) for _, y in stroke.points],
                width=stroke.width * scale,
            )
            for stroke in drawing.strokes
        ],
    )
