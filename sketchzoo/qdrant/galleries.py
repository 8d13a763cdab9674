"""All galleries of one Qdrant: which there are, what they hold, and how one goes.

A gallery is an alias of the collection `<gallery>-<fingerprint>`. A collection of that form
that no alias names is being filled, or was replaced by a newer model's.
"""

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from qdrant_client import grpc as api

from sketchzoo.qdrant.connection import QdrantConnection
from sketchzoo.qdrant.errors import CollectionNotFoundError

_COLLECTION = re.compile(r".+-[0-9a-f]{16}")


@dataclass(frozen=True, slots=True)
class GalleryCollection:
    """A collection of a gallery; searches see it where it `is_published`."""

    gallery: str
    collection: str
    fingerprint: str
    photos: int
    dimension: int
    is_published: bool


class Galleries:
    """The galleries of one Qdrant; failures raise `CallError`."""

    def __init__(self, connection: QdrantConnection) -> None:
        self._connection = connection

    async def aliases(self) -> dict[str, str]:
        """Return every alias with the collection that it names."""
        answer: api.ListAliasesResponse = await self._connection.ask(
            "Collections/ListAliases", api.ListAliasesRequest()
        )
        return {each.alias_name: each.collection_name for each in answer.aliases}

    async def all_collections(self) -> list[GalleryCollection]:
        """Return every collection of a gallery, by name; what other tools made is left out."""
        aliases = await self.aliases()
        found = []
        for name in await self.names():
            # Dropped meanwhile, it is none.
            with suppress(CollectionNotFoundError):
                found.append(await self._described(name, aliases))
        return found

    async def names(self) -> list[str]:
        """Return the names of all galleries' collections."""
        answer: api.ListCollectionsResponse = await self._connection.ask(
            "Collections/List", api.ListCollectionsRequest()
        )
        names = sorted(each.name for each in answer.collections)
        return [name for name in names if _COLLECTION.fullmatch(name)]

    async def collections(self, gallery: str) -> list[GalleryCollection]:
        """Return a gallery's collections, published or not; none where it is unknown."""
        return [each for each in await self.all_collections() if each.gallery == gallery]

    async def drop(self, gallery: str) -> list[GalleryCollection]:
        """Delete a gallery's alias and its collections, other models' too; return them.

        Photos' files stay where they lie.
        """
        gone = await self.collections(gallery)
        for each in gone:
            with suppress(CollectionNotFoundError):
                # Its aliases go with it.
                await self._connection.ask(
                    "Collections/Delete", api.DeleteCollection(collection_name=each.collection)
                )
        return gone

    async def _described(self, name: str, aliases: Mapping[str, str]) -> GalleryCollection:
        gallery, _, fingerprint = name.rpartition("-")
        info: api.GetCollectionInfoResponse = await self._connection.ask(
            "Collections/Get", api.GetCollectionInfoRequest(collection_name=name)
        )
        count: api.CountResponse = await self._connection.ask(
            "Points/Count", api.CountPoints(collection_name=name, exact=True)
        )
        return GalleryCollection(
            gallery=gallery,
            collection=name,
            fingerprint=fingerprint,
            photos=count.result.count,
            dimension=info.result.config.params.vectors_config.params.size,
            is_published=aliases.get(gallery) == name,
        )
