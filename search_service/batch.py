"""Batches: several searches with one call to the encoder and one to Qdrant."""

from collections.abc import Sequence
from time import perf_counter

import grpc

from search_service.deadline import Deadline
from search_service.embedding import Embedder
from search_service.encoder import Embedding
from search_service.readiness import Readiness, Standing
from search_service.request import ImageSource, Search, StrokesSource
from search_service.searching import (
    Found,
    GalleryChanged,
    Limits,
    Plan,
    Searcher,
    changing,
    is_missing_collection,
)
from search_service.timings import Timings
from sketchzoo.qdrant import PhotoReader, ScoredPhoto
from sketchzoo.rpc import CallError

# What one query of a batch may be refused for while the others are answered.
_OWN_FAULTS = (grpc.StatusCode.NOT_FOUND, grpc.StatusCode.INVALID_ARGUMENT)

Ready = tuple[Plan, Embedding | None, Timings]


class BatchSearcher:
    """Answers several searches, each with its own answer or error."""

    def __init__(
        self,
        searcher: Searcher,
        embedder: Embedder,
        reader: PhotoReader,
        readiness: Readiness,
        limits: Limits,
    ) -> None:
        self._searcher = searcher
        self._embedder = embedder
        self._reader = reader
        self._readiness = readiness
        self._limits = limits

    async def search(
        self, searches: Sequence[Search | CallError], deadline: Deadline
    ) -> list[Found | CallError]:
        """Return an answer for each search, in order; refused ones keep their error.

        Raises:
            CallError: what fails all of them, for instance UNAVAILABLE.

        """
        started = perf_counter()
        try:
            return await self._attempt(searches, self._readiness.require(), deadline, started)
        except GalleryChanged:
            standing = await self._readiness.refresh()
        try:
            return await self._attempt(searches, standing, deadline, started)
        except GalleryChanged as error:
            raise changing() from error

    async def _attempt(
        self,
        searches: Sequence[Search | CallError],
        standing: Standing,
        deadline: Deadline,
        started: float,
    ) -> list[Found | CallError]:
        outcomes: list[Plan | CallError] = [self._plan(search, standing) for search in searches]
        prepared = await self._embed(outcomes, standing, deadline)
        ready = {i: each for i, each in enumerate(prepared) if not isinstance(each, CallError)}
        answers: dict[int, list[ScoredPhoto] | CallError] = {}
        asked = perf_counter()
        if ready:
            photos = await self._query(list(ready.values()), standing, deadline)
            answers = dict(zip(ready, photos, strict=True))
        ended = perf_counter()
        results: list[Found | CallError] = []
        for index, each in enumerate(prepared):
            if isinstance(each, CallError):
                results.append(each)
                continue
            answer = answers[index]
            if isinstance(answer, CallError):
                results.append(answer)
                continue
            plan, embedding, timings = each
            if embedding is None:
                embedding = await self._searcher.stored(plan, deadline)
            spent = timings.ended(query=(ended - asked) / len(ready), total=ended - started)
            results.append(plan.found(answer, embedding, spent))
        return results

    def _plan(self, search: Search | CallError, standing: Standing) -> Plan | CallError:
        if isinstance(search, CallError):
            return search
        try:
            return self._searcher.plan(search, standing)
        except CallError as error:
            return error

    async def _embed(
        self, plans: Sequence[Plan | CallError], standing: Standing, deadline: Deadline
    ) -> list[Ready | CallError]:
        pictures = {
            index: plan.search.source
            for index, plan in enumerate(plans)
            if isinstance(plan, Plan)
            and isinstance(plan.search.source, ImageSource | StrokesSource)
        }
        fingerprint = standing.gallery.fingerprint
        embedded: dict[int, tuple[Embedding, Timings] | CallError] = {}
        if pictures:
            outcomes = await self._embedder.many(
                list(pictures.values()),
                fingerprint,
                deadline.for_encoder(self._limits.query_reserve_seconds),
            )
            embedded = dict(zip(pictures, outcomes, strict=True))
        prepared: list[Ready | CallError] = []
        for index, plan in enumerate(plans):
            outcome = embedded.get(index)
            if isinstance(plan, CallError):
                prepared.append(plan)
            elif isinstance(outcome, CallError):
                prepared.append(outcome)
            elif outcome is None:
                prepared.append((plan, None, Timings()))
            else:
                if outcome[0].fingerprint != fingerprint:
                    raise GalleryChanged
                prepared.append((plan, *outcome))
        return prepared

    async def _query(
        self, ready: Sequence[Ready], standing: Standing, deadline: Deadline
    ) -> list[list[ScoredPhoto] | CallError]:
        collection = standing.gallery.collection
        queries = [plan.nearest(embedding) for plan, embedding, _ in ready]
        try:
            return list(await self._reader.nearest(collection, queries, self._timeout(deadline)))
        except CallError as error:
            if is_missing_collection(error) and not any(query.named for query in queries):
                raise GalleryChanged from error
            if error.code not in _OWN_FAULTS:
                raise
        # One fails all in Qdrant's batch: ask one by one to tell which.
        answers: list[list[ScoredPhoto] | CallError] = []
        for query in queries:
            try:
                answers += await self._reader.nearest(collection, [query], self._timeout(deadline))
            except CallError as error:
                if is_missing_collection(error):
                    raise GalleryChanged from error
                if error.code not in _OWN_FAULTS:
                    raise
                answers.append(error)
        return answers

    def _timeout(self, deadline: Deadline) -> float:
        remaining = deadline.remaining("waiting for the encoder")
        return min(self._limits.query_timeout_seconds, remaining)
