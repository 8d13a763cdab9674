"""What ingest asks of a real Qdrant, embedded: by uri, by likeness, and indexes of columns."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sketchzoo.call_settings import QdrantSettings
from sketchzoo.qdrant import Photo, PhotoWriter, connect
from sketchzoo_ingest.bursts import SERIES
from sketchzoo_ingest.collection import QdrantCollection
from sketchzoo_ingest.retry import RetryPolicy
from tests.integration.ingest.test_job import OLD

WHEN = datetime(2024, 7, 1, 12, tzinfo=UTC)
VECTOR = [1.0, 0.0, 0.0, 0.0]


@pytest.fixture
async def writer(qdrant_url: str, alias: str) -> AsyncIterator[PhotoWriter]:
    connection = connect(QdrantSettings(qdrant_url=qdrant_url, qdrant_timeout_seconds=60))
    yield PhotoWriter(connection, alias)
    await connection.close()


@pytest.fixture
async def collection(writer: PhotoWriter) -> str:
    return await writer.open(OLD, 4)


def photo(name: int, **values: Any) -> Photo:
    return Photo("", values.pop("uri", f"file:///{name}"), f"{name:064x}", 64, 48, **values)


async def test_photos_by_uri(writer: PhotoWriter, collection: str) -> None:
    """Photos are found by their files' uris; of two at one, the one ingested last."""
    old = photo(1, uri="file:///a", ingested_at=WHEN, payload={"year": 2019})
    new = photo(2, uri="file:///a", ingested_at=WHEN + timedelta(days=1))
    await writer.upsert(collection, [(each, VECTOR) for each in (old, new, photo(3))])
    found = await writer.by_uri(collection, ["file:///a", "file:///3", "file:///none"])
    assert found == {
        "file:///a": new,
        "file:///3": photo(3, ingested_at=found["file:///3"].ingested_at),
    }
    assert await writer.by_uri(collection, []) == {}


async def test_deleting_at_a_uri(writer: PhotoWriter, collection: str) -> None:
    """A photo is deleted where it still has the uri, and not where it has another by now."""
    await writer.upsert(collection, [(photo(1), VECTOR), (photo(2, uri="file:///b"), VECTOR)])
    await writer.delete_at(collection, [photo(1)])
    await writer.delete_at(collection, [photo(2)])
    assert [each.uri async for each in writer.scroll(collection)] == ["file:///b"]


async def test_photos_below_a_folder(writer: PhotoWriter, collection: str) -> None:
    """A folder's photos are those in it and below, and of no folder of a like name."""
    folders = ("2024", "2024/summer", "2024/summer/sea", "2024/summery", "")
    await writer.upsert(
        collection, [(photo(n, folder=folder), VECTOR) for n, folder in enumerate(folders)]
    )
    found = [each.folder async for each in writer.below(collection, "2024/summer")]
    assert sorted(found) == ["2024/summer", "2024/summer/sea"]


async def test_alike_photos(writer: PhotoWriter, collection: str) -> None:
    """Found are neighbouring parts of the hash, and one camera at the same time."""
    shares = photo(1, phash="01234567ffffffff")
    soon = photo(2, phash="f" * 16, camera="Pixel 8", taken_at=WHEN + timedelta(seconds=2))
    late = photo(3, phash="f" * 16, camera="Pixel 8", taken_at=WHEN + timedelta(seconds=9))
    other = photo(4, phash="f" * 16, camera="Pixel 9", taken_at=WHEN)
    moved = photo(5, phash="ffffffff01234567")
    hardly = photo(6, phash="0123ffffffffffff")
    kept = (shares, soon, late, other, moved, hardly)
    await writer.upsert(collection, [(each, VECTOR) for each in kept])
    asked = photo(9, phash="0123456789abcdef", camera="Pixel 8", taken_at=WHEN)
    found = await writer.alike(collection, [asked], SERIES)
    assert {each.id for each in found} == {shares.id, soon.id}
    assert await writer.alike(collection, [photo(9)], SERIES) == []


async def test_columns_are_indexed(writer: PhotoWriter, collection: str) -> None:
    """Each column is indexed by its values' type before the first photo with it is written."""
    kept = QdrantCollection(writer, collection, _no_retry())
    columns = {
        "licence": "CC BY",
        "year": 2019,
        "weight": 2.5,
        "wild": True,
        "tags": ["a", "b"],
        "seen_at": "2024-07-01T12:00:00Z",
    }
    await kept.upsert([(photo(1, payload=columns), VECTOR)])
    await writer.publish(collection)
    fields = (await writer.current()).fields
    assert {name: fields[name] for name in columns} == {
        "licence": "keyword",
        "year": "integer",
        "weight": "float",
        "wild": "bool",
        "tags": "keyword",
        "seen_at": "datetime",
    }


async def test_number_of_indexes_is_bounded(writer: PhotoWriter, collection: str) -> None:
    """Of a table with hundreds of columns, the first 32 are indexed."""
    kept = QdrantCollection(writer, collection, _no_retry())
    await kept.upsert([(photo(1, payload={f"c{n:03}": n for n in range(40)}), VECTOR)])
    await writer.publish(collection)
    fields = (await writer.current()).fields
    assert sum(name.startswith("c0") for name in fields) == 32


def _no_retry() -> RetryPolicy:
    return RetryPolicy(0.0, asyncio.Event())
