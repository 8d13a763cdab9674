"""Galleries: aliases of collections, and what is known of a collection."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from qdrant_client import grpc as api

from sketchzoo.qdrant.connection import QdrantConnection
from sketchzoo.qdrant.folding import BurstCounts


@dataclass(frozen=True, slots=True)
class Gallery:
    """The collection that the alias names, and the model that its embeddings come from.

    `fields` are the payload fields that have an index, with Qdrant's names of their types:
    `keyword`, `integer`, `float`, `bool`, `datetime`, `geo`.
    """

    collection: str
    fingerprint: str
    dimension: int
    fields: Mapping[str, str] = field(default_factory=dict)


async def list_galleries(
    connection: QdrantConnection, timeout_seconds: float | None = None
) -> dict[str, str]:
    """Return the collection of each gallery, by the gallery's name.

    Aliases of collections that are not named after them are others' and left out.
    """
    named = await aliases_of(connection, timeout_seconds)
    return {
        alias: collection
        for alias, collection in sorted(named.items())
        if collection.startswith(f"{alias}-")
    }


@dataclass(frozen=True, slots=True)
class Schema:
    """A collection's indexes, and what there is of bursts; None where no photo folds."""

    fields: Mapping[str, str]
    bursts: BurstCounts | None

    @classmethod
    def of(cls, info: api.CollectionInfo) -> Self:
        """Read it from what Qdrant tells of a collection."""
        fields = {
            name: api.PayloadSchemaType.Name(index.data_type).lower()
            for name, index in sorted(info.payload_schema.items())
        }
        return cls(fields, BurstCounts.of(info))


async def aliases_of(connection: QdrantConnection, timeout_seconds: float | None) -> dict[str, str]:
    """Return the collection that each alias names."""
    answer: api.ListAliasesResponse = await connection.ask(
        "Collections/ListAliases", api.ListAliasesRequest(), timeout_seconds
    )
    return {each.alias_name: each.collection_name for each in answer.aliases}
