"""The catalogue: which collections there are, and which aliases name them.

<path>/
    LOCK               held by the one process that serves the folder
    aliases.json       alias to collection, replaced atomically
    collections/<id>/  one collection (see `folder`); the id is random, the name inside
"""

import asyncio
import json
import re
import uuid
from collections.abc import Iterable
from contextlib import suppress

import structlog
from qdrant_client import grpc

from embedded_qdrant.collection import Collection
from embedded_qdrant.damage import Damage, DamagedCollectionError
from embedded_qdrant.errors import (
    already_exists,
    collection_missing,
    engine_errors,
    first_line,
    storage_errors,
    unserved,
    wrong_input,
)
from embedded_qdrant.files import StorageLock, remove_tree
from embedded_qdrant.folder import CollectionFolder
from embedded_qdrant.settings import EmbeddedQdrantSettings
from embedded_qdrant.space import Space
from sketchzoo.files import write_atomically
from sketchzoo.rpc import exhausted

log = structlog.get_logger()

# What an empty collection takes of the disk.
_COLLECTION_BYTES = 1024 * 1024
_NAME = re.compile(r'^[^<>:"/\\|?*\0\x1f]{1,255}$')


class StorageError(Exception):
    """The storage could not be left in order."""


class Catalogue:
    """Every collection of one storage folder, open, and the aliases.

    What is damaged is left as it is and refused by name; the rest is served.
    """

    def __init__(self, settings: EmbeddedQdrantSettings) -> None:
        self._settings = settings
        self._folder = settings.path / "collections"
        self._aliases_file = settings.path / "aliases.json"
        self._lock = StorageLock(settings.path)
        self._space = Space(settings.path, settings.min_free_bytes)
        self._collections: dict[str, Collection] = {}
        self._aliases: dict[str, str] = {}
        self._damage = Damage()

    def open(self) -> None:
        """Load everything.

        Raises:
            DamagedCollectionError: Something is damaged, and nothing is left to be served.

        """
        self._folder.mkdir(exist_ok=True)
        for entry in sorted(self._folder.iterdir()):
            if entry.name.startswith("."):
                remove_tree(entry)
            else:
                self._load(CollectionFolder(entry))
        try:
            self._aliases = self._read_aliases()
        except DamagedCollectionError as error:
            self._damage.aliases = error
        problems = self._damage.all()
        # With nothing to serve the first ends the start, and is told there.
        ends = bool(problems) and not self._collections
        for problem in problems[1:] if ends else problems:
            log.error("damaged", reason=str(problem))
        if ends:
            raise problems[0]
        self._drop_dangling()
        for collection in self._collections.values():
            collection.open()

    async def close(self) -> None:
        """Close every collection, whatever one of them raises, and let others have the folder.

        Raises:
            StorageError: Something could not be closed in order; everything else is.

        """
        collections = self.all()
        ended = await asyncio.gather(
            *(self._close(collection) for collection in collections), return_exceptions=True
        )
        self._lock.release()
        failed = [
            collection.name
            for collection, error in zip(collections, ended, strict=True)
            if error is not None
        ]
        if failed:
            raise StorageError(
                f"not closed in order: {', '.join(failed)}; what was acknowledged is in their logs"
            )

    async def _close(self, collection: Collection) -> None:
        try:
            async with asyncio.timeout(self._settings.drain_seconds):
                await collection.close()
        except Exception:
            log.exception("collection not closed", collection=collection.name)
            raise

    def _load(self, folder: CollectionFolder) -> None:
        try:
            name, config = folder.description()
        except DamagedCollectionError as error:
            self._damage.nameless.append(error)
            return
        if name in self.names():
            # Which of them counts cannot be told, even where one is damaged.
            twin = self._collections.pop(name, None)
            if twin is not None:
                twin.shard.close()
            other = self._damage.named.get(name) if twin is None else twin.folder.path
            self._damage.named[name] = DamagedCollectionError(
                folder.path, f"is a second folder of collection {name!r}, move one away ({other})"
            )
            return
        try:
            collection = Collection(name, config, folder, folder.load(config), self._settings)
        except DamagedCollectionError as error:
            self._damage.named[name] = error
            return
        log.info("collection loaded", collection=name, points=collection.statistics.points)
        self._collections[name] = collection

    def _read_aliases(self) -> dict[str, str]:
        try:
            aliases = json.loads(self._aliases_file.read_bytes())
            return {str(alias): str(name) for alias, name in aliases.items()}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, AttributeError, RecursionError) as error:
            raise DamagedCollectionError(
                self._aliases_file, f"must hold a JSON object of aliases: {first_line(error)}"
            ) from error

    def _drop_dangling(self) -> None:
        """Forget aliases of collections that are gone: the next of the name must not have them."""
        if self._damage.hides_names:
            return
        dangling = {
            alias: name for alias, name in self._aliases.items() if name not in self.names()
        }
        if dangling:
            log.warning("aliases dropped, since their collections are gone", aliases=dangling)
            self._set_aliases(
                {alias: name for alias, name in self._aliases.items() if alias not in dangling}
            )

    def _set_aliases(self, aliases: dict[str, str]) -> None:
        write_atomically(self._aliases_file, json.dumps(aliases, indent=1).encode())
        self._aliases = aliases

    def all(self) -> list[Collection]:
        """Return the collections that are served, by name."""
        return [self._collections[name] for name in sorted(self._collections)]

    def names(self) -> list[str]:
        """Return the names of all collections, of those that are damaged too."""
        return sorted(self._collections.keys() | self._damage.named.keys())

    def exists(self, name: str) -> bool:
        """Tell whether a collection or an alias has this name."""
        found = self._aliases.get(name, name) in self.names()
        if not found:
            self._damage.check_absent(name)
        return found

    def get(self, name: str) -> Collection:
        """Return the collection that a name or an alias means.

        NOT_FOUND where none does, FAILED_PRECONDITION where it is damaged.
        """
        target = self._aliases.get(name, name)
        collection = self._collections.get(target)
        if collection is None:
            self._damage.check_sound(target)
            self._damage.check_absent(name)
            raise collection_missing(name)
        return collection

    def create(self, name: str, config: grpc.CollectionConfig) -> None:
        """Make an empty collection; it is wholly there or not at all, even after a crash."""
        if not _NAME.match(name):
            raise wrong_input(
                f"collection_name {name!r} must have 1 to 255 characters and none of "
                '<>:"/\\|?* or control characters'
            )
        if name in self._collections:
            raise already_exists(name)
        if name in self._aliases:
            raise wrong_input(
                f"Can't create collection with name {name}. Alias with the same name already exists"
            )
        self._damage.check_sound(name)
        self._damage.check_absent(name)
        if len(self.names()) >= self._settings.max_collections:
            raise exhausted(f"there are {len(self.names())} collections already", 60.0)
        with engine_errors(), storage_errors():
            self._space.require(_COLLECTION_BYTES)
            collection = self._made(name, config)
        collection.open()
        self._collections[name] = collection

    def _made(self, name: str, config: grpc.CollectionConfig) -> Collection:
        identifier = uuid.uuid4().hex
        making = self._folder / f".making-{identifier}"
        final = CollectionFolder(self._folder / identifier)
        try:
            CollectionFolder.create(making, name, config).move(final.path)
            return Collection(name, config, final, final.load(config), self._settings)
        except BaseException:
            # Else it would be there after the next start, beside the one of the next try.
            with suppress(OSError):
                remove_tree(final.hide())
            remove_tree(making)
            raise

    async def delete(self, name: str) -> bool:
        """Remove a collection and its aliases; False where there is none.

        Aliases first: one that is left over would name the next collection of this name.
        """
        collection = self._collections.get(name)
        if collection is None:
            self._damage.check_sound(name)
            self._damage.check_absent(name)
            return False
        kept = {alias: target for alias, target in self._aliases.items() if target != name}
        with storage_errors():
            if kept != self._aliases:
                self._set_aliases(kept)
            await self._remove(collection)
        return True

    async def _remove(self, collection: Collection) -> None:
        name = collection.name
        try:
            await collection.close()
        except Exception as error:  # noqa: BLE001 - what is removed need not be in order
            log.warning("removed unflushed", collection=name, reason=first_line(error))
        if self._collections.get(name) is not collection:
            return  # another call has done it meanwhile
        del self._collections[name]
        try:
            # A rename first, so that it is wholly there or gone.
            gone = collection.folder.hide()
        except OSError:
            self._load(collection.folder)
            if name in self._collections:
                self._collections[name].open()
            raise
        remove_tree(gone)

    def aliases(self) -> list[tuple[str, str]]:
        """Return (alias, collection) pairs by alias."""
        self._damage.check_aliases()
        return sorted(self._aliases.items())

    def change_aliases(self, actions: Iterable[grpc.AliasOperations]) -> None:
        """Make all the changes at once, or, where one cannot be, none of them."""
        self._damage.check_aliases()
        aliases = dict(self._aliases)
        for action in actions:
            match action.WhichOneof("action"):
                case "create_alias":
                    create = action.create_alias
                    if create.collection_name not in self.names():
                        self._damage.check_absent(create.collection_name)
                        raise collection_missing(create.collection_name)
                    self._check_alias(create.alias_name)
                    aliases[create.alias_name] = create.collection_name
                case "delete_alias":
                    aliases.pop(action.delete_alias.alias_name, None)
                case None:
                    raise wrong_input("an alias action is empty")
                case other:
                    raise unserved(f"AliasOperations.{other}")
        if aliases != self._aliases:
            with storage_errors():
                self._space.require(0)
                self._set_aliases(aliases)

    def _check_alias(self, alias: str) -> None:
        if not _NAME.match(alias):
            raise wrong_input(f"alias_name {alias!r} must be a name as a collection's")
        if alias in self.names():
            raise already_exists(alias)
