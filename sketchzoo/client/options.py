"""Options of a search, as keywords of `Client.search` and its twin."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, TypedDict

from sketchzoo.client.query import Picture, Query, Range, Value
from sketchzoo.client.results import Embedding, SearchResult
from sketchzoo.strokes import Strokes


class Options(TypedDict, total=False):
    """The fields of `Query` besides the sketch."""

    photo: Picture | None
    photo_id: str | None
    embedding: Embedding | None
    liked: Sequence[str]
    disliked: Sequence[str]
    classes: Sequence[str]
    excluded_classes: Sequence[str]
    where: Mapping[str, Value | Sequence[str] | Sequence[int] | Range] | None
    limit: int
    min_score: float | None
    page_token: str
    exact: bool
    include_payload: bool
    include_embedding: bool


def as_query(sketch: Picture | Strokes | Query | None, options: Options | dict[str, Any]) -> Query:
    """Return the query that a sketch and options make; a ready query takes options on top."""
    if isinstance(sketch, Query):
        return replace(sketch, **options)
    return Query(sketch=sketch, **options)


def following(query: Query, page: SearchResult) -> Query | None:
    """Return the query of the page after this one, None after the last."""
    if not page.next_page_token:
        return None
    return replace(query, page_token=page.next_page_token)
