"""The catalogue: which collections there are, and which aliases name them.

<path>/
    LOCK               held by the one process that serves the folder
    aliases.json       alias to collection, replaced atomically
    collections/<id>/  one collection (see `folder`); the id is random, the name inside
"""

import json
import re
import uuid
from collections.abc import Iterable

import qdrant_edge as edge
import structlog
from qdrant_client import grpc

from embedded_qdrant.collection import Collection
from embedded_qdrant.conversion import configs
from embedded_qdrant.errors import (
    already_exists,
    collection_missing,
    engine_errors,
    missing,
    wrong_input,
)
from embedded_qdrant.files import StorageLock, remove_tree, sync_folder, write_atomically
from embedded_qdrant.folder import CollectionFolder, DamagedCollectionError
from embedded_qdrant.settings import EmbeddedQdrantSettings
from embedded_qdrant.space import Space
from sketchzoo.rpc import exhausted

log = structlog.get_logger()

# What an empty collection takes of the disk.
_COLLECTION_BYTES = 1024 * 1024
_NAME = re.compile(r'^[^<>:"/\\|?*\0\x1f]{1,255}$')


class Catalogue:
    """Every collection of one storage folder, open, and the aliases."""

    def __init__(self, settings: EmbeddedQdrantSettings) -> None:
        self._settings = settings
        self._folder = settings.path / "collections"
        self._aliases_file = settings.path / "aliases.json"
        self._lock = StorageLock(settings.path)
        self._space = Space(settings.path, settings.min_free_bytes)
        self._collections: dict[str, Collection] = {}
        self._aliases: dict[str, str] = {}

    def open(self) -> None:
        """Load everything; DamagedCollectionError names the file that is not as it must be."""
        self._folder.mkdir(exist_ok=True)
        for entry in sorted(self._folder.iterdir()):
            if entry.name.startswith("."):
                remove_tree(entry)
                continue
            collection = self._load(CollectionFolder(entry))
            self._collections[collection.name] = collection
        self._aliases = self._read_aliases()
        for collection in self._collections.values():
            collection.open()

    async def close(self) -> None:
        """Close every collection and let others have the folder."""
        try:
            for collection in self._collections.values():
                await collection.close()
        finally:
            self._lock.release()

    def _load(self, folder: CollectionFolder) -> Collection:
        name, config = folder.description()
        folder.clean()
        try:
            shard = edge.EdgeShard.load(str(folder.current()))
        except Exception as error:
            raise DamagedCollectionError(
                f"{folder.current()} (collection {name!r}) cannot be loaded: {error}"
            ) from error
        collection = Collection(name, config, folder, shard, self._settings)
        log.info("collection loaded", collection=name, points=shard.info().points_count)
        return collection

    def _read_aliases(self) -> dict[str, str]:
        if not self._aliases_file.exists():
            return {}
        try:
            aliases = json.loads(self._aliases_file.read_bytes())
            return {str(alias): str(name) for alias, name in aliases.items()}
        except (ValueError, AttributeError) as error:
            raise DamagedCollectionError(
                f"{self._aliases_file} must hold a JSON object of aliases: {error}"
            ) from error

    def _set_aliases(self, aliases: dict[str, str]) -> None:
        write_atomically(self._aliases_file, json.dumps(aliases, indent=1).encode())
        self._aliases = aliases

    def all(self) -> list[Collection]:
        """Return the collections by name."""
        return [self._collections[name] for name in sorted(self._collections)]

    def exists(self, name: str) -> bool:
        """Tell whether a collection or an alias has this name."""
        return self._aliases.get(name, name) in self._collections

    def get(self, name: str) -> Collection:
        """Return the collection that a name or an alias means; NOT_FOUND where none does."""
        collection = self._collections.get(self._aliases.get(name, name))
        if collection is None:
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
        if len(self._collections) >= self._settings.max_collections:
            raise exhausted(f"there are {len(self._collections)} collections already", 60.0)
        self._space.require(_COLLECTION_BYTES)
        identifier = uuid.uuid4().hex
        making = CollectionFolder.create(self._folder / f".making-{identifier}", name, config)
        shard_folder = making.new_shard()
        with engine_errors():
            edge.EdgeShard.create(str(shard_folder), configs.to_engine(config)).close()
        making.point_to(shard_folder)
        folder = CollectionFolder(self._folder / identifier)
        making.path.rename(folder.path)
        sync_folder(self._folder)
        collection = Collection(
            name, config, folder, edge.EdgeShard.load(str(folder.current())), self._settings
        )
        collection.open()
        self._collections[name] = collection

    async def delete(self, name: str) -> bool:
        """Remove a collection and its aliases; False where there is none."""
        collection = self._collections.pop(name, None)
        if collection is None:
            return False
        await collection.close()
        collection.folder.remove()
        kept = {alias: target for alias, target in self._aliases.items() if target != name}
        if kept != self._aliases:
            self._set_aliases(kept)
        return True

    def aliases(self, collection: str | None = None) -> list[tuple[str, str]]:
        """Return (alias, collection) pairs by alias, of one collection or of all."""
        return [
            (alias, target)
            for alias, target in sorted(self._aliases.items())
            if collection is None or target == collection
        ]

    def change_aliases(self, actions: Iterable[grpc.AliasOperations]) -> None:
        """Make all the changes at once, or, where one cannot be, none of them."""
        aliases = dict(self._aliases)
        for action in actions:
            match action.WhichOneof("action"):
                case "create_alias":
                    create = action.create_alias
                    if create.collection_name not in self._collections:
                        raise collection_missing(create.collection_name)
                    self._check_alias(create.alias_name)
                    aliases[create.alias_name] = create.collection_name
                case "delete_alias":
                    aliases.pop(action.delete_alias.alias_name, None)
                case "rename_alias":
                    rename = action.rename_alias
                    if rename.old_alias_name not in aliases:
                        raise missing(f"Alias {rename.old_alias_name} does not exists!")
                    self._check_alias(rename.new_alias_name)
                    aliases[rename.new_alias_name] = aliases.pop(rename.old_alias_name)
                case _:
                    raise wrong_input("an alias action is empty")
        if aliases != self._aliases:
            self._space.require(0)
            self._set_aliases(aliases)

    def _check_alias(self, alias: str) -> None:
        if not _NAME.match(alias):
            raise wrong_input(f"alias_name {alias!r} must be a name as a collection's")
        if alias in self._collections:
            raise already_exists(alias)
