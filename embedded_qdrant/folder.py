"""A collection's folder on disk.

    <collection>/
        collection.json      name and configuration, replaced atomically
        CURRENT              the name of the shard folder that counts, replaced atomically
        shard-<random>/      the engine's own files
        shard-<random>/      an index build in progress, or what one left behind

Whatever CURRENT does not name is rubbish and removed when the collection is opened: a build
that was cut off at any moment leaves the collection as it was before.
"""

import json
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from google.protobuf import json_format
from qdrant_client import grpc

from embedded_qdrant.files import copy_sparse, remove_tree, sync_folder, write_atomically

_DESCRIPTION = "collection.json"
_CURRENT = "CURRENT"


class DamagedCollectionError(Exception):
    """A collection's folder does not hold what it must."""


@dataclass(frozen=True, slots=True)
class CollectionFolder:
    """The files of one collection below `path`."""

    path: Path

    @classmethod
    def create(cls, path: Path, name: str, config: grpc.CollectionConfig) -> Self:
        """Make the folder; it holds no shard until `point_to` names one."""
        path.mkdir()
        folder = cls(path)
        folder.describe(name, config)
        return folder

    def describe(self, name: str, config: grpc.CollectionConfig) -> None:
        """Replace the collection's description."""
        described = {"name": name, "config": json_format.MessageToDict(config)}
        write_atomically(self.path / _DESCRIPTION, json.dumps(described, indent=1).encode())

    def description(self) -> tuple[str, grpc.CollectionConfig]:
        """Return the collection's name and configuration."""
        try:
            described = json.loads((self.path / _DESCRIPTION).read_bytes())
            config = json_format.ParseDict(described["config"], grpc.CollectionConfig())
            return str(described["name"]), config
        except (OSError, ValueError, KeyError, TypeError, json_format.ParseError) as error:
            raise DamagedCollectionError(
                f"{self.path / _DESCRIPTION} must hold a collection's name and config: {error}"
            ) from error

    def current(self) -> Path:
        """Return the shard folder that counts."""
        try:
            name = (self.path / _CURRENT).read_text().strip()
        except OSError as error:
            raise DamagedCollectionError(
                f"{self.path / _CURRENT} must name the shard folder: {error}"
            ) from error
        shard = self.path / name
        if not name.startswith("shard-") or "/" in name or not shard.is_dir():
            raise DamagedCollectionError(
                f"{self.path / _CURRENT} must name a shard folder next to it, not {name!r}"
            )
        return shard

    def point_to(self, shard: Path) -> None:
        """Make `shard` the one that counts: the moment an index build takes hold."""
        write_atomically(self.path / _CURRENT, f"{shard.name}\n".encode())

    def new_shard(self) -> Path:
        """Return a name for a shard folder that nothing has used."""
        return self.path / f"shard-{uuid.uuid4().hex[:12]}"

    def copy_current(self, target: Path) -> None:
        """Copy the current shard's files to a new shard folder."""
        copy_sparse(self.current(), target)

    def clean(self) -> None:
        """Remove what CURRENT does not name."""
        current = self.current()
        for entry in self.path.iterdir():
            if entry.name.startswith("shard-") and entry != current:
                remove_tree(entry)

    def remove(self) -> None:
        """Remove the collection: a rename first, so that it is wholly there or gone."""
        gone = self.path.with_name(f".gone-{uuid.uuid4().hex[:12]}")
        self.path.rename(gone)
        sync_folder(self.path.parent)
        remove_tree(gone)
