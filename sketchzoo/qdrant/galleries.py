"""All galleries of one Qdrant: which there are, what they hold, and how one goes.

A gallery is an alias of the collection `<gallery>-<fingerprint>`. A collection of that form
that no alias names is being filled, or was replaced by a newer model's.
"""

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from qdrant_client import grpc as api

from sketchzoo.qdrant.collection_options import CollectionOptions, settings_of
from sketchzoo.qdrant.connection import QdrantConnection
from sketchzoo.qdrant.errors import CollectionNotFoundError
from sketchzoo.qdrant.gallery import Schema
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


@dataclass(frozen=True, slots=True)
class CollectionFacts:
    """What Qdrant tells of a collection: `settings` by their names in `CollectionOptions`.

    `status` is Qdrant's: green where all is in order, yellow while it builds an index, grey where
    one is due, red where it cannot. `fields` are the indexed payload fields with their types.
    """

    gallery: GalleryCollection
    status: str
    indexed_vectors: int
    segments: int
    settings: Mapping[str, Any]
    fields: Mapping[str, str]


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

    async def published(self, gallery: str) -> str:
        """Return the collection that a gallery's alias names.

        Raises:
            CallError: NOT_FOUND, there is no such gallery.

        """
        name = (await self.aliases()).get(gallery)
        if name is None:
            raise not_found(f"there is no gallery {gallery}, or it is not published yet")
        return name

    async def facts(self, collection: str) -> CollectionFacts:
        """Return what Qdrant tells of a collection."""
        described = await self._described(collection, await self.aliases())
        info = await self._info(collection)
        return CollectionFacts(
            gallery=described,
            status=api.CollectionStatus.Name(info.status).lower(),
            indexed_vectors=info.indexed_vectors_count,
            segments=info.segments_count,
            settings=settings_of(info),
            fields=Schema.of(info).fields,
        )

    async def change(self, collection: str, options: CollectionOptions) -> list[str]:
        """Change a collection's settings to what is said; return the names of those that differed.

        What follows of it, a new index for instance, Qdrant makes by itself, while it answers.

        Raises:
            ValueError: what is said cannot be changed, or makes no sense together.

        """
        info = await self._info(collection)
        has = settings_of(info)
        options = options.beside(has)
        changed = [name for name, _, _ in options.differences(has)]
        if "shards" in changed:
            raise ValueError(
                f"{collection} has {has['shards']} shards, and Qdrant changes no collection's: "
                "copy the gallery to a new one with `sketchzoo gallery copy --as NAME --shards N`"
            )
        options.check_writes(has["replicas"])
        if not changed:
            return []
        if (request := options.only(changed).change(collection)) is not None:
            await self._connection.ask("Collections/Update", request)
        if "payload_indexes_on_disk" in changed:
            for field, index in sorted(info.payload_schema.items()):
                kind = api.PayloadSchemaType.Name(index.data_type)
                await self._connection.ask(
                    "Points/CreateFieldIndex",
                    options.index(collection, field, api.FieldType.Value(f"FieldType{kind}")),
                )
        return changed

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
        info = await self._info(name)
        count: api.CountResponse = await self._connection.ask(
            "Points/Count", api.CountPoints(collection_name=name, exact=True)
        )
        return GalleryCollection(
            gallery=gallery,
            collection=name,
            fingerprint=fingerprint,
            photos=count.result.count,
            dimension=info.config.params.vectors_config.params.size,
            is_published=aliases.get(gallery) == name,
            is_former=aliases.get(former_alias(gallery)) == name,
        )

    async def _info(self, name: str) -> api.CollectionInfo:
        answer: api.GetCollectionInfoResponse = await self._connection.ask(
            "Collections/Get", api.GetCollectionInfoRequest(collection_name=name)
        )
        return answer.result
