"""A collection's folder on disk.

    <collection>/
        collection.json      name and configuration, replaced atomically
        CURRENT              the name of the shard folder that counts, replaced atomically
        SEAL                 while it is closed: what the shard's files were at the end
        shard-<random>/      the engine's own files
        shard-<random>/      an index build in progress, or what one left behind

Whatever CURRENT does not name is rubbish and removed when the collection is opened: a build
that was cut off at any moment leaves the collection as it was before.
"""

import json
import uuid
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import qdrant_edge as edge
from google.protobuf import json_format
from qdrant_client import grpc

from embedded_qdrant import seal, wal
from embedded_qdrant.conversion import configs
from embedded_qdrant.damage import DamagedCollectionError
from embedded_qdrant.errors import engine_panics, first_line
from embedded_qdrant.files import (
    remove_tree,
    sync_tree,
)
from sketchzoo.files import sync_folder, write_atomically
from sketchzoo.rpc import CallError

_DESCRIPTION = "collection.json"
_CURRENT = "CURRENT"
_NAME_BYTES = 100


@dataclass(frozen=True, slots=True)
class CollectionFolder:
    """The files of one collection below `path`."""

    path: Path

    @classmethod
    def create(cls, path: Path, name: str, config: grpc.CollectionConfig) -> Self:
        """Make the folder with an empty shard in it, all of it synced; nothing may be there."""
        path.mkdir()
        folder = cls(path)
        folder.describe(name, config)
        shard = folder.new_shard()
        with engine_panics():
            edge.EdgeShard.create(str(shard), configs.to_engine(config)).close()
        sync_tree(shard)
        folder.point_to(shard)
        return folder

    def move(self, path: Path) -> Path:
        """Rename the folder, durably; returns its new path."""
        self.path.rename(path)
        sync_folder(path.parent)
        return path

    def describe(self, name: str, config: grpc.CollectionConfig) -> None:
        """Replace the collection's description."""
        described = {"name": name, "config": json_format.MessageToDict(config)}
        write_atomically(self.path / _DESCRIPTION, json.dumps(described, indent=1).encode())

    def description(self) -> tuple[str, grpc.CollectionConfig]:
        """Return the collection's name and configuration."""
        path = self.path / _DESCRIPTION
        try:
            described = json.loads(path.read_bytes())
            name = described["name"]
            config = json_format.ParseDict(described["config"], grpc.CollectionConfig())
            configs.to_engine(config)
        except (
            OSError,
            ValueError,
            KeyError,
            TypeError,
            RecursionError,
            json_format.ParseError,
            CallError,
        ) as error:
            raise DamagedCollectionError(
                path, f"must hold a collection's name and config: {first_line(error)}"
            ) from error
        if not isinstance(name, str):
            raise DamagedCollectionError(path, "must hold a collection's name")
        return name, config

    def current(self) -> Path:
        """Return the shard folder that counts."""
        path = self.path / _CURRENT
        try:
            name = path.read_bytes()[:_NAME_BYTES].decode("ascii", "backslashreplace").strip()
            shard = self.path / name
            found = name.startswith("shard-") and "/" not in name and shard.is_dir()
        except (OSError, ValueError) as error:
            raise DamagedCollectionError(
                path, f"must name the shard folder: {first_line(error)}"
            ) from error
        if not found:
            raise DamagedCollectionError(path, f"must name a shard folder next to it, not {name!r}")
        return shard

    def load(self, config: grpc.CollectionConfig) -> edge.EdgeShard:
        """Load the shard that counts, and remove what an index build left beside it.

        Raises:
            DamagedCollectionError: The engine cannot load it, or would load less than was there.

        """
        folder = self.current()
        try:
            seal.check(folder)
            _check_segments(folder)
            seal.remove(folder)
            with engine_panics():
                # With its configuration: the engine compares it with what is stored.
                shard = edge.EdgeShard.load(str(folder), configs.to_engine(config))
            try:
                with engine_panics():
                    shard.info()
                _check_log(folder, shard)
                self.clean(folder)
            except BaseException:
                with suppress(Exception), engine_panics():  # it is not used any more
                    shard.close()
                raise
        except DamagedCollectionError:
            raise
        except Exception as error:
            raise DamagedCollectionError(
                folder, f"cannot be loaded: {first_line(error)}"
            ) from error
        return shard

    def point_to(self, shard: Path) -> None:
        """Make `shard` the one that counts: the moment an index build takes hold."""
        sync_folder(self.path)
        write_atomically(self.path / _CURRENT, f"{shard.name}\n".encode())

    def new_shard(self) -> Path:
        """Return a name for a shard folder that nothing has used."""
        return self.path / f"shard-{uuid.uuid4().hex[:12]}"

    def clean(self, current: Path) -> None:
        """Remove every shard folder but `current`."""
        for entry in self.path.iterdir():
            if entry.name.startswith("shard-") and entry != current:
                remove_tree(entry)

    def hide(self) -> Path:
        """Make the folder one that the next start removes; returns its new path."""
        return self.move(self.path.with_name(f".gone-{uuid.uuid4().hex[:12]}"))


def _check_segments(shard: Path) -> None:
    """Refuse a shard of which the engine would take a segment for one never finished.

    It removes a segment without this file. One that has points was finished.
    """
    segments = list((shard / "segments").glob("*"))
    if not segments:
        raise DamagedCollectionError(shard / "segments", "must hold a segment")
    for segment in segments:
        marker = segment / "version.info"
        if not marker.exists() and _slots(segment):
            raise DamagedCollectionError(marker, "is gone")


def _check_log(folder: Path, shard: edge.EdgeShard) -> None:
    """Refuse a shard whose log ends before its points: it would take no change to them."""
    try:
        number = wal.next_number(folder)
    except (OSError, ValueError) as error:
        raise DamagedCollectionError(
            folder / "wal", f"cannot be read: {first_line(error)}"
        ) from error
    with engine_panics():
        segments = shard.snapshot_manifest().values()
    newest = max((segment["segment_version"] or 0 for segment in segments), default=0)
    if newest and number <= newest:
        raise DamagedCollectionError(
            folder / "wal", f"ends at write {number}, and the points are of write {newest}"
        )


def slots(shard: Path) -> int:
    """Count the places that points take in a shard, those of deleted points too."""
    return sum(_slots(segment) for segment in (shard / "segments").iterdir())


def _slots(segment: Path) -> int:
    # The engine keeps a version of 8 bytes for each, written at a flush.
    return sum(path.stat().st_size // 8 for path in segment.glob("*id_tracker.versions"))
