"""Messages between the page and the gateway: JSON, checked before anything is done with it.

The page sends `SearchMessage`s, and images as binary messages, each of which replaces the one
before. The gateway sends answers and failures, both with the sequence they belong to.
"""

from collections.abc import Collection
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from google.protobuf.json_format import MessageToDict
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

from sketchzoo.parts import Focus
from sketchzoo.rpc import CallError
from sketchzoo.rpc.durations import seconds
from sketchzoo.search.v1 import search_pb2
from sketchzoo.strokes import MAX_CANVAS, MAX_POINTS, MAX_STROKES

MAX_HITS = 60
_MAX_SEQUENCE = 2**53 - 1
_MAX_CLASSES = 200
_MAX_ADDRESS = 2000
MAX_TEXT = 1000
_MAX_TAGS = 20
FOLDERS = "folders"
"""The payload field of a photo's folder and all above it."""

Coordinate = Annotated[int, Field(ge=0, le=MAX_CANVAS)]
Length = Annotated[int, Field(ge=1, le=MAX_CANVAS)]
Width = Annotated[float, Field(ge=0, le=MAX_CANVAS, allow_inf_nan=False)]
PhotoId = Annotated[
    str, Field(pattern=r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$")
]
ClassName = Annotated[str, Field(min_length=1, max_length=200)]
Gallery = Annotated[str, Field(max_length=100)]
Folder = Annotated[str, Field(max_length=_MAX_ADDRESS)]
# As a form's field gives it.
Day = Annotated[date, Field(strict=False, le=date(9000, 1, 1))]


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Stroke(_Message):
    """One line: as many `x` as `y`, in canvas units."""

    x: list[Coordinate] = Field(min_length=1, max_length=MAX_POINTS)
    y: list[Coordinate] = Field(min_length=1, max_length=MAX_POINTS)
    width: Width = 0

    @model_validator(mode="after")
    def _paired(self) -> "Stroke":
        if len(self.x) != len(self.y):
            raise ValueError("x and y must be equally long")
        return self


class Drawing(_Message):
    """Strokes on a canvas of `width` x `height` units."""

    width: Length
    height: Length
    strokes: list[Stroke] = Field(min_length=1, max_length=MAX_STROKES)


class Tag(_Message):
    """A payload field that has one of these values; `word` is what it was meant by.

    Its field is one of those that the validation's context allows.
    """

    field: str = Field(max_length=200)
    values: list[Annotated[str, Field(min_length=1, max_length=1024)]] = Field(
        min_length=1, max_length=_MAX_CLASSES
    )
    word: str = Field(default="", max_length=MAX_TEXT)

    @field_validator("field")
    @classmethod
    def _shown(cls, field: str, info: ValidationInfo) -> str:
        # Whoever may ask whether a field has a value can find out what it holds.
        if field not in (info.context or ()):
            raise ValueError("is no field that the page shows")
        return field


class Narrowed(_Message):
    """Among which photos to look: all that meet each of these.

    `first_day` and `last_day` are by the camera's clock; `burst` is that of photos that look
    nearly the same, which are each a hit of their own then.
    """

    gallery: Gallery = ""
    classes: list[ClassName] = Field(default=[], max_length=_MAX_CLASSES)
    seen_classes: list[ClassName] = Field(default=[], max_length=_MAX_CLASSES)
    folder: Folder = ""
    first_day: Day | None = None
    last_day: Day | None = None
    burst: str = Field(default="", max_length=100)
    tags: list[Tag] = Field(default=[], max_length=_MAX_TAGS)

    def condition(self) -> search_pb2.Filter:
        """Return it as the search service takes it."""
        condition = search_pb2.Filter(
            classes=self.classes,
            seen_classes=self.seen_classes,
            folders=[self.folder] if self.folder else [],
        )
        if self.first_day or self.last_day:
            taken = condition.fields.add(field="taken_at").datetime_range
            if self.first_day:
                taken.gte.FromDatetime(_midnight(self.first_day))
            if self.last_day:
                taken.lt.FromDatetime(_midnight(self.last_day) + timedelta(days=1))
        if self.burst:
            condition.fields.add(field="burst").equals.string_value = self.burst
        for tag in self.tags:
            among = getattr(condition.fields.add(field=tag.field), "in").values
            among.extend(search_pb2.FieldValue(string_value=value) for value in tag.values)
        return condition


class SearchMessage(Narrowed):
    """One state of the page: what to look for and among which photos.

    `source` says where the query comes from: the `drawing`, the image sent last taken as
    a `sketch` or a `photo`, the `photo_id`, or the `text` alone. `picture` names one that was
    handed in by itself, instead of the one sent last. Beside another source the `text` counts by
    `text_weight`, 0 to 1. `focus` says what of them counts, None what the model is meant to be
    asked with.
    """

    sequence: int = Field(ge=1, le=_MAX_SEQUENCE)
    source: Literal["drawing", "sketch", "photo", "photo_id", "text"]
    drawing: Drawing | None = None
    photo_id: PhotoId | None = None
    picture: str = Field(default="", max_length=100)
    text: str = Field(default="", max_length=MAX_TEXT)
    text_weight: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] | None = None
    focus: Annotated[Focus, Field(strict=False)] | None = None
    liked: list[PhotoId] = Field(default=[], max_length=100)
    disliked: list[PhotoId] = Field(default=[], max_length=100)
    limit: int = Field(default=12, ge=1, le=MAX_HITS)
    page_token: str = Field(default="", max_length=4096)

    @model_validator(mode="after")
    def _complete(self) -> "SearchMessage":
        if (self.drawing is not None) != (self.source == "drawing"):
            raise ValueError("drawing goes with the source `drawing`")
        if (self.photo_id is not None) != (self.source == "photo_id"):
            raise ValueError("photo_id goes with the source `photo_id`")
        if self.source == "text" and not self.text.strip():
            raise ValueError("the source `text` needs a text")
        if self.text_weight is not None and (not self.text or self.source == "text"):
            raise ValueError("text_weight goes with a text beside something")
        return self


def to_request(
    ask: SearchMessage, image: bytes | None, *, query_embedding: bool
) -> search_pb2.LiveSearchRequest:
    """Return the search that a page asks for; ValueError where it has sent no image yet."""
    query = search_pb2.Query(
        liked_photo_ids=ask.liked,
        disliked_photo_ids=ask.disliked,
        text=ask.text,
        text_weight=ask.text_weight,
    )
    if ask.focus is not None:
        query.focus = search_pb2.Focus.Value(f"FOCUS_{ask.focus.name}")
    if ask.drawing is not None:
        drawing = ask.drawing
        query.strokes.CopyFrom(
            search_pb2.Strokes(
                canvas_width=drawing.width,
                canvas_height=drawing.height,
                strokes=[
                    search_pb2.Stroke(x=stroke.x, y=stroke.y, width=stroke.width)
                    for stroke in drawing.strokes
                ],
            )
        )
    elif ask.photo_id is not None:
        query.photo_id = ask.photo_id
    elif ask.source == "text":
        pass
    elif image is None:
        raise ValueError("send the image before the search")
    elif ask.source == "sketch":
        query.sketch = image
    else:
        query.photo = image
    return search_pb2.LiveSearchRequest(
        sequence=ask.sequence,
        request=search_pb2.SearchRequest(
            query=query,
            limit=ask.limit,
            filter=ask.condition(),
            gallery=ask.gallery,
            no_collapse=bool(ask.burst),
            page_token=ask.page_token,
            include=search_pb2.Include(payload=True, query_embedding=query_embedding),
        ),
    )


def answer(
    sequence: int, response: search_pb2.SearchResponse, shown_fields: Collection[str]
) -> dict[str, Any]:
    """Return the message of an answer; of photos' uris only the web's go along."""
    timings = response.timings
    stages = ("decode", "queue", "encode", "query", "total")
    return {
        "type": "answer",
        "sequence": sequence,
        "hits": [_hit(hit, shown_fields) for hit in response.hits],
        "next_page_token": response.next_page_token,
        "milliseconds": {
            stage: round(seconds(getattr(timings, stage)) * 1e3, 2) for stage in stages
        },
        "cached": timings.cached,
        "confident_score": round(response.confident_score, 4),
    }


def failure(sequence: int | None, error: CallError) -> dict[str, Any]:
    """Return the message of a failure: its code, what is away, when to come back."""
    message: dict[str, Any] = {
        "type": "failure",
        "sequence": sequence,
        "code": error.code.name,
        "message": error.message,
    }
    if error.retry_after is not None:
        message["retry_milliseconds"] = round(error.retry_after * 1e3, 2)
    if error.reason:
        message["part"] = error.part
        message["reason"] = error.reason
    return message


def original(uri: str) -> str | None:
    """Return a photo's address on the web; None for a path, or where it holds a password."""
    try:
        parts = urlsplit(uri)
    except ValueError:
        return None
    is_web = parts.scheme in ("http", "https") and parts.hostname and parts.username is None
    return uri if is_web and len(uri) <= _MAX_ADDRESS else None


def _hit(hit: search_pb2.Hit, shown_fields: Collection[str]) -> dict[str, Any]:
    payload = MessageToDict(hit.payload)
    known = {
        "original": original(hit.uri),
        "seen": hit.seen_class,
        "sure": round(hit.seen_confidence, 3),
        "alike": hit.near_duplicates,
        "burst": payload.get("burst") if hit.near_duplicates else "",
        "file": hit.file_name,
        "folder": hit.folder,
        "taken": _taken(hit, str(payload.get("taken_at", ""))),
        "camera": hit.camera,
        "place": [round(hit.location.lat, 6), round(hit.location.lon, 6)]
        if hit.HasField("location")
        else None,
        "stars": hit.rating,
    }
    return {
        "id": hit.photo_id,
        "class": hit.class_name,
        "score": round(hit.score, 4),
        "width": hit.width,
        "height": hit.height,
        **{name: value for name, value in known.items() if value},
        "about": {
            name: str(payload[name])[:300]
            for name in shown_fields
            if payload.get(name) not in (None, "")
        },
    }


def _taken(hit: search_pb2.Hit, told: str) -> str:
    """Return when a photo was taken, by its camera's clock, in ISO 8601 without a zone."""
    if not hit.HasField("taken_at"):
        return ""
    when = hit.taken_at.ToDatetime()
    with suppress(ValueError):  # the payload tells the camera's zone, too
        when = datetime.fromisoformat(told).replace(tzinfo=None)
    return when.isoformat(timespec="seconds")


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
