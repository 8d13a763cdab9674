"""Publishing: the gallery's alias that moves, and one beside it that tells where it stood.

The collection that a gallery was in before has the alias `<gallery>~former`, a name that no gallery
can have. Both move in one step, so that going back needs nothing but Qdrant.
"""

from qdrant_client import grpc as api

from sketchzoo.qdrant.connection import QdrantConnection
from sketchzoo.qdrant.gallery import aliases_of
from sketchzoo.rpc import precondition


def former_alias(gallery: str) -> str:
    """Return the alias of the collection that a gallery was in before."""
    return f"{gallery}~former"


async def publish(connection: QdrantConnection, gallery: str, collection: str) -> str | None:
    """Let searches see a gallery in a collection; return the one that they saw before, if any.

    In one step: a search sees the old or the new. Done twice it changes nothing more.
    """
    aliases = await aliases_of(connection, None)
    before = aliases.get(gallery)
    if before == collection:
        return before
    request = api.ChangeAliases()
    if before is not None:
        _move(request, aliases, former_alias(gallery), before)
    _move(request, aliases, gallery, collection)
    await connection.ask("Collections/UpdateAliases", request)
    return before


async def former(connection: QdrantConnection, gallery: str) -> str:
    """Return the collection that a gallery was in before; FAILED_PRECONDITION where it is gone."""
    aliases = await aliases_of(connection, None)
    found = aliases.get(former_alias(gallery))
    if found is None or found == aliases.get(gallery):
        raise precondition(
            "NO_FORMER",
            f"no collection is kept that the gallery {gallery} was in before: "
            "`sketchzoo gallery list` tells what there is",
        )
    return found


def _move(request: api.ChangeAliases, aliases: dict[str, str], alias: str, collection: str) -> None:
    if alias in aliases:
        request.actions.add().delete_alias.alias_name = alias
    created = request.actions.add().create_alias
    created.collection_name, created.alias_name = collection, alias
