"""Searching: the way of queries, from their pictures to the photos found.

Searches go it together, one alone as a batch of one: one call to the encoder, and one to Qdrant for
each gallery that they ask.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from time import perf_counter

import grpc

from search_service.deadline import Deadline
from search_service.embedding import Embedder
from search_service.galleries import Galleries
from search_service.outcomes import attempt, attempt_later, through
from search_service.paging import read_token, write_token
from search_service.readiness import Serving
from search_service.request import Picture, Search
from search_service.timings import Timings
from sketchzoo.encoder_client import Embedding
from sketchzoo.qdrant import CollectionNotFoundError, Nearest, PhotoReader, ScoredPhoto
from sketchzoo.rpc import CallError, invalid, precondition

# What one search may be refused for while those beside it are answered.
_OWN_FAULTS = (grpc.StatusCode.NOT_FOUND, grpc.StatusCode.INVALID_ARGUMENT)

# A search and what answers it; then its embedding where it has one, and where the time went.
Placed = tuple[Search, Serving]
Ready = tuple[Search, Serving, Embedding | None, Timings]


@dataclass(frozen=True, slots=True)
class SearchLimits:
    """Hits that one search can be paged through, seconds kept for Qdrant, and its most.

    `hnsw_ef` is how many candidates its index is searched for.
    """

    max_depth: int
    query_reserve_seconds: float
    query_timeout_seconds: float
    hnsw_ef: int


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
        ready = await through(placed, partial(self._embed, deadline))
        return await through(ready, partial(self._find, deadline, started))

    def _placed(self, search: Search, serving: Serving | CallError) -> Placed:
        """Return the search at its page's place; check what depends on the gallery."""
        if isinstance(serving, CallError):
            raise serving.again()
        gallery = serving.gallery
        offset = read_token(
            search.page_token, search.identity, gallery.fingerprint, self._limits.max_depth
        )
        given = search.source
        if isinstance(given, Embedding) and given.fingerprint != gallery.fingerprint:
            raise precondition(
                "MODEL_MISMATCH",
                f"the embedding was made by the model {given.fingerprint}, the gallery "
                f"by {gallery.fingerprint}: embed the sketch anew",
            )
        if isinstance(given, Embedding) and given.dimension != gallery.dimension:
            raise invalid(
                "query.embedding.dimension",
                f"must be {gallery.dimension}, as the model's embeddings have",
            )
        limit = min(search.limit, self._limits.max_depth - offset)
        if (offset, limit) != (search.offset, search.limit):
            search = replace(search, offset=offset, limit=limit)
        return search, serving

    async def _embed(self, deadline: Deadline, placed: Sequence[Placed]) -> list[Ready | CallError]:
        if not placed:
            return []
        pictures = [each.source for each, _ in placed if isinstance(each.source, Picture)]
        seconds = deadline.for_encoder(self._limits.query_reserve_seconds)
        # There is one encoder: what is served was made by its model, whatever the gallery.
        fingerprint = placed[0][1].model.fingerprint
        made = iter(await self._embedder.embed(pictures, fingerprint, seconds))
        ready: list[Ready | CallError] = []
        for search, serving in placed:
            if not isinstance(search.source, Picture):
                given = search.source if isinstance(search.source, Embedding) else None
                ready.append((search, serving, given, Timings()))
                continue
            outcome = next(made)
            if isinstance(outcome, CallError):
                ready.append(outcome)
            elif outcome[0].fingerprint != serving.gallery.fingerprint:
                raise ModelChanged
            else:
                ready.append((search, serving, *outcome))
        return ready

    async def _find(
        self, deadline: Deadline, started: float, ready: Sequence[Ready]
    ) -> list[Found | CallError]:
        asked = perf_counter()
        answers = await self._answers(deadline, ready)
        ended = perf_counter()
        found: list[Found | CallError] = []
        for (search, serving, made, timings), photos in zip(ready, answers, strict=True):
            if isinstance(photos, CallError):
                found.append(photos)
                continue
            collection, fingerprint = serving.gallery.collection, serving.gallery.fingerprint
            embedding = made if search.with_embedding else None
            if search.with_embedding and isinstance(search.source, str):
                timeout = self._timeout(deadline, "waiting for Qdrant")
                values = await self._reader.embedding(collection, search.source, timeout)
                embedding = None if values is None else Embedding.of(values, fingerprint)
            end = search.offset + search.limit
            more = len(photos) > search.limit and end < self._limits.max_depth
            found.append(
                Found(
                    tuple(photos[: search.limit]),
                    fingerprint,
                    write_token(end, search.identity, fingerprint) if more else "",
                    timings.ended(query=(ended - asked) / len(ready), total=ended - started),
                    serving.model.min_score,
                    embedding,
                )
            )
        return found

    async def _answers(
        self, deadline: Deadline, ready: Sequence[Ready]
    ) -> list[list[ScoredPhoto] | CallError]:
        """Ask each collection once for all of its searches."""
        queries: dict[str, list[Nearest]] = {}
        for search, serving, embedding, _ in ready:
            asked = queries.setdefault(serving.gallery.collection, [])
            asked.append(self._nearest(search, embedding))
        if len(queries) == 1:
            ((collection, asked),) = queries.items()
            return await self._ask(collection, deadline, asked)
        each = await asyncio.gather(
            *(attempt_later(self._ask, one, deadline, asked) for one, asked in queries.items())
        )
        for outcome in each:
            if isinstance(outcome, CollectionNotFoundError):
                raise outcome
        told = {
            # What is wrong with one gallery is its searches' own.
            one: iter([found] * len(asked) if isinstance(found, CallError) else found)
            for (one, asked), found in zip(queries.items(), each, strict=True)
        }
        return [next(told[serving.gallery.collection]) for _, serving, _, _ in ready]

    async def _ask(
        self, collection: str, deadline: Deadline, queries: Sequence[Nearest]
    ) -> list[list[ScoredPhoto] | CallError]:
        if not queries:
            return []
        timeout = self._timeout(deadline, "waiting for the encoder")
        try:
            return list(await self._reader.nearest(collection, queries, timeout))
        except CollectionNotFoundError:
            raise
        except CallError as error:
            if error.code not in _OWN_FAULTS:
                raise
            if len(queries) == 1:
                return [error]
        # One fails all in Qdrant's batch: asked one by one they tell which.
        alone = [await self._ask(collection, deadline, [query]) for query in queries]
        return [answer for (answer,) in alone]

    def _nearest(self, search: Search, embedding: Embedding | None) -> Nearest:
        """Return the query for Qdrant; one hit more than wanted tells whether more follow."""
        return Nearest(
            vector=embedding.values() if embedding is not None else None,
            photo_id=search.source if isinstance(search.source, str) else None,
            liked=search.liked,
            disliked=search.disliked,
            filter=search.filter,
            limit=search.limit + 1,
            offset=search.offset,
            min_score=search.min_score,
            exact=search.exact,
            collapse=search.collapse,
            hnsw_ef=self._limits.hnsw_ef,
            with_payload=search.with_payload,
        )

    def _timeout(self, deadline: Deadline, where: str) -> float:
        return min(self._limits.query_timeout_seconds, deadline.remaining(where))
