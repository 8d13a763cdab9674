"""What is acknowledged outlasts a loss of power.

No power is cut here. `Disk` notes what each file held, and each folder named, when it was last
synced, and what a disk may hold after a loss is built from that: what was synced, and of what
was not any pages at random, as the kernel may have written some of them back. What the engine
syncs when it loads and flushes is taken on trust (strace shows it: its log, every file, and
then the log's mark).
"""

import asyncio
import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
import qdrant_edge as edge
from qdrant_client import grpc

from embedded_qdrant.collection import Collection
from embedded_qdrant.files import data_ranges
from embedded_qdrant.folder import CollectionFolder
from embedded_qdrant.indexing import IndexBuild
from embedded_qdrant.settings import EmbeddedQdrantSettings
from tests.unit.embedded_qdrant.storage import (
    alias,
    config,
    delete,
    field_index,
    opened,
    soon,
    tags,
    upsert,
)

PAGE = 4096
# Files that the engine replaces as a whole, synced, whenever it changes them.
ENGINE_REPLACES = {".json", ".info"}
Pages = dict[int, bytes]


class Disk:
    """What is safe of the files below a folder."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._files: dict[int, tuple[int, Pages]] = {}
        self._names: dict[int, dict[str, tuple[int, bool]]] = {}

    def sync(self, path: Path) -> None:
        """Note what a file holds or which names a folder has."""
        number = path.stat().st_ino
        if path.is_dir():
            self._names[number] = {
                entry.name: (entry.inode(), entry.is_dir()) for entry in os.scandir(path)
            }
        else:
            self._files[number] = _held(path)

    def sync_tree(self, folder: Path) -> None:
        """Note everything below a folder."""
        for path in [folder, *folder.rglob("*")]:
            self.sync(path)

    def after_loss(self, target: Path, chance: random.Random) -> None:
        """Build what may be there when the power is back."""
        paths = {path.stat().st_ino: path for path in self._root.rglob("*")}
        self._build(self._root.stat().st_ino, target, paths, chance)

    def _build(
        self, number: int, target: Path, paths: dict[int, Path], chance: random.Random
    ) -> None:
        target.mkdir()
        folder = paths.get(number)
        for name, (entry, is_folder) in self._names.get(number, {}).items():
            if is_folder:
                self._build(entry, target / name, paths, chance)
                continue
            size, pages = self._files.get(entry, (0, {}))
            now = None if folder is None else folder / name
            if now is not None and now.exists():
                newer, written = _held(now)
                if now.suffix in ENGINE_REPLACES:
                    size, pages = newer, written
                elif now.stat().st_ino == entry:
                    back = {place: page for place, page in written.items() if chance.random() < 0.5}
                    size, pages = max(size, newer), pages | back
            with (target / name).open("wb") as file:
                file.truncate(size)
                for place, page in pages.items():
                    file.seek(place)
                    file.write(page)


def _held(path: Path) -> tuple[int, Pages]:
    pages = {}
    with path.open("rb", buffering=0) as file:
        for start, end in data_ranges(file):
            for place in range(start, end, PAGE):
                pages[place] = os.pread(file.fileno(), PAGE, place)
    return path.stat().st_size, pages


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Disk]:
    root = tmp_path / "storage"
    disk = Disk(root)
    fsync = os.fsync

    def noted(descriptor: int) -> None:
        fsync(descriptor)
        path = Path(f"/proc/self/fd/{descriptor}").readlink()
        if path.is_relative_to(root):
            disk.sync(path)

    flush = Collection.flush

    def flushed(collection: Collection) -> None:
        flush(collection)
        disk.sync_tree(collection.shard_folder)

    load = CollectionFolder.load

    def loaded(folder: CollectionFolder, config: grpc.CollectionConfig) -> edge.EdgeShard:
        shard = load(folder, config)
        if folder.path.is_relative_to(root):
            disk.sync_tree(folder.current())
        return shard

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", noted)
        patch.setattr(CollectionFolder, "load", loaded)
        patch.setattr(Collection, "flush", flushed)
        yield disk


async def _fill(collection: Collection) -> dict[int, str]:
    await collection.write(field_index("tag"), soon())
    await asyncio.gather(
        *(collection.write(upsert(range(n, n + 40), "old"), soon()) for n in range(0, 200, 40))
    )
    await collection.write(upsert(range(50, 120), "new"), soon())
    await collection.write(delete(range(60, 70)), soon())
    return {
        number: "new" if 50 <= number < 120 else "old"
        for number in range(200)
        if not 60 <= number < 70
    }


async def _after_loss(disk: Disk, target: Path, seed: int) -> dict[str, dict[int, str]]:
    disk.after_loss(target, random.Random(seed))
    catalogue = opened(target)
    found = {each.name: tags(each) for each in catalogue.all()}
    await catalogue.get("photos").write(upsert([7], "after"), soon())
    assert tags(catalogue.get("photos"))[7] == "after"
    await catalogue.close()
    return found


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="paths of descriptors need /proc")
@pytest.mark.parametrize("built", [None, "index", "vacuum"])
async def test_what_is_acknowledged_outlasts_a_loss_of_power(
    disk: Disk, tmp_path: Path, built: str | None
) -> None:
    """Written at once, after a flush or after a build: every point, payload and alias is there."""
    catalogue = opened(tmp_path / "storage", index_threshold_points=0)
    catalogue.create("c", config())
    catalogue.change_aliases([alias("c", "photos")])
    collection = catalogue.get("c")
    disk.sync(tmp_path / "storage")  # made by `up` or by hand: there long before
    expected = await _fill(collection)
    for seed in range(3):
        assert await _after_loss(disk, tmp_path / f"written-{seed}", seed) == {"c": expected}
    if built is None:
        collection.flush()
    else:
        await IndexBuild(collection, EmbeddedQdrantSettings(), vacuum=built == "vacuum").run()
    await collection.write(upsert(range(100, 300), "newer"), soon())
    await collection.write(delete(range(10)), soon())
    expected |= dict.fromkeys(range(100, 300), "newer")
    expected = {number: tag for number, tag in expected.items() if number >= 10}
    for seed in range(3):
        assert await _after_loss(disk, tmp_path / f"later-{seed}", seed) == {"c": expected}
    await catalogue.close()
