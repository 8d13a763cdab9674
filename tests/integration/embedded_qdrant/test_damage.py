"""Damaged files: one line that names them, nothing changed or lost, and the rest is served."""

import asyncio
import os
import random
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import qdrant_edge as edge

from embedded_qdrant.catalogue import Catalogue
from embedded_qdrant.damage import DamagedCollectionError
from embedded_qdrant.errors import engine_errors
from embedded_qdrant.files import copy_sparse
from embedded_qdrant.folder import CollectionFolder
from embedded_qdrant.indexing import IndexBuild
from embedded_qdrant.settings import EmbeddedQdrantSettings
from sketchzoo.rpc import CallError
from tests.unit.embedded_qdrant.storage import (
    alias,
    config,
    delete,
    field_index,
    opened,
    soon,
    tags,
    upsert,
    vector,
)

POINTS = set(range(3, 340))


@pytest.fixture(scope="module")
def storage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of `c`, which has every kind of file, and of the small `sound`."""
    path = tmp_path_factory.mktemp("damage") / "storage"
    asyncio.run(_fill(path))
    return path


async def _fill(path: Path) -> None:
    catalogue = opened(path)
    catalogue.create("sound", config())
    await catalogue.get("sound").write(upsert([1]), soon())
    catalogue.create("c", config())
    collection = catalogue.get("c")
    await collection.write(field_index("tag"), soon())
    await collection.write(upsert(range(300)), soon())
    await IndexBuild(collection, EmbeddedQdrantSettings()).run()
    await collection.write(upsert(range(300, 340)), soon())
    await collection.write(delete([0, 1, 2]), soon())
    catalogue.change_aliases([alias("c", "photos")])
    await catalogue.close()


def _flip(path: Path) -> None:
    with path.open("r+b") as file:
        data = file.read(1 << 16)
        places = [place for place, byte in enumerate(data) if byte] or [0]
        chance = random.Random(path.name)
        for place in chance.sample(places, min(3, len(places))):
            file.seek(place)
            file.write(bytes([data[place] ^ 1 << chance.randrange(8)]))


DAMAGES: dict[str, Callable[[Path], None]] = {
    "flipped": _flip,
    "cut": lambda path: os.truncate(path, path.stat().st_size // 2),
    "emptied": lambda path: os.truncate(path, 0),
    "gone": Path.unlink,
    "junk": lambda path: path.write_bytes(bytes(range(128, 256))) and None,
}


def _folder_of(storage: Path, name: str) -> Path:
    return next(
        path.parent
        for path in (storage / "collections").glob("*/collection.json")
        if f'"name": "{name}"' in path.read_text()
    )


def _try(folder: Path) -> str | set[int]:
    """Return the line that refuses the folder, or the points that are found in it."""
    collection = CollectionFolder(folder)
    try:
        _, described = collection.description()
        shard = collection.load(described)
    except DamagedCollectionError as error:
        return str(error)
    try:
        with engine_errors():
            records, _ = shard.scroll(edge.ScrollRequest(limit=1000, with_payload=True))
            tag = edge.FieldCondition(key="tag", match=edge.MatchValue("x"))
            for number in range(0, 340, 34):
                shard.query(
                    edge.QueryRequest(
                        limit=12,
                        query=edge.Query.Nearest(vector(number)),
                        filter=edge.Filter(must=[tag]),
                    )
                )
            point = edge.Point(9999, vector(9999), {"tag": "y"})
            shard.update(edge.UpdateOperation.upsert_points([point]))
            shard.flush()
            found: set[Any] = {record.id for record in records}
            return found
    except CallError as error:
        assert error.code.name == "INTERNAL"  # noqa: PT017 - what else it may be is the point
        return str(error)
    finally:
        shard.close()


@pytest.fixture
def scratch(tmp_path: Path) -> Iterator[Path]:
    """Return a folder in memory, where there is such: hundreds of copies are made in it."""
    memory = Path("/dev/shm")  # noqa: S108 - a folder of its own is made in it
    if not os.access(memory, os.W_OK):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        yield Path(folder)


@pytest.mark.parametrize("damage", ["flipped", "cut", "emptied", "gone"])
def test_no_damage_ends_the_process_or_removes_a_file(
    storage: Path, scratch: Path, damage: str
) -> None:
    """A file of each kind: the start, or the call that meets it, says in one line what is wrong.

    Some bytes are not looked at, or made anew, and a flipped vector is a vector: then it is
    served.
    """
    surprises = []
    refused = 0
    for copy, relative in _damaged(storage, scratch, damage):
        (copy / "SEAL").unlink()  # as after a crash
        before = _files(copy)
        outcome = _try(copy)
        if isinstance(outcome, str):
            refused += 1
            if "\n" in outcome or before - _files(copy):
                surprises.append((str(relative), outcome))
    assert not surprises
    assert refused > 5


def _damaged(storage: Path, scratch: Path, damage: str) -> Iterator[tuple[Path, Path]]:
    """Give copies of the collection's folder and which file of each is damaged."""
    folder, copy = _folder_of(storage, "c"), scratch / "copy"
    # One of each kind: a segment has the same files for each of its indexes.
    kinds = {(*path.relative_to(folder).parts[2:4], path.name): path for path in _every(folder)}
    for path in kinds.values():
        if path.name != "SEAL":
            shutil.rmtree(copy, ignore_errors=True)
            copy_sparse(folder, copy)
            relative = path.relative_to(folder)
            DAMAGES[damage](copy / relative)
            yield copy, relative


def _every(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _files(folder: Path) -> set[Path]:
    # The engine adds this one's content to another file when it loads a segment.
    return {
        path.relative_to(folder) for path in _every(folder) if path.name != "tracker_journal.dat"
    }


@pytest.mark.parametrize("damage", ["flipped", "cut", "emptied", "gone"])
def test_after_an_orderly_end_every_damage_is_named(
    storage: Path, scratch: Path, damage: str
) -> None:
    """Nothing is loaded with less than was there: the line names the very file."""
    for copy, relative in _damaged(storage, scratch, damage):
        if len(relative.parts) > 1:
            outcome = _try(copy)
            assert isinstance(outcome, str)
            assert outcome.startswith(str(copy / relative))


@pytest.mark.parametrize("damage", ["junk", "emptied", "gone", "flipped"])
async def test_a_damaged_seal_damages_nothing(storage: Path, tmp_path: Path, damage: str) -> None:
    """What would find damage is not needed: the collection is served."""
    copy_sparse(storage, tmp_path / "copy")
    DAMAGES[damage](_folder_of(tmp_path / "copy", "c") / "SEAL")
    catalogue = opened(tmp_path / "copy")
    assert set(tags(catalogue.get("c"))) == POINTS
    await catalogue.close()


@pytest.mark.parametrize(
    ("pattern", "damage"),
    [
        ("collection.json", "flipped"),
        ("collection.json", "gone"),
        ("CURRENT", "junk"),
        ("CURRENT", "emptied"),
        ("shard-*/edge_config.json", "cut"),
        ("shard-*/segments/*/vector_storage/vectors/status.dat", "emptied"),
        ("shard-*/segments/*/payload_storage/tracker.dat", "emptied"),
        ("shard-*/segments/*/segment.json", "gone"),
        ("shard-*/segments/*/version.info", "gone"),
        ("shard-*/wal/open-*", "gone"),
    ],
)
async def test_a_damaged_collection_is_refused_and_others_are_served(
    storage: Path, tmp_path: Path, pattern: str, damage: str
) -> None:
    """Every call to it says which file is wrong; it is not written, removed or made anew."""
    copy_sparse(storage, tmp_path / "copy")
    folder = _folder_of(tmp_path / "copy", "c")
    (folder / "SEAL").unlink()  # as after a crash
    for path in folder.glob(pattern):
        DAMAGES[damage](path)
    before = _files(folder)
    catalogue = opened(tmp_path / "copy")
    assert tags(catalogue.get("sound")) == {1: "x"}
    await catalogue.get("sound").write(upsert([2]), soon())
    for name in ("c", "photos"):
        with pytest.raises(CallError, match=str(folder)) as caught:
            catalogue.get(name)
        assert caught.value.code.name == "FAILED_PRECONDITION"
        assert "docs/operations/backup.md" in caught.value.message
        assert "\n" not in caught.value.message
    with pytest.raises(CallError, match=str(folder)):
        await catalogue.delete("c")
    with pytest.raises(CallError, match=str(folder)):
        catalogue.create("c", config())
    await catalogue.close()
    assert before <= _files(folder)


async def test_nothing_is_served_where_everything_is_damaged(storage: Path, tmp_path: Path) -> None:
    """With no collection left the start fails, and the error names a file."""
    copy_sparse(storage, tmp_path / "copy")
    for path in (tmp_path / "copy/collections").glob("*/CURRENT"):
        DAMAGES["junk"](path)
    catalogue = Catalogue(EmbeddedQdrantSettings(path=tmp_path / "copy"))
    with pytest.raises(DamagedCollectionError, match=r"CURRENT.*docs/operations/backup\.md"):
        catalogue.open()
    await catalogue.close()


@pytest.mark.parametrize("damage", ["junk", "emptied"])
async def test_damaged_aliases_leave_the_collections_served(
    storage: Path, tmp_path: Path, damage: str
) -> None:
    """Collections answer by their names; what may be an alias, and its changes, are refused."""
    copy_sparse(storage, tmp_path / "copy")
    aliases = tmp_path / "copy/aliases.json"
    DAMAGES[damage](aliases)
    before = aliases.read_bytes()
    catalogue = opened(tmp_path / "copy")
    assert set(tags(catalogue.get("c"))) == POINTS
    for refused in (
        lambda: catalogue.get("photos"),
        lambda: catalogue.create("photos", config()),
        catalogue.aliases,
        lambda: catalogue.change_aliases([alias("c", "other")]),
    ):
        with pytest.raises(CallError, match=r"aliases\.json"):
            refused()
    await catalogue.close()
    assert aliases.read_bytes() == before
