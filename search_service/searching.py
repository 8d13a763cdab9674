"""Searching: the way of a query, from its picture to the photos found."""

from dataclasses import dataclass
from time import perf_counter
from typing import Protocol

import grpc

from search_service.deadline import Deadline
from search_service.embedding import Embedder
from search_service.encoder import Embedding
from search_service.paging import read_token, write_token
from search_service.readiness import Readiness, Standing
from search_service.request import (
    EmbeddingSource,
    ImageSource,
    PhotoIdSource,
    Search,
    StrokesSource,
)
from search_service.timings import Timings
from sketchzoo.qdrant import Nearest, PhotoReader, ScoredPhoto
from sketchzoo.rpc import CallError, invalid, precondition


@dataclass(frozen=True, slots=True)
class Limits:
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
    first_page: bool


class GalleryChanged(Exception):  # noqa: N818 - an event, not an error: the search starts anew
    """The gallery or the model is not the one that the search began with."""


class Searcher:
    """Answers searches; failures raise `CallError`."""

    def __init__(
        self, embedder: Embedder, reader: PhotoReader, readiness: Readiness, limits: Limits
    ) -> None:
        self._embedder = embedder
        self._reader = reader
        self._readiness = readiness
        self._limits = limits

    async def search(self, search: Search, deadline: Deadline) -> Found:
        """Answer a search; starts anew, once, when the gallery changes under it."""
        started = perf_counter()
        try:
            return await self._attempt(search, self._readiness.require(), deadline, started)
        except GalleryChanged:
            standing = await self._readiness.refresh()
        try:
            return await self._attempt(search, standing, deadline, started)
        except GalleryChanged as error:
            raise changing() from error

    async def _attempt(
        self, search: Search, standing: Standing, deadline: Deadline, started: float
    ) -> Found:
        plan = self.plan(search, standing)
        embedding, timings = None, Timings()
        if isinstance(search.source, ImageSource | StrokesSource):
            embedding, timings = await self._embedder.one(
                search.source,
                standing.gallery.fingerprint,
                deadline.for_encoder(self._limits.query_reserve_seconds),
            )
            if embedding.fingerprint != standing.gallery.fingerprint:
                raise GalleryChanged
        asked = perf_counter()
        collection = standing.gallery.collection
        timeout = min(
            self._limits.query_timeout_seconds, deadline.remaining("waiting for the encoder")
        )
        try:
            queries = [plan.nearest(embedding)]
            (photos,) = await self._reader.nearest(collection, queries, timeout)
        except CallError as error:
            if is_missing_collection(error):
                raise GalleryChanged from error
            raise
        ended = perf_counter()
        if embedding is None:
            embedding = await self.stored(plan, deadline)
        return plan.found(
            photos, embedding, timings.ended(query=ended - asked, total=ended - started)
        )

    async def stored(self, plan: "Plan", deadline: Deadline) -> Embedding | None:
        """Return the embedding of the photo that a query names, if the answer is to carry it."""
        source = plan.search.source
        if not plan.search.with_embedding or not isinstance(source, PhotoIdSource):
            return None
        gallery = plan.standing.gallery
        timeout = min(self._limits.query_timeout_seconds, deadline.remaining("waiting for Qdrant"))
        values = await self._reader.embedding(gallery.collection, source.photo_id, timeout)
        return None if values is None else Embedding.of(values, gallery.fingerprint)

    def plan(self, search: Search, standing: Standing) -> "Plan":
        """Check what depends on the gallery: the page token and a ready embedding."""
        gallery = standing.gallery
        identity = search.identity()
        offset = read_token(
            search.page_token, identity, gallery.fingerprint, self._limits.max_depth
        )
        if isinstance(search.source, EmbeddingSource):
            given = search.source.embedding
            if given.fingerprint != gallery.fingerprint:
                raise precondition(
                    "MODEL_MISMATCH",
                    f"the embedding was made by the model {given.fingerprint}, the gallery "
                    f"by {gallery.fingerprint}: embed the sketch anew",
                )
            if given.dimension != gallery.dimension:
                raise invalid(
                    "query.embedding.dimension",
                    f"must be {gallery.dimension}, as the model's embeddings have",
                )
        limit = min(search.limit, self._limits.max_depth - offset)
        return Plan(search, standing, identity, offset, limit, self._limits)


@dataclass(frozen=True, slots=True)
class Plan:
    """A search against one gallery: which hits are asked for, and what becomes of them."""

    search: Search
    standing: Standing
    identity: bytes
    offset: int
    limit: int
    limits: Limits

    def nearest(self, embedding: Embedding | None) -> Nearest:
        """Return the query for Qdrant; one hit more than wanted tells whether more follow."""
        source = self.search.source
        if isinstance(source, EmbeddingSource):
            embedding = source.embedding
        return Nearest(
            vector=embedding.values() if embedding is not None else None,
            photo_id=source.photo_id if isinstance(source, PhotoIdSource) else None,
            liked=self.search.liked,
            disliked=self.search.disliked,
            filter=self.search.filter,
            limit=self.limit + 1,
            offset=self.offset,
            min_score=self.search.min_score,
            exact=self.search.exact,
            hnsw_ef=self.limits.hnsw_ef,
        )

    def found(
        self, photos: list[ScoredPhoto], embedding: Embedding | None, timings: Timings
    ) -> Found:
        """Return the answer from Qdrant's."""
        fingerprint = self.standing.gallery.fingerprint
        source = self.search.source
        if isinstance(source, EmbeddingSource):
            embedding = source.embedding
        end = self.offset + self.limit
        more = len(photos) > self.limit and end < self.limits.max_depth
        return Found(
            photos=tuple(photos[: self.limit]),
            fingerprint=fingerprint,
            next_page_token=write_token(end, self.identity, fingerprint) if more else "",
            timings=timings,
            confident_score=self.standing.model.min_score,
            embedding=embedding if self.search.with_embedding else None,
            first_page=not self.offset,
        )


class HasCode(Protocol):
    """Whatever carries a status code and a message."""

    code: grpc.StatusCode
    message: str


def is_missing_collection(error: HasCode) -> bool:
    """Tell whether Qdrant refused because the collection has been dropped."""
    return error.code is grpc.StatusCode.NOT_FOUND and not error.message.startswith("no such photo")


def changing() -> CallError:
    """FAILED_PRECONDITION: gallery and encoder keep changing under the search."""
    return precondition(
        "MODEL_MISMATCH", "the gallery is changing to another model right now: try again"
    )
