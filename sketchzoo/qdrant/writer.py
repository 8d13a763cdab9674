"""Writing photos: collections by fingerprint, upserts, and the alias that moves at the end."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from qdrant_client import models

from sketchzoo.qdrant.connection import QdrantConnection
from sketchzoo.qdrant.errors import CollectionExistsError, CollectionNotFoundError
from sketchzoo.qdrant.photo import Photo

INDEXED = ("class", "sha256")
_SCROLL_PAGE = 1000


@dataclass(frozen=True, slots=True)
class CollectionOptions:
    """How a new collection is indexed: HNSW's `m` and `ef_construct`, int8 vectors or not.

    Twice what Qdrant takes by itself: embeddings lie in clusters, a class each, and with 16
    links whole clusters may be cut off (docs/adr/0043-a-denser-index.md).
    """

    m: int = 32
    ef_construct: int = 200
    quantize_int8: bool = False

    def __post_init__(self) -> None:
        if not 4 <= self.m <= 128:  # noqa: PLR2004 - stated in the message
            raise ValueError(f"m must be 4 to 128, not {self.m}")
        if not self.m <= self.ef_construct <= 4096:  # noqa: PLR2004 - stated in the message
            raise ValueError(f"ef_construct must be m to 4096, not {self.ef_construct}")


class PhotoWriter:
    """Writes photos into the collection of one model; every write is acknowledged by Qdrant.

    Failures raise `CallError`.
    """

    def __init__(
        self,
        connection: QdrantConnection,
        alias: str,
        options: CollectionOptions | None = None,
    ) -> None:
        self._connection = connection
        self._client = connection.client
        self._alias = alias
        self._options = options or CollectionOptions()

    def name(self, fingerprint: str) -> str:
        """Return the name of a model's collection; each alias has collections of its own."""
        return f"{self._alias}-{fingerprint}"

    async def open(self, fingerprint: str, dimension: int) -> str:
        """Make the model's collection and its payload indexes where missing; return its name."""
        name = self.name(fingerprint)
        async with self._connection.call("collection_exists"):
            exists = await self._client.collection_exists(name)
        if not exists:
            # Made by another job in between, it is what was wanted.
            with suppress(CollectionExistsError):
                async with self._connection.call("create_collection"):
                    await self._client.create_collection(
                        name,
                        vectors_config=models.VectorParams(
                            size=dimension, distance=models.Distance.COSINE
                        ),
                        hnsw_config=models.HnswConfigDiff(
                            m=self._options.m, ef_construct=self._options.ef_construct
                        ),
                        quantization_config=self._quantization(),
                    )
        # Also after a kill between the two: making an index twice changes nothing.
        for field in INDEXED:
            async with self._connection.call("create_payload_index"):
                await self._client.create_payload_index(
                    name, field, models.PayloadSchemaType.KEYWORD, wait=True
                )
        return name

    async def known(self, collection: str, ids: Sequence[str]) -> dict[str, Photo]:
        """Return those of the photos that the collection has, by id."""
        if not ids:
            return {}
        async with self._connection.call("retrieve"):
            records = await self._client.retrieve(collection, ids, with_payload=True)
        return {str(record.id): Photo.from_payload(record.payload or {}) for record in records}

    async def upsert(
        self, collection: str, photos: Iterable[tuple[Photo, Sequence[float]]]
    ) -> None:
        """Write photos with their embeddings; returns when Qdrant has them on disk."""
        points = [
            models.PointStruct(id=photo.id, vector=list(vector), payload=photo.to_payload())
            for photo, vector in photos
        ]
        if points:
            async with self._connection.call("upsert"):
                await self._client.upsert(collection, points, wait=True)

    async def set_payload(self, collection: str, photo: Photo) -> None:
        """Replace a photo's payload, its embedding stays."""
        payload: Mapping[str, Any] = photo.to_payload()
        async with self._connection.call("overwrite_payload"):
            await self._client.overwrite_payload(
                collection, dict(payload), points=[photo.id], wait=True
            )

    async def delete(self, collection: str, ids: Sequence[str]) -> None:
        """Delete photos by id; unknown ones are no error."""
        if ids:
            async with self._connection.call("delete"):
                await self._client.delete(
                    collection, models.PointIdsList(points=list(ids)), wait=True
                )

    async def scroll(self, collection: str) -> AsyncIterator[Photo]:
        """Yield every photo of the collection, in the order of ids, a page at a time."""
        offset: Any = None
        while True:
            async with self._connection.call("scroll"):
                records, offset = await self._client.scroll(
                    collection, limit=_SCROLL_PAGE, offset=offset, with_payload=True
                )
            for record in records:
                yield Photo.from_payload(record.payload or {})
            if offset is None:
                return

    async def count(self, collection: str) -> int:
        """Return the exact number of photos."""
        async with self._connection.call("count"):
            return (await self._client.count(collection, exact=True)).count

    async def published(self) -> str | None:
        """Return the collection that the alias names, if any."""
        async with self._connection.call("get_aliases"):
            aliases = (await self._client.get_aliases()).aliases
        return next((a.collection_name for a in aliases if a.alias_name == self._alias), None)

    async def publish(self, collection: str) -> None:
        """Let the alias name this collection, in one step: search sees the old or the new."""
        operations: list[models.AliasOperations] = [
            models.CreateAliasOperation(
                create_alias=models.CreateAlias(collection_name=collection, alias_name=self._alias)
            )
        ]
        if await self.published() is not None:
            operations.insert(
                0,
                models.DeleteAliasOperation(
                    delete_alias=models.DeleteAlias(alias_name=self._alias)
                ),
            )
        async with self._connection.call("update_collection_aliases"):
            await self._client.update_collection_aliases(operations)

    async def drop(self, collection: str) -> None:
        """Delete a collection that the alias does not name; an unknown one is no error."""
        if await self.published() == collection:
            raise ValueError(f"{collection} is the gallery that search uses: publish another first")
        with suppress(CollectionNotFoundError):
            async with self._connection.call("delete_collection"):
                await self._client.delete_collection(collection)

    def _quantization(self) -> models.ScalarQuantization | None:
        if not self._options.quantize_int8:
            return None
        return models.ScalarQuantization(
            scalar=models.ScalarQuantizationConfig(
                type=models.ScalarType.INT8, quantile=0.99, always_ram=True
            )
        )
