"""Copying a collection to another Qdrant: points as they are, nothing is embedded again.

Embedded Qdrant and a server speak the same API, so each may be either end. A copy may be cut
off at any point and made again: what is there as it should be is passed over.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from qdrant_client import grpc as api

from sketchzoo.qdrant.collection_options import index_on_disk
from sketchzoo.qdrant.connection import QdrantConnection
from sketchzoo.qdrant.errors import CollectionExistsError

# A page of points with embeddings is a few MB at most, and one write.
_PAGE = 256


Point = api.RetrievedPoint
PointId = api.PointId


@dataclass(frozen=True, slots=True)
class Page:
    """Points in the order of their ids, and where the next page begins; None after the last."""

    points: Sequence[api.RetrievedPoint]
    next: api.PointId | None


class CollectionEnd:
    """A collection as one end of a copy; failures raise `CallError`."""

    def __init__(self, connection: QdrantConnection, name: str) -> None:
        self._connection = connection
        self.name = name

    async def describe(self) -> api.CollectionInfo:
        """Return the collection's configuration and its payload indexes."""
        answer: api.GetCollectionInfoResponse = await self._connection.ask(
            "Collections/Get", api.GetCollectionInfoRequest(collection_name=self.name)
        )
        return answer.result

    async def make_like(self, model: api.CollectionInfo, shards: int | None = None) -> None:
        """Make the collection and its payload indexes as `model` has them, where missing.

        With another number of `shards`, if one is given; else as many as its Qdrant makes.
        """
        exists: api.CollectionExistsResponse = await self._connection.ask(
            "Collections/CollectionExists",
            api.CollectionExistsRequest(collection_name=self.name),
        )
        if not exists.result.exists:
            # Made by another copy in between, it is what was wanted.
            with suppress(CollectionExistsError):
                await self._connection.ask("Collections/Create", self._creation(model, shards))
        for field, index in sorted(model.payload_schema.items()):
            request = api.CreateFieldIndexCollection(
                collection_name=self.name, field_name=field, wait=True
            )
            if index_on_disk(index):
                request.field_index_params.CopyFrom(index.params)
            kind = api.PayloadSchemaType.Name(index.data_type)
            request.field_type = api.FieldType.Value(f"FieldType{kind}")
            await self._connection.ask("Points/CreateFieldIndex", request)

    async def count(self) -> int:
        """Return the exact number of points."""
        answer: api.CountResponse = await self._connection.ask(
            "Points/Count", api.CountPoints(collection_name=self.name, exact=True)
        )
        return answer.result.count

    async def page(
        self, after: api.PointId | None, *, payload: bool = False, vectors: bool = False
    ) -> "Page":
        """Return the next points in the order of their ids, with what is asked for of each."""
        request = api.ScrollPoints(collection_name=self.name, limit=_PAGE)
        request.with_payload.enable = payload
        request.with_vectors.enable = vectors
        if after is not None:
            request.offset.CopyFrom(after)
        page: api.ScrollResponse = await self._connection.ask("Points/Scroll", request)
        return Page(
            page.result, page.next_page_offset if page.HasField("next_page_offset") else None
        )

    async def get(
        self, points: Sequence[api.RetrievedPoint], *, payload: bool
    ) -> dict[str, api.RetrievedPoint]:
        """Return those of the points that are here, by id, without their embeddings."""
        request = api.GetPoints(collection_name=self.name, ids=[point.id for point in points])
        request.with_payload.enable = payload
        request.with_vectors.enable = False
        answer: api.GetResponse = await self._connection.ask("Points/Get", request)
        return {key(point): point for point in answer.result}

    async def write(self, points: Sequence[api.RetrievedPoint]) -> None:
        """Write points as another end has them; on disk when this returns."""
        request = api.UpsertPoints(collection_name=self.name, wait=True)
        for point in points:
            written = request.points.add()
            written.id.CopyFrom(point.id)
            # Servers before 1.16 fill `data` alone.
            vector = point.vectors.vector
            written.vectors.vector.dense.data.extend(vector.dense.data or vector.data)
            for field, value in point.payload.items():
                written.payload[field].CopyFrom(value)
        await self._connection.ask("Points/Upsert", request)

    async def delete(self, points: Sequence[api.RetrievedPoint]) -> None:
        """Delete points."""
        request = api.DeletePoints(collection_name=self.name, wait=True)
        request.points.points.ids.extend(point.id for point in points)
        await self._connection.ask("Points/Delete", request)

    def _creation(self, model: api.CollectionInfo, shards: int | None) -> api.CreateCollection:
        request = api.CreateCollection(collection_name=self.name)
        params = model.config.params
        vectors = params.vectors_config.params
        request.vectors_config.params.size = vectors.size
        request.vectors_config.params.distance = vectors.distance
        if vectors.HasField("on_disk"):
            request.vectors_config.params.on_disk = vectors.on_disk
        request.on_disk_payload = params.on_disk_payload
        for name in ("m", "ef_construct", "payload_m", "on_disk"):
            if model.config.hnsw_config.HasField(name):
                setattr(request.hnsw_config, name, getattr(model.config.hnsw_config, name))
        if model.config.HasField("quantization_config"):
            request.quantization_config.CopyFrom(model.config.quantization_config)
        if shards is not None:
            request.shard_number = shards
        # Of one node they say nothing of the nodes that the copy has.
        if params.replication_factor > 1:
            request.replication_factor = params.replication_factor
            request.write_consistency_factor = params.write_consistency_factor or 1
        return request


def key(point: api.RetrievedPoint) -> str:
    """Return a point's id as text."""
    return point.id.uuid or str(point.id.num)


def same_payload(one: api.RetrievedPoint, other: api.RetrievedPoint) -> bool:
    """Tell whether two points have the same payload."""
    return dict(one.payload) == dict(other.payload)
