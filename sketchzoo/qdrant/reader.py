"""Reading photos: the nearest to an embedding, single ones, all, and what there is of them."""

import asyncio
import time
from array import array
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import datetime

from qdrant_client import grpc as api

from sketchzoo.qdrant import point as points
from sketchzoo.qdrant.batches import Hits, QueryBatches
from sketchzoo.qdrant.bursts import Collapsed
from sketchzoo.qdrant.connection import QdrantConnection, remaining
from sketchzoo.qdrant.facet import facet
from sketchzoo.qdrant.filter import FieldCondition, Filter
from sketchzoo.qdrant.folding import Folding
from sketchzoo.qdrant.gallery import Gallery, Schema, aliases_of
from sketchzoo.qdrant.photo import RESERVED, Photo
from sketchzoo.qdrant.query import Nearest, ScoredPhoto
from sketchzoo.qdrant.schemas import Schemas
from sketchzoo.rpc import precondition

_SCROLL_PAGE = 500
# Embeddings of one message: 4 MiB of 1,024 values each.
_VECTORS = 1_000
# More classes than any animal gallery has, and more folders than can be looked through; a
# facet needs a limit.
_MAX_VALUES = 10_000


class PhotoReader:
    """Reads the gallery that the alias names; failures raise `CallError`.

    A point that ingest did not write is FAILED_PRECONDITION and named, wherever it is read;
    a collection or a photo that is not there has an error of its own type.
    """

    def __init__(self, connection: QdrantConnection, alias: str) -> None:
        self._connection = connection
        self._alias = alias
        self._schemas = Schemas(connection)
        self._batches = QueryBatches(connection)

    async def published(self, timeout_seconds: float | None = None) -> str | None:
        """Return the collection that the alias names, if any."""
        return (await aliases_of(self._connection, timeout_seconds)).get(self._alias)

    async def current(self, timeout_seconds: float | None = None) -> Gallery:
        """Return what the alias names; FAILED_PRECONDITION where it names nothing yet."""
        name = await self.published(timeout_seconds)
        if name is None:
            raise precondition(
                "NO_GALLERY",
                f"the alias {self._alias} names no collection yet: ingest photos first",
            )
        info = await self._schemas.info(name, timeout_seconds)
        vectors = info.config.params.vectors_config
        if not vectors.HasField("params"):
            raise precondition("NO_GALLERY", f"{name} was not made by ingest: it has no vector")
        fingerprint = name.removeprefix(f"{self._alias}-")
        return Gallery(name, fingerprint, vectors.params.size, Schema.of(info).fields)

    async def nearest(
        self, collection: str, queries: Sequence[Nearest], timeout_seconds: float | None = None
    ) -> list[list[ScoredPhoto]]:
        """Return the photos nearest to each query, best first; one failure fails all.

        Bursts are collapsed where a query says so and the collection has an index of them.
        """
        if not queries:
            return []
        deadline = None if timeout_seconds is None else time.monotonic() + timeout_seconds
        bursts = None
        if any(query.collapse for query in queries):
            bursts = await self._schemas.bursts(collection, deadline)
        if bursts is None:
            found = await self._batch(collection, queries, deadline)
            return [[points.scored(collection, hit) for hit in hits] for hits in found]
        asked = [Folding(query, bursts) if query.collapse else query for query in queries]
        found = await self._batch(collection, asked, deadline)
        without = bursts.counts.without > 0
        collapsed = Collapsed(self._connection, collection, deadline, with_others=without)

        async def answer(query: Nearest | Folding, hits: Hits) -> list[ScoredPhoto]:
            if isinstance(query, Nearest):
                return [points.scored(collection, hit) for hit in hits]
            query.add(hits)
            return await collapsed.finish(query)

        if len(asked) == 1:
            return [await answer(asked[0], found[0])]
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [
                    group.create_task(answer(query, hits))
                    for query, hits in zip(asked, found, strict=True)
                ]
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from errors
        return [task.result() for task in tasks]

    async def get(
        self, collection: str, ids: Sequence[str], timeout_seconds: float | None = None
    ) -> dict[str, Photo]:
        """Return those of the photos that the collection has, by id."""
        found = await self._get(collection, ids, timeout_seconds) if ids else ()
        return {photo.id: photo for photo in (points.stored(collection, each) for each in found)}

    async def vectors(
        self, collection: str, ids: Sequence[str], timeout_seconds: float | None = None
    ) -> dict[str, Sequence[float]]:
        """Return the embeddings of those of the photos that the collection has, by id.

        As float32: a list of Python's own numbers takes eight times as much.
        """
        deadline = None if timeout_seconds is None else time.monotonic() + timeout_seconds
        found: dict[str, Sequence[float]] = {}
        for start in range(0, len(ids), _VECTORS):
            some = ids[start : start + _VECTORS]
            told = await self._get(collection, some, remaining(deadline), with_vectors=True)
            found |= {points.id_of(each): array("f", points.vector(each)) for each in told}
        return found

    async def scroll(self, collection: str) -> AsyncIterator[Photo]:
        """Yield every photo without its source's columns, in the order of ids, by pages."""
        async for point in self._scroll(collection):
            yield points.stored(collection, point)

    async def embeddings(self, collection: str) -> AsyncIterator[tuple[Photo, list[float]]]:
        """Yield every photo with its embedding, else as `scroll` does."""
        async for point in self._scroll(collection, with_vectors=True):
            yield points.stored(collection, point), points.vector(point)

    async def count(
        self,
        collection: str,
        condition: Filter | None = None,
        timeout_seconds: float | None = None,
    ) -> int:
        """Return the exact number of photos that meet the filter; of all without one."""
        request = api.CountPoints(collection_name=collection, exact=True)
        if condition is not None:
            condition.fill(request.filter)
        answer: api.CountResponse = await self._connection.ask(
            "Points/Count", request, timeout_seconds
        )
        return answer.result.count

    async def classes(
        self,
        collection: str,
        condition: Filter,
        timeout_seconds: float | None = None,
        field: str = "class",
    ) -> dict[str, int]:
        """Return the exact number of photos of each class that meet the filter, by name.

        Or of each value of another `field`; none where the collection has no index of its texts.
        Points without a class are no photos and not counted.
        """
        return await self._facet(collection, field, condition, timeout_seconds)

    async def folders(
        self,
        collection: str,
        parent: str,
        condition: Filter,
        timeout_seconds: float | None = None,
    ) -> dict[str, int]:
        """Return the exact number of photos in each folder right below `parent`, and below it.

        Of those that meet the filter; `parent` is empty for the source's own folder. Of very
        many folders those with most photos.
        """
        if parent:
            condition = replace(
                condition, fields=(*condition.fields, FieldCondition("folders", parent))
            )
        counts = await self._facet(collection, "folders", condition, timeout_seconds)
        start = f"{parent}/" if parent else ""
        return {
            folder: count
            for folder, count in counts.items()
            if folder.startswith(start) and "/" not in folder[len(start) :]
        }

    async def span(
        self, collection: str, timeout_seconds: float | None = None
    ) -> tuple[datetime, datetime] | None:
        """Return when the earliest and the latest photo were taken, None where no photo tells."""
        deadline = None if timeout_seconds is None else time.monotonic() + timeout_seconds
        schema = await self._schemas.of(collection, timeout_seconds)
        if schema.fields.get("taken_at") != "datetime":
            return None
        ends = []
        for direction in (api.Direction.Asc, api.Direction.Desc):
            request = api.ScrollPoints(collection_name=collection, limit=1)
            request.with_payload.enable = True
            request.order_by.key, request.order_by.direction = "taken_at", direction
            page: api.ScrollResponse = await self._connection.ask(
                "Points/Scroll", request, remaining(deadline)
            )
            ends += [points.stored(collection, point).taken_at for point in page.result]
        match ends:
            case [datetime() as earliest, datetime() as latest]:
                return earliest, latest
        return None

    async def _batch(
        self, collection: str, queries: Sequence[Nearest | Folding], deadline: float | None
    ) -> list[Hits]:
        messages = []
        for query in queries:
            messages.append(message := api.QueryPoints())
            query.fill(message, collection)
        return await self._batches.ask(collection, messages, deadline)

    async def _facet(
        self, collection: str, field: str, condition: Filter, timeout_seconds: float | None
    ) -> dict[str, int]:
        deadline = None if timeout_seconds is None else time.monotonic() + timeout_seconds
        schema = await self._schemas.of(collection, timeout_seconds)
        if schema.fields.get(field) != "keyword":
            return {}
        request = api.FacetCounts(
            collection_name=collection, key=field, limit=_MAX_VALUES, exact=True
        )
        condition.fill(request.filter)
        return await facet(self._connection, request, remaining(deadline))

    async def _get(
        self,
        collection: str,
        ids: Sequence[str],
        timeout_seconds: float | None,
        *,
        with_vectors: bool = False,
    ) -> Sequence[api.RetrievedPoint]:
        request = api.GetPoints(collection_name=collection)
        for photo_id in ids:
            request.ids.add().uuid = photo_id
        request.with_payload.enable = not with_vectors
        request.with_vectors.enable = with_vectors
        answer: api.GetResponse = await self._connection.ask("Points/Get", request, timeout_seconds)
        return answer.result

    async def _scroll(
        self, collection: str, *, with_vectors: bool = False
    ) -> AsyncIterator[api.RetrievedPoint]:
        request = api.ScrollPoints(collection_name=collection, limit=_SCROLL_PAGE)
        # Columns may be long, and nobody who reads all photos looks at them.
        request.with_payload.include.fields.extend(RESERVED)
        request.with_vectors.enable = with_vectors
        while True:
            page: api.ScrollResponse = await self._connection.ask("Points/Scroll", request)
            for point in page.result:
                yield point
            if not page.HasField("next_page_offset"):
                return
            request.offset.CopyFrom(page.next_page_offset)
