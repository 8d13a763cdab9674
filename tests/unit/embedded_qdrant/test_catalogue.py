"""The catalogue on disk: what a crash may leave, and what is read again."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from qdrant_client import grpc

from embedded_qdrant.catalogue import Catalogue
from embedded_qdrant.conversion import configs
from embedded_qdrant.folder import DamagedCollectionError
from embedded_qdrant.settings import EmbeddedQdrantSettings
from sketchzoo.rpc import CallError


def _config(size: int = 4) -> grpc.CollectionConfig:
    params = grpc.VectorParams(size=size, distance=grpc.Distance.Cosine)
    return configs.created(grpc.CreateCollection(vectors_config=grpc.VectorsConfig(params=params)))


def _alias(name: str, alias: str) -> grpc.AliasOperations:
    return grpc.AliasOperations(
        create_alias=grpc.CreateAlias(collection_name=name, alias_name=alias)
    )


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
    first.change_aliases([_alias("photos-x", "photos")])
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
    catalogue.change_aliases([_alias("a", "photos")])
    with pytest.raises(CallError, match="Alias with the same name already exists"):
        catalogue.create("photos", _config())


async def test_aliases_change_together_or_not_at_all(catalogue: Catalogue, settings: Any) -> None:
    """After a change that fails, memory and file have the aliases of before."""
    catalogue.create("a", _config())
    catalogue.change_aliases([_alias("a", "one")])
    before = (settings.path / "aliases.json").read_bytes()
    with pytest.raises(CallError):
        catalogue.change_aliases([_alias("a", "two"), _alias("nowhere", "three")])
    assert catalogue.aliases() == [("one", "a")]
    assert (settings.path / "aliases.json").read_bytes() == before
