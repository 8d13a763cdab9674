"""Searching: the way of queries, from their pictures to the photos found.

Searches go it together, one alone as a batch of one: one call to the encoder, one to Qdrant.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from time import perf_counter

import grpc

from search_service.deadline import Deadline
from search_service.embedding import Embedder
from search_service.outcomes import attempt, through
from search_service.paging import read_token, write_token
from search_service.readiness import Readiness, Serving
from search_service.request import Picture, Search
from search_service.timings import Timings
from sketchzoo.encoder_client import Embedding
from sketchzoo.qdrant import CollectionNotFoundError, Gallery, Nearest, PhotoReader, ScoredPhoto
from sketchzoo.rpc import CallError, invalid, precondition

# What one search may be refused for while those beside it are answered.
_OWN_FAULTS = (grpc.StatusCode.NOT_FOUND, grpc.StatusCode.INVALID_ARGUMENT)

# A search, its embedding where it has one, and where the time went.
Ready = tuple[Search, Embedding | None, Timings]


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
        self, embedder: Embedder, reader: PhotoReader, readiness: Readiness, limits: SearchLimits
    ) -> None:
        self._embedder = embedder
        self._reader = reader
        self._readiness = readiness
        self._limits = limits

    async def search(
        self, searches: Sequence[Search], deadline: Deadline
    ) -> list[Found | CallError]:
        """Answer searches, in order; start anew, once, when the gallery changes under them.

        Raises:
            CallError: what fails all of them, for instance UNAVAILABLE.

        """
        started = perf_counter()
        try:
            return await self._attempt(searches, self._readiness.require(), deadline, started)
        except _CHANGED:
            serving = await self._readiness.refresh()
        try:
            return await self._attempt(searches, serving, deadline, started)
        except _CHANGED as error:
            raise precondition(
                "MODEL_MISMATCH", "the gallery is changing to another model right now: try again"
            ) from error

    async def _attempt(
        self, searches: Sequence[Search], serving: Serving, deadline: Deadline, started: float
    ) -> list[Found | CallError]:
        gallery = serving.gallery
        placed = [attempt(self._placed, search, gallery) for search in searches]
        ready = await through(placed, partial(self._embed, gallery, deadline))
        return await through(ready, partial(self._find, serving, deadline, started))

    def _placed(self, search: Search, gallery: Gallery) -> Search:
        """Return the search at its page's place; check what depends on the gallery."""
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
        if (offset, limit) == (search.offset, search.limit):
            return search
        return replace(search, offset=offset, limit=limit)

    async def _embed(
        self, gallery: Gallery, deadline: Deadline, searches: Sequence[Search]
    ) -> list[Ready | CallError]:
        pictures = [each.source for each in searches if isinstance(each.source, Picture)]
        seconds = deadline.for_encoder(self._limits.query_reserve_seconds)
        made = iter(await self._embedder.embed(pictures, gallery.fingerprint, seconds))
        ready: list[Ready | CallError] = []
        for search in searches:
            if not isinstance(search.source, Picture):
                given = search.source if isinstance(search.source, Embedding) else None
                ready.append((search, given, Timings()))
                continue
            outcome = next(made)
            if isinstance(outcome, CallError):
                ready.append(outcome)
            elif outcome[0].fingerprint != gallery.fingerprint:
                raise ModelChanged
            else:
                ready.append((search, *outcome))
        return ready

    async def _find(
        self,
        serving: Serving,
        deadline: Deadline,
        started: float,
        ready: Sequence[Ready],
    ) -> list[Found | CallError]:
        collection, fingerprint = serving.gallery.collection, serving.gallery.fingerprint
        asked = perf_counter()
        queries = [self._nearest(search, embedding) for search, embedding, _ in ready]
        answers = await self._ask(collection, deadline, queries)
        ended = perf_counter()
        found: list[Found | CallError] = []
        for (search, made, timings), photos in zip(ready, answers, strict=True):
            if isinstance(photos, CallError):
                found.append(photos)
                continue
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
                    timings.ended(query=(ended - asked) / len(queries), total=ended - started),
                    serving.model.min_score,
                    embedding,
                )
            )
        return found

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
            hnsw_ef=self._limits.hnsw_ef,
        )

    def _timeout(self, deadline: Deadline, where: str) -> float:
        return min(self._limits.query_timeout_seconds, deadline.remaining(where))
