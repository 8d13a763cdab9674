"""The catalogue on disk: what a crash may leave, and what is read again."""

import errno
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NoReturn

import pytest
from qdrant_client import grpc

from embedded_qdrant import folder as folder_module
from embedded_qdrant.catalogue import Catalogue
from embedded_qdrant.conversion import configs
from embedded_qdrant.damage import DamagedCollectionError
from embedded_qdrant.files import copy_sparse
from embedded_qdrant.folder import CollectionFolder
from embedded_qdrant.settings import EmbeddedQdrantSettings
from sketchzoo.rpc import CallError
from tests.unit.embedded_qdrant.storage import alias, config, opened, soon, tags, upsert


def _config(size: int = 4) -> grpc.CollectionConfig:
    params = grpc.VectorParams(size=size, distance=grpc.Distance.Cosine)
    return configs.created(grpc.CreateCollection(vectors_config=grpc.VectorsConfig(params=params)))


@pytest.fixture
def settings(tmp_path: Path) -> EmbeddedQdrantSettings:
    return EmbeddedQdrantSettings(path=tmp_path, max_collections=3)


@pytest.fixture
async def catalogue(settings: EmbeddedQdrantSettings) -> AsyncIterator[Catalogue]:
    catalogue = Catalogue(settings)
    catalogue.open()
    yield catalogue
    await catalogue.close()


async def test_collections_and_aliases_are_read_again(settings: EmbeddedQdrantSettings) -> None:
    """Names, configurations and aliases are the same after closing and opening."""
    first = Catalogue(settings)
    first.open()
    first.create("photos/x".replace("/", "-"), _config(7))
    first.change_aliases([alias("photos-x", "photos")])
    await first.close()
    second = Catalogue(settings)
    second.open()
    assert second.get("photos").name == "photos-x"
    assert second.get("photos").dimensions == {"": 7}
    assert second.aliases() == [("photos", "photos-x")]
    await second.close()


async def test_what_a_crash_left_is_removed(settings: EmbeddedQdrantSettings) -> None:
    """Half-made and half-removed collections and abandoned index builds go at the next start."""
    first = Catalogue(settings)
    first.open()
    first.create("c", _config())
    folder = first.get("c").folder
    await first.close()
    for name in (".making-1", ".gone-2"):
        (folder.path.parent / name / "shard-1").mkdir(parents=True)
    (folder.path / "shard-abandoned").mkdir()
    second = Catalogue(settings)
    second.open()
    assert [c.name for c in second.all()] == ["c"]
    assert [entry.name for entry in folder.path.parent.iterdir()] == [folder.path.name]
    assert list(folder.path.glob("shard-*")) == [folder.current()]
    await second.close()


@pytest.mark.parametrize("content", ["", "shard-nowhere", "../elsewhere"])
async def test_a_current_that_names_no_shard_is_refused(
    settings: EmbeddedQdrantSettings, content: str
) -> None:
    """A damaged CURRENT stops the start with a message that names the file."""
    first = Catalogue(settings)
    first.open()
    first.create("c", _config())
    current = first.get("c").folder.path / "CURRENT"
    await first.close()
    current.write_text(content)
    second = Catalogue(settings)
    with pytest.raises(DamagedCollectionError, match="CURRENT"):
        second.open()
    await second.close()


async def test_damaged_aliases_are_refused(settings: EmbeddedQdrantSettings) -> None:
    """An aliases.json that is no JSON object stops the start and is named."""
    (settings.path / "aliases.json").write_text("[1]")
    catalogue = Catalogue(settings)
    with pytest.raises(DamagedCollectionError, match=r"aliases\.json"):
        catalogue.open()
    await catalogue.close()


async def test_there_is_a_most_of_collections(catalogue: Catalogue) -> None:
    """One collection too many is RESOURCE_EXHAUSTED."""
    for name in ("a", "b", "c"):
        catalogue.create(name, _config())
    with pytest.raises(CallError) as caught:
        catalogue.create("d", _config())
    assert caught.value.code.name == "RESOURCE_EXHAUSTED"


async def test_a_collection_cannot_take_an_aliass_name(catalogue: Catalogue) -> None:
    """Creating a collection named as an alias is refused in the server's words."""
    catalogue.create("a", _config())
    catalogue.change_aliases([alias("a", "photos")])
    with pytest.raises(CallError, match="Alias with the same name already exists"):
        catalogue.create("photos", _config())


async def test_aliases_change_together_or_not_at_all(catalogue: Catalogue, settings: Any) -> None:
    """After a change that fails, memory and file have the aliases of before."""
    catalogue.create("a", _config())
    catalogue.change_aliases([alias("a", "one")])
    before = (settings.path / "aliases.json").read_bytes()
    with pytest.raises(CallError):
        catalogue.change_aliases([alias("a", "two"), alias("nowhere", "three")])
    assert catalogue.aliases() == [("one", "a")]
    assert (settings.path / "aliases.json").read_bytes() == before


async def test_an_alias_of_a_collection_that_is_gone_is_dropped(tmp_path: Path) -> None:
    """What a crash left dangling never publishes a new, empty collection of that name."""
    first = opened(tmp_path)
    first.create("a", config())
    first.create("b", config())
    first.change_aliases([alias("a", "photos"), alias("b", "others")])
    folder = first.get("a").folder
    await first.close()
    folder.path.rename(folder.path.with_name(".gone-1"))
    second = opened(tmp_path)
    assert second.aliases() == [("others", "b")]
    second.create("a", config())
    with pytest.raises(CallError, match="NOT_FOUND"):
        second.get("photos")
    await second.close()
    third = opened(tmp_path)
    assert third.aliases() == [("others", "b")]
    await third.close()


async def test_a_collection_goes_after_its_aliases(
    catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the folder is renamed away no alias on disk names the collection any more."""
    catalogue.create("a", config())
    catalogue.change_aliases([alias("a", "photos")])
    seen: list[bytes] = []
    hide = CollectionFolder.hide

    def look(folder: CollectionFolder) -> Path:
        seen.append((folder.path.parent.parent / "aliases.json").read_bytes())
        return hide(folder)

    monkeypatch.setattr(CollectionFolder, "hide", look)
    assert await catalogue.delete("a")
    assert seen == [b"{}"]


async def test_a_collection_whose_aliases_cannot_be_written_stays(
    catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ENOSPC at the aliases leaves all as it was; the next try removes the collection."""
    catalogue.create("a", config())
    catalogue.change_aliases([alias("a", "photos")])
    await catalogue.get("a").write(upsert([1]), soon())
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", _full)
        with pytest.raises(CallError) as caught:
            await catalogue.delete("a")
    assert caught.value.code.name == "RESOURCE_EXHAUSTED"
    assert tags(catalogue.get("photos")) == {1: "x"}
    assert await catalogue.delete("a")
    assert catalogue.aliases() == []


async def test_a_collection_that_cannot_be_renamed_away_stays_served(
    catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """EIO at the folder is INTERNAL; the collection takes writes, and goes at the next try."""
    catalogue.create("a", config())
    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", _broken)
        with pytest.raises(CallError, match="I/O error") as caught:
            await catalogue.delete("a")
    assert caught.value.code.name == "INTERNAL"
    await catalogue.get("a").write(upsert([1]), soon())
    assert tags(catalogue.get("a")) == {1: "x"}
    assert await catalogue.delete("a")
    with pytest.raises(CallError, match="NOT_FOUND"):
        catalogue.get("a")


@pytest.mark.parametrize("failing", ["sync_folder", "load"])
async def test_a_collection_that_cannot_be_made_leaves_nothing(
    catalogue: Catalogue,
    settings: EmbeddedQdrantSettings,
    monkeypatch: pytest.MonkeyPatch,
    failing: str,
) -> None:
    """Failing at any step it is not there, now or after the next start; then it can be made."""
    with monkeypatch.context() as patch:
        if failing == "load":
            patch.setattr(CollectionFolder, "load", _broken)
        else:
            patch.setattr(folder_module, "sync_folder", _broken)
        with pytest.raises(CallError, match="I/O error"):
            catalogue.create("a", config())
    assert list((settings.path / "collections").iterdir()) == []
    catalogue.create("a", config())
    assert catalogue.names() == ["a"]


async def test_a_new_shard_is_synced_before_it_counts(
    settings: EmbeddedQdrantSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every file and folder of a new collection is synced, then renamed, then the parent."""
    steps: list[str] = []
    fsync, rename = os.fsync, Path.rename

    def noted_sync(descriptor: int) -> None:
        steps.append(str(Path(f"/proc/self/fd/{descriptor}").readlink()))
        fsync(descriptor)

    def noted_rename(path: Path, target: Path) -> Path:
        steps.append("rename")
        return rename(path, target)

    catalogue = opened(settings.path)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", noted_sync)
        patch.setattr(Path, "rename", noted_rename)
        catalogue.create("a", config())
    folder = catalogue.get("a").folder.path
    renamed = steps.index("rename")
    synced = {Path(step).name for step in steps[:renamed]}
    shard = catalogue.get("a").shard_folder
    made = {path.name for path in shard.rglob("*") if "flags" not in path.name}
    assert made | {shard.name} <= synced
    assert any(step.endswith(".making-" + folder.name) for step in steps[:renamed])
    assert steps[renamed + 1] == str(folder.parent)
    await catalogue.close()


async def test_two_folders_of_one_collection_are_both_refused(tmp_path: Path) -> None:
    """Which of them counts cannot be told: both are named, neither is changed or served."""
    catalogue = opened(tmp_path)
    for name in ("a", "b"):
        catalogue.create(name, config())
    folder = catalogue.get("a").folder.path
    await catalogue.close()
    copy_sparse(folder, folder.with_name("copy"))
    catalogue = opened(tmp_path)
    for name in (folder.name, "copy"):
        with pytest.raises(CallError, match=name):
            catalogue.get("a")
    assert tags(catalogue.get("b")) == {}
    await catalogue.close()


def _full(*_: object) -> NoReturn:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _broken(*_: object) -> NoReturn:
    raise OSError(errno.EIO, "I/O error")
