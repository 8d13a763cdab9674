"""Writing photos: collections by fingerprint, upserts, and the alias that moves at the end."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any

import structlog
from qdrant_client import grpc as api

from sketchzoo.payload import fill_payload
from sketchzoo.qdrant import point as points
from sketchzoo.qdrant.collection_options import CollectionOptions, settings_of
from sketchzoo.qdrant.connection import QdrantConnection
from sketchzoo.qdrant.errors import CollectionExistsError, CollectionNotFoundError
from sketchzoo.qdrant.filter import AnyOf, FieldCondition, Filter, Range
from sketchzoo.qdrant.photo import RESERVED, UNREAD, Photo, phash_keys
from sketchzoo.qdrant.publishing import publish
from sketchzoo.qdrant.reader import PhotoReader

log = structlog.get_logger()

_KEYWORD = api.FieldType.FieldTypeKeyword
INDEXED = {
    "class": _KEYWORD,
    "seen_class": _KEYWORD,
    "sha256": _KEYWORD,
    "uri": _KEYWORD,
    "folders": _KEYWORD,
    "camera": _KEYWORD,
    "burst": _KEYWORD,
    "near_duplicate_of": _KEYWORD,
    "phash_keys": api.FieldType.FieldTypeInteger,
    "rating": api.FieldType.FieldTypeInteger,
    "taken_at": api.FieldType.FieldTypeDatetime,
    "location": api.FieldType.FieldTypeGeo,
}
"""Payload fields that filters use, and the types of their indexes."""
_COLUMNS = {
    bool: api.FieldType.FieldTypeBool,
    int: api.FieldType.FieldTypeInteger,
    float: api.FieldType.FieldTypeFloat,
    list: _KEYWORD,
}
_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?")
_PAGE = 1000
_MOST_ALIKE = 64
# A larger write is made as several: Qdrant and what stands before it limit a message's size.
_MAX_WRITE_BYTES = 16 * 1024 * 1024


class PhotoWriter(PhotoReader):
    """Writes photos into the collection of one model; every write is acknowledged by Qdrant.

    It reads them, too. Failures raise `CallError`.
    """

    def __init__(
        self,
        connection: QdrantConnection,
        alias: str,
        options: CollectionOptions | None = None,
    ) -> None:
        super().__init__(connection, alias)
        self._options = options or CollectionOptions()

    def name(self, fingerprint: str) -> str:
        """Return the name of a model's collection; each alias has collections of its own."""
        return f"{self._alias}-{fingerprint}"

    async def open(self, fingerprint: str, dimension: int) -> str:
        """Make the model's collection and its payload indexes where missing; return its name."""
        name = self.name(fingerprint)
        exists: api.CollectionExistsResponse = await self._connection.ask(
            "Collections/CollectionExists", api.CollectionExistsRequest(collection_name=name)
        )
        if not exists.result.exists:
            # Made by another job in between, it is what was wanted.
            with suppress(CollectionExistsError):
                await self._connection.ask(
                    "Collections/Create", self._options.creation(name, dimension)
                )
        # Also after a kill between the two: making an index twice changes nothing. All at once:
        # what is written together is synced together, and a run begins that much sooner.
        await asyncio.gather(*(self._index(name, *each) for each in INDEXED.items()))
        # Not remembered: photos are to come.
        told: api.GetCollectionInfoResponse = await self._connection.ask(
            "Collections/Get", api.GetCollectionInfoRequest(collection_name=name)
        )
        for setting, wanted, is_so in self._options.differences(settings_of(told.result)):
            log.warning(
                "the collection is not as its settings say",
                collection=name,
                setting=setting,
                wanted=wanted,
                has=is_so,
                change="sketchzoo gallery settings",
            )
        return name

    async def index_column(self, collection: str, name: str, value: Any) -> None:
        """Make the payload index that a source's column of such values needs, where missing."""
        kind = _COLUMNS.get(type(value), _KEYWORD)
        if isinstance(value, str) and _TIME.fullmatch(value):
            kind = api.FieldType.FieldTypeDatetime
        await self._index(collection, name, kind)

    async def upsert(
        self, collection: str, photos: Iterable[tuple[Photo, Sequence[float]]]
    ) -> None:
        """Write photos with their embeddings; returns when Qdrant has them on disk."""
        for request in _writes(collection, photos):
            await self._connection.ask("Points/Upsert", request)

    async def set_payload(self, collection: str, photo: Photo) -> None:
        """Replace a photo's payload, its embedding stays."""
        request = api.SetPayloadPoints(collection_name=collection, wait=True)
        fill_payload(request.payload, photo.to_payload())
        request.points_selector.points.ids.add().uuid = photo.id
        await self._connection.ask("Points/OverwritePayload", request)

    async def by_uri(self, collection: str, uris: Sequence[str]) -> dict[str, Photo]:
        """Return the photos whose files lie at these uris, by uri.

        Of several at one uri, of which only one can be there still, the one ingested last.
        """
        found: dict[str, Photo] = {}
        async for photo in self._with_any(collection, "uri", uris):
            other = found.get(photo.uri)
            if other is None or other.ingested_at <= photo.ingested_at:
                found[photo.uri] = photo
        return found

    async def below(self, collection: str, folder: str) -> AsyncIterator[Photo]:
        """Yield the photos in a folder of a source and in those below it."""
        async for photo in self._with_any(collection, "folders", [folder]):
            yield photo

    async def alike(
        self, collection: str, photos: Sequence[Photo], within: timedelta
    ) -> list[Photo]:
        """Return photos that may look like one of these: few, found by indexes.

        They share neighbouring parts of their perceptual hashes, or were taken by the same camera
        within a time.
        """
        request = api.ScrollPoints(
            collection_name=collection, limit=_MOST_ALIKE * max(1, len(photos))
        )
        request.with_payload.include.fields.extend(RESERVED - UNREAD)
        keys = {key for photo in photos for key in phash_keys(photo.phash)}
        if keys:
            found = FieldCondition("phash_keys", AnyOf(tuple(sorted(keys))))
            found.fill(request.filter.should.add().field)
        for photo in photos:
            if photo.taken_at is not None and photo.camera:
                both = request.filter.should.add().filter.must
                FieldCondition("camera", photo.camera).fill(both.add().field)
                span = Range(gte=photo.taken_at - within, lte=photo.taken_at + within)
                FieldCondition("taken_at", span).fill(both.add().field)
        if not request.filter.should:
            return []
        page: api.ScrollResponse = await self._connection.ask("Points/Scroll", request)
        return [points.stored(collection, point) for point in page.result]

    async def matching(self, collection: str, condition: Filter, limit: int) -> list[Photo]:
        """Return the first photos that meet a filter, in the order of their ids."""
        request = api.ScrollPoints(collection_name=collection, limit=limit)
        request.with_payload.enable = True
        condition.fill(request.filter)
        page: api.ScrollResponse = await self._connection.ask("Points/Scroll", request)
        return [points.stored(collection, point) for point in page.result]

    async def delete_at(self, collection: str, photos: Sequence[Photo]) -> None:
        """Delete photos that still have a uri which one of these has, in one step."""
        if not photos:
            return
        request = api.DeletePoints(collection_name=collection, wait=True)
        ids = request.points.filter.must.add().has_id.has_id
        for photo in photos:
            ids.add().uuid = photo.id
        uris = AnyOf(tuple(dict.fromkeys(photo.uri for photo in photos)))
        FieldCondition("uri", uris).fill(request.points.filter.must.add().field)
        await self._connection.ask("Points/Delete", request)

    async def delete(self, collection: str, ids: Sequence[str]) -> None:
        """Delete photos by id; unknown ones are no error."""
        request = api.DeletePoints(collection_name=collection, wait=True)
        for photo_id in ids:
            request.points.points.ids.add().uuid = photo_id
        if ids:
            await self._connection.ask("Points/Delete", request)

    async def publish(self, collection: str) -> None:
        """Let the alias name this collection, in one step: search sees the old or the new.

        The old one is kept, and `sketchzoo gallery rollback` goes back to it.
        """
        await publish(self._connection, self._alias, collection)

    async def drop(self, collection: str) -> None:
        """Delete a collection that the alias does not name; an unknown one is no error."""
        if await self.published() == collection:
            raise ValueError(f"{collection} is the gallery that search uses: publish another first")
        with suppress(CollectionNotFoundError):
            await self._connection.ask(
                "Collections/Delete", api.DeleteCollection(collection_name=collection)
            )

    async def _with_any(
        self, collection: str, field: str, values: Sequence[str]
    ) -> AsyncIterator[Photo]:
        if not values:
            return
        request = api.ScrollPoints(collection_name=collection, limit=_PAGE)
        request.with_payload.enable = True
        FieldCondition(field, AnyOf(tuple(values))).fill(request.filter.must.add().field)
        while True:
            page: api.ScrollResponse = await self._connection.ask("Points/Scroll", request)
            for point in page.result:
                yield points.stored(collection, point)
            if not page.HasField("next_page_offset"):
                return
            request.offset.CopyFrom(page.next_page_offset)

    async def _index(self, collection: str, field: str, kind: "api.FieldType.ValueType") -> None:
        request = self._options.index(collection, field, kind)
        await self._connection.ask("Points/CreateFieldIndex", request)


def _writes(
    collection: str, photos: Iterable[tuple[Photo, Sequence[float]]]
) -> Iterator[api.UpsertPoints]:
    """Yield the photos as writes, each of a size that Qdrant takes."""
    request = api.UpsertPoints(collection_name=collection, wait=True)
    size = 0
    for photo, vector in photos:
        point = api.PointStruct()
        point.id.uuid = photo.id
        point.vectors.vector.dense.data.extend(vector)
        fill_payload(point.payload, photo.to_payload())
        size += point.ByteSize()
        if request.points and size > _MAX_WRITE_BYTES:
            yield request
            request = api.UpsertPoints(collection_name=collection, wait=True)
            size = point.ByteSize()
        request.points.append(point)
    if request.points:
        yield request
