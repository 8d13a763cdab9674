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
from sketchzoo.qdrant.publishing import former, former_alias, publish
from sketchzoo.rpc import not_found, precondition

_COLLECTION = re.compile(r".+-[0-9a-f]{16}")


@dataclass(frozen=True, slots=True)
class GalleryCollection:
    """A collection of a gallery; searches see it where it `is_published`.

    Where it `is_former` they saw it before, and `rollback` goes back to it.
    """

    gallery: str
    collection: str
    fingerprint: str
    photos: int
    dimension: int
    is_published: bool
    is_former: bool


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

    async def publish(self, gallery: str, fingerprint: str) -> list[GalleryCollection]:
        """Let searches see a gallery as a model has it, in one step; return its collections.

        NOT_FOUND where there is no collection of that model.
        """
        found = await self._of_model(gallery, fingerprint)
        await publish(self._connection, gallery, found.collection)
        return await self.collections(gallery)

    async def roll_back(self, gallery: str) -> list[GalleryCollection]:
        """Let searches see a gallery as they saw it before; return its collections.

        Twice comes to where it was. FAILED_PRECONDITION where what it was in is not kept.
        """
        await publish(self._connection, gallery, await former(self._connection, gallery))
        return await self.collections(gallery)

    async def drop(self, gallery: str) -> list[GalleryCollection]:
        """Delete a gallery's alias and its collections, other models' too; return them.

        Photos' files stay where they lie.
        """
        gone = await self.collections(gallery)
        for each in gone:
            await self._delete(each)
        return gone

    async def drop_model(self, gallery: str, fingerprint: str) -> list[GalleryCollection]:
        """Delete a gallery's collection of one model; return it.

        NOT_FOUND where there is none, FAILED_PRECONDITION where searches see it.
        """
        found = await self._of_model(gallery, fingerprint)
        if found.is_published:
            raise precondition(
                "PUBLISHED",
                f"searches see {found.collection}: publish another one first, or drop the gallery",
            )
        await self._delete(found)
        return [found]

    async def _of_model(self, gallery: str, fingerprint: str) -> GalleryCollection:
        for each in await self.collections(gallery):
            if each.fingerprint == fingerprint:
                return each
        raise not_found(f"the gallery {gallery} has no collection of the model {fingerprint}")

    async def _delete(self, found: GalleryCollection) -> None:
        with suppress(CollectionNotFoundError):
            # Its aliases go with it.
            await self._connection.ask(
                "Collections/Delete", api.DeleteCollection(collection_name=found.collection)
            )

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
            is_former=aliases.get(former_alias(gallery)) == name,
        )
