"""Searching: the way of queries, from their pictures to the photos found.

Searches go it together, one alone as a batch of one: one call to the encoder for each model that
their galleries were made by, and one to Qdrant for each gallery.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from time import perf_counter

import grpc

from search_service.deadline import Deadline
from search_service.embedding import Embedder, Outcome
from search_service.encoders import Serving
from search_service.galleries import Galleries
from search_service.outcomes import apart, attempt, attempt_later, through
from search_service.paging import write_token
from search_service.placed import PlacedSearch, Stored
from search_service.query import Picture, Query, Text
from search_service.request import Search
from search_service.timings import Timings
from sketchzoo.encoder_client import Embedding
from sketchzoo.qdrant import (
    CollectionNotFoundError,
    Nearest,
    PhotoReader,
    ScoredPhoto,
    SearchParams,
)
from sketchzoo.rpc import CallError, precondition

# What one search may be refused for while those beside it are answered.
_OWN_FAULTS = (grpc.StatusCode.NOT_FOUND, grpc.StatusCode.INVALID_ARGUMENT)

# What Qdrant is asked and what it found; with either the query's embedding, where it is to be told.
Asked = tuple[Nearest, Embedding | None]
Answer = tuple[list[ScoredPhoto], Embedding | None]


@dataclass(frozen=True, slots=True)
class SearchLimits:
    """Hits that one search can be paged through, seconds kept for Qdrant, and its most.

    `params` are how its index is searched.
    """

    max_depth: int
    query_reserve_seconds: float
    query_timeout_seconds: float
    params: SearchParams


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found, and what its answer says besides."""

    photos: tuple[ScoredPhoto, ...]
    fingerprint: str
    next_page_token: str
    timings: Timings
    confident_score: float
    embedding: Embedding | None


class ModelChanged(Exception):  # noqa: N818 - an event, not an error: the search starts anew
    """The encoder's model is not the one that the search began with."""


_CHANGED = (ModelChanged, CollectionNotFoundError)


class Searcher:
    """Answers searches, each with its own answer or error."""

    def __init__(
        self, embedder: Embedder, reader: PhotoReader, galleries: Galleries, limits: SearchLimits
    ) -> None:
        self._embedder = embedder
        self._reader = reader
        self._galleries = galleries
        self._limits = limits

    async def search(
        self, searches: Sequence[Search], deadline: Deadline
    ) -> list[Found | CallError]:
        """Answer searches, in order; start anew, once, when the gallery changes under them.

        Raises:
            CallError: what fails all of them, for instance UNAVAILABLE.

        """
        started = perf_counter()
        names = list(dict.fromkeys(search.gallery for search in searches))
        try:
            return await self._attempt(searches, await self._servings(names), deadline, started)
        except _CHANGED:
            for name in names:
                await self._galleries.look_again(name)
        try:
            return await self._attempt(searches, await self._servings(names), deadline, started)
        except _CHANGED as error:
            raise precondition(
                "MODEL_MISMATCH", "the gallery is changing to another model right now: try again"
            ) from error

    async def _servings(self, names: Sequence[str]) -> dict[str, Serving | CallError]:
        """Return what answers for each gallery; what is wrong with one is its searches' own."""
        servings = {name: await attempt_later(self._galleries.serving, name) for name in names}
        if len(names) == 1:
            only = servings[names[0]]
            if isinstance(only, CallError) and only.code not in _OWN_FAULTS:
                raise only
        return servings

    async def _attempt(
        self,
        searches: Sequence[Search],
        servings: Mapping[str, Serving | CallError],
        deadline: Deadline,
        started: float,
    ) -> list[Found | CallError]:
        placed = [attempt(self._placed, each, servings[each.gallery]) for each in searches]
        embedded = await through(placed, partial(self._embed, deadline))
        return await through(embedded, partial(self._find, deadline, started))

    def _placed(self, search: Search, serving: Serving | CallError) -> PlacedSearch:
        if isinstance(serving, CallError):
            raise serving.again()
        return PlacedSearch.at(serving, search, self._limits.max_depth)

    async def _embed(
        self, deadline: Deadline, placed: Sequence[PlacedSearch]
    ) -> list[PlacedSearch | CallError]:
        """Embed pictures and texts of all searches together, by the encoder that fits each."""
        step = partial(self._embed_by_one, deadline)
        return await apart(placed, lambda each: each.serving.model.fingerprint, step)

    async def _embed_by_one(
        self, deadline: Deadline, placed: Sequence[PlacedSearch]
    ) -> list[PlacedSearch | CallError]:
        wanted = [_wanted(each.search.query) for each in placed]
        if not any(wanted):
            return list(placed)
        seconds = deadline.for_encoder(self._limits.query_reserve_seconds)
        made = iter(await self._embedder.embed([*chain(*wanted)], placed[0].serving, seconds))
        return [
            attempt(_embedded, each, [next(made) for _ in own])
            for each, own in zip(placed, wanted, strict=True)
        ]

    async def _find(
        self, deadline: Deadline, started: float, placed: Sequence[PlacedSearch]
    ) -> list[Found | CallError]:
        asked = perf_counter()
        answers = await self._answers(deadline, placed)
        ended = perf_counter()
        found: list[Found | CallError] = []
        for each, answer in zip(placed, answers, strict=True):
            if isinstance(answer, CallError):
                found.append(answer)
                continue
            photos, embedding = answer
            end = each.offset + each.limit
            more = len(photos) > each.limit and end < self._limits.max_depth
            found.append(
                Found(
                    tuple(photos[: each.limit]),
                    each.serving.gallery.fingerprint,
                    write_token(end, each.search.identity, each.ranking) if more else "",
                    each.timings.ended(query=(ended - asked) / len(placed), total=ended - started),
                    each.confident_score,
                    embedding,
                )
            )
        return found

    async def _answers(
        self, deadline: Deadline, placed: Sequence[PlacedSearch]
    ) -> list[Answer | CallError]:
        """Ask each collection once for all of its searches."""
        answers = await apart(
            placed, lambda each: each.serving.gallery.collection, partial(self._ask, deadline)
        )
        for answer in answers:
            if isinstance(answer, CollectionNotFoundError):
                raise answer
        return answers

    async def _ask(
        self, deadline: Deadline, placed: Sequence[PlacedSearch]
    ) -> list[Answer | CallError]:
        """Ask a collection for all of its searches, and first for photos that they start from."""
        collection = placed[0].serving.gallery.collection
        wanted = list(dict.fromkeys(chain.from_iterable(each.stored() for each in placed)))
        stored: Stored = {}
        if wanted:
            timeout = self._timeout(deadline, "waiting for the encoder")
            stored = await self._reader.vectors(collection, wanted, timeout)
        asked = [attempt(self._asked, each, stored) for each in placed]
        return await through(asked, partial(self._nearest, deadline, collection))

    def _asked(self, placed: PlacedSearch, stored: Stored) -> Asked:
        """Return the query for Qdrant, and the query's embedding where it is to be told."""
        embedding = placed.embedding(stored) if placed.search.with_embedding else None
        return placed.nearest(stored, self._limits.params), embedding

    async def _nearest(
        self, deadline: Deadline, collection: str, asked: Sequence[Asked]
    ) -> list[Answer | CallError]:
        if not asked:
            return []
        timeout = self._timeout(deadline, "waiting for the encoder")
        try:
            queries = [query for query, _ in asked]
            found = await self._reader.nearest(collection, queries, timeout)
        except CollectionNotFoundError:
            raise
        except CallError as error:
            if error.code not in _OWN_FAULTS:
                raise
            if len(asked) == 1:
                return [error]
        else:
            return [
                (photos, embedding) for photos, (_, embedding) in zip(found, asked, strict=True)
            ]
        # One fails all in Qdrant's batch: asked one by one they tell which.
        alone = [await self._nearest(deadline, collection, [each]) for each in asked]
        return [answer for (answer,) in alone]

    def _timeout(self, deadline: Deadline, where: str) -> float:
        return min(self._limits.query_timeout_seconds, deadline.remaining(where))


def _wanted(query: Query) -> list[Picture | Text]:
    """Return what of a query is to be embedded."""
    return [each for each in (query.source, query.text) if isinstance(each, Picture | Text)]


def _embedded(placed: PlacedSearch, outcomes: Sequence[Outcome]) -> PlacedSearch:
    """Return the search with its embeddings; raise what one of them failed with."""
    timings = None
    for item, outcome in zip(_wanted(placed.search.query), outcomes, strict=True):
        if isinstance(outcome, CallError):
            raise outcome
        embedding, spent = outcome
        if embedding.fingerprint != placed.serving.gallery.fingerprint:
            raise ModelChanged
        timings = spent if timings is None else timings.plus(spent)
        if isinstance(item, Text):
            placed = replace(placed, text=embedding, timings=timings)
        else:
            placed = replace(placed, source=embedding, timings=timings)
    return placed
