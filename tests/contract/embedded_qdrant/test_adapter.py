"""The adapter between photos and Qdrant, on either kind of server."""

import hashlib
import uuid
from collections.abc import AsyncIterator

import pytest

from sketchzoo.qdrant import (
    CollectionNotFoundError,
    Nearest,
    Photo,
    PhotoNotFoundError,
    PhotoReader,
    PhotoWriter,
    QdrantConnection,
    connect,
)
from sketchzoo.settings import QdrantSettings
from tests.contract.embedded_qdrant.conftest import Address


@pytest.fixture
async def connection(address: Address) -> AsyncIterator[QdrantConnection]:
    settings = {"qdrant_url": f"http://{address.target}", "qdrant_timeout_seconds": 30}
    opened = connect(QdrantSettings.model_validate(settings))
    yield opened
    await opened.close()


@pytest.fixture
def reader(connection: QdrantConnection) -> PhotoReader:
    return PhotoReader(connection, "test")


@pytest.fixture
async def writer(connection: QdrantConnection) -> AsyncIterator[PhotoWriter]:
    """Return the writer of an alias of its own; the test's collection is removed afterwards."""
    writer = PhotoWriter(connection, f"test-{uuid.uuid4().hex}")
    yield writer
    await writer.drop(writer.name("model"))


def photo(number: int, class_name: str = "cat") -> Photo:
    digest = hashlib.sha256(str(number).encode()).hexdigest()
    return Photo(class_name, f"file:///{number}.jpg", digest, 40, 30, payload={"number": number})


async def test_a_missing_collection_is_told_by_type(
    reader: PhotoReader, writer: PhotoWriter
) -> None:
    """Every call says which one; dropping it is no error."""
    with pytest.raises(CollectionNotFoundError) as caught:
        await reader.nearest("nowhere", Nearest(vector=(1.0, 0.0)))
    assert caught.value.collection == "nowhere"
    with pytest.raises(CollectionNotFoundError):
        await reader.get("nowhere", [photo(1).id])
    with pytest.raises(CollectionNotFoundError):
        await writer.count("nowhere")
    await writer.drop("nowhere")


async def test_a_missing_photo_is_told_by_type(reader: PhotoReader, writer: PhotoWriter) -> None:
    """A query that names a photo which is not there says which, alone and in a batch."""
    collection = await writer.open("model", 2)
    await writer.upsert(collection, [(photo(1), [1.0, 0.0])])
    query = Nearest(photo_id=photo(1).id, liked=(photo(2).id,))
    with pytest.raises(PhotoNotFoundError) as caught:
        await reader.nearest(collection, query)
    assert caught.value.photo_id == photo(2).id
    with pytest.raises(PhotoNotFoundError):
        await reader.nearest_batch(collection, [Nearest(vector=(1.0, 0.0)), query])


async def test_a_collection_that_is_there_is_opened(writer: PhotoWriter) -> None:
    """Opened again, and made by two at once, it is the same one."""
    name = await writer.open("model", 2)
    assert await writer.open("model", 2) == name
