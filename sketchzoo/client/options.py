"""Options of a search, as keywords of `Client.search` and its twin."""

from collections.abc import AsyncIterable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypedDict

from sketchzoo.client.condition import Condition
from sketchzoo.client.picture import Picture, is_picture
from sketchzoo.client.query import Focus, Query
from sketchzoo.client.results import Embedding
from sketchzoo.strokes import Strokes

_KINDS: dict[type, str] = {Iterable: "a list", AsyncIterable: "an async iterator"}


class FilterOptions(TypedDict, total=False):
    """Which photos of which gallery are considered; see `Query`."""

    gallery: str
    classes: Sequence[str]
    excluded_classes: Sequence[str]
    where: Mapping[str, Condition] | None
    folders: Sequence[str]
    seen_classes: Sequence[str]


class Options(FilterOptions, total=False):
    """The fields of `Query` besides the sketch."""

    photo: Picture | None
    photo_id: str | None
    embedding: Embedding | None
    text: str | None
    text_weight: float | None
    focus: Focus | None
    liked: Sequence[str]
    disliked: Sequence[str]
    limit: int
    min_score: float | None
    page_token: str
    exact: bool
    no_collapse: bool
    include_payload: bool
    include_embedding: bool


def as_query(sketch: Picture | Strokes | Query | None, options: Options | dict[str, Any]) -> Query:
    """Return the query that a sketch and options make; a ready query takes options on top."""
    if isinstance(sketch, Query):
        return replace(sketch, **options)
    return Query(sketch=sketch, **options)


def several(name: str, values: Any, kind: type) -> Any:
    """Return `values`, which must be an iterable of that kind, and not one sketch itself."""
    one = is_picture(values) or isinstance(values, Query | Strokes | Mapping)
    if one or not isinstance(values, kind):
        raise TypeError(
            f"{name} must be {_KINDS[kind]} of sketches or queries, not {type(values).__name__}"
        )
    return values
