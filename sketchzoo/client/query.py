"""Queries: what to look for, as the SDK's user says it, and the message it becomes."""

import io
import math
import os
import struct
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, Union

from sketchzoo.client.results import Embedding
from sketchzoo.search.v1 import search_pb2

if TYPE_CHECKING:
    from PIL import Image

    from sketchzoo.strokes import Strokes

Picture: TypeAlias = Union[str, os.PathLike[str], bytes, "Image.Image"]
Value: TypeAlias = str | int | bool
# Coordinates that are no whole numbers are scaled to a canvas this long.
_FINE_CANVAS = 4096
_MAX_CANVAS = 65_535


@dataclass(frozen=True, slots=True)
class Range:
    """An interval of numbers; at least one bound is given."""

    gt: float | None = None
    gte: float | None = None
    lt: float | None = None
    lte: float | None = None

    def __post_init__(self) -> None:
        if all(bound is None for bound in (self.gt, self.gte, self.lt, self.lte)):
            raise ValueError("a Range needs at least one of gt, gte, lt and lte")


@dataclass(frozen=True, slots=True)
class Query:
    """A search.

    One of `sketch`, `photo`, `photo_id` and `embedding` says what to look for, or
    `liked` alone. A sketch is a path, the bytes of an image file, a Pillow image or
    `Strokes`; a photo the same but strokes. `where` compares payload fields: with a
    value, with several (any of a list), or with a `Range`.
    """

    sketch: "Picture | Strokes | None" = None
    photo: Picture | None = None
    photo_id: str | None = None
    embedding: Embedding | None = None
    liked: Sequence[str] = ()
    disliked: Sequence[str] = ()
    classes: Sequence[str] = ()
    excluded_classes: Sequence[str] = ()
    where: Mapping[str, Value | Sequence[str] | Sequence[int] | Range] | None = None
    limit: int = 12
    min_score: float | None = None
    page_token: str = ""
    exact: bool = False
    include_payload: bool = False
    include_embedding: bool = False

    def __post_init__(self) -> None:
        sources = (self.sketch, self.photo, self.photo_id, self.embedding)
        given = sum(source is not None for source in sources)
        if given > 1:
            raise ValueError("give one of sketch, photo, photo_id and embedding")
        if not given and not self.liked:
            raise ValueError("give a sketch, a photo, a photo_id, an embedding or liked photos")
        for name in ("liked", "disliked", "classes", "excluded_classes"):
            if isinstance(getattr(self, name), str):
                raise TypeError(f"{name} must be a list of strings, not one string")
        if not 1 <= self.limit <= 1000:  # noqa: PLR2004 - stated in the message
            raise ValueError(f"limit must be 1 to 1000, not {self.limit}")

    def message(self) -> search_pb2.SearchRequest:
        """Return the request; reads the files it names.

        Raises:
            OSError: a file is missing.

        """
        request = search_pb2.SearchRequest(
            query=self._query(),
            limit=self.limit,
            min_score=self.min_score,
            page_token=self.page_token,
            exact=self.exact,
            include=search_pb2.Include(
                payload=self.include_payload, query_embedding=self.include_embedding
            ),
        )
        condition = filter_message(self.classes, self.excluded_classes, self.where)
        if condition is not None:
            request.filter.CopyFrom(condition)
        return request

    def _query(self) -> search_pb2.Query:
        query = search_pb2.Query(liked_photo_ids=self.liked, disliked_photo_ids=self.disliked)
        if self.photo_id is not None:
            query.photo_id = self.photo_id
        elif self.embedding is not None:
            vector = self.embedding.vector
            query.embedding.vector = struct.pack(f"<{len(vector)}f", *vector)
            query.embedding.dimension = len(vector)
            query.embedding.model_fingerprint = self.embedding.model_fingerprint
        elif self.photo is not None:
            query.photo = _content(self.photo)
        elif self.sketch is not None:
            if _is_drawing(self.sketch):
                query.strokes.CopyFrom(_strokes(self.sketch))
            else:
                query.sketch = _content(self.sketch)
        return query


def filter_message(
    classes: Sequence[str],
    excluded_classes: Sequence[str],
    where: Mapping[str, Any] | None,
) -> search_pb2.Filter | None:
    """Return a filter's message, None for no condition at all."""
    if not (classes or excluded_classes or where):
        return None
    return search_pb2.Filter(
        classes=classes,
        excluded_classes=excluded_classes,
        fields=[_condition(name, wanted) for name, wanted in (where or {}).items()],
    )


def _condition(name: str, wanted: Any) -> search_pb2.FieldCondition:
    if isinstance(wanted, Range):
        bounds = search_pb2.FieldRange(gt=wanted.gt, gte=wanted.gte, lt=wanted.lt, lte=wanted.lte)
        return search_pb2.FieldCondition(field=name, range=bounds)
    if isinstance(wanted, str | bool | int):
        return search_pb2.FieldCondition(field=name, equals=_value(name, wanted))
    if isinstance(wanted, Iterable):
        values = search_pb2.FieldValues(values=[_value(name, value) for value in wanted])
        condition = search_pb2.FieldCondition(field=name)
        # `in` is a keyword of Python's.
        getattr(condition, "in").CopyFrom(values)
        return condition
    raise TypeError(
        f"where[{name!r}] must be a string, a whole number, a boolean, a list of them "
        f"or a Range, not {type(wanted).__name__}"
    )


def _value(name: str, value: Any) -> search_pb2.FieldValue:
    # A bool is an int of Python's: asked first.
    if isinstance(value, bool):
        return search_pb2.FieldValue(bool_value=value)
    if isinstance(value, int):
        return search_pb2.FieldValue(int_value=value)
    if isinstance(value, str):
        return search_pb2.FieldValue(string_value=value)
    raise TypeError(
        f"where[{name!r}] compares with strings, whole numbers and booleans, not "
        f"{type(value).__name__}; use a Range for numbers with a point"
    )


def _content(picture: Any) -> bytes:
    if isinstance(picture, bytes | bytearray | memoryview):
        return bytes(picture)
    if isinstance(picture, str | os.PathLike):
        return Path(picture).read_bytes()
    pillow = sys.modules.get("PIL.Image")
    if pillow is not None and isinstance(picture, pillow.Image):
        file = io.BytesIO()
        # Lossless, and quick rather than small.
        picture.save(file, "PNG", compress_level=1)
        return file.getvalue()
    raise TypeError(
        "a picture must be a path, the bytes of an image file or a Pillow image, not "
        f"{type(picture).__name__}"
    )


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
