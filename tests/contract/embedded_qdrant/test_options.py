"""A collection's settings where Qdrant is embedded: what it has, and what it says of the rest."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import grpc
import pytest
import structlog
from qdrant_client import AsyncQdrantClient
from qdrant_client import grpc as api

from sketchzoo.qdrant import CollectionOptions, Photo, PhotoWriter, QdrantConnection
from sketchzoo.qdrant.collection_options import index_on_disk
from sketchzoo.qdrant.galleries import Galleries
from sketchzoo.qdrant.writer import INDEXED
from sketchzoo.rpc import CallError
from tests.contract.embedded_qdrant.conftest import Address

FINGERPRINT = "0123456789abcdef"
PHOTO = Photo("bee", "file:///zoo/1.jpg", "a" * 64, 4, 3, datetime(2026, 11, 29, tzinfo=UTC))


@pytest.fixture
async def gallery(name: str, client: AsyncQdrantClient) -> AsyncIterator[str]:
    """Name a gallery whose collection is removed afterwards."""
    yield name
    await client.delete_collection(f"{name}-{FINGERPRINT}")


@pytest.mark.parametrize("quantization", ["none", "scalar"])
async def test_a_collection_has_what_was_asked_for(
    connection: QdrantConnection, gallery: str, quantization: str
) -> None:
    """Index, quantization and what lies on disk are so, and nothing is logged."""
    options = CollectionOptions(
        m=24,
        ef_construct=128,
        payload_m=12,
        hnsw_on_disk=True,
        vectors_on_disk=True,
        payload_on_disk=True,
        quantization=quantization,
        quantized_on_disk=True if quantization == "scalar" else None,
    )
    writer = PhotoWriter(connection, gallery, options)
    with structlog.testing.capture_logs() as logs:
        collection = await writer.open(FINGERPRINT, 4)
    assert logs == []
    facts = await Galleries(connection).facts(collection)
    assert facts.settings["payload_m"] == 12
    assert facts.settings["quantization"] == quantization
    assert facts.fields["class"] == "keyword"


@pytest.mark.parametrize(
    ("options", "on_disk"),
    [
        (CollectionOptions(), {"uri", "sha256", "phash_keys", "burst"}),
        (CollectionOptions(payload_indexes_on_disk=False), set()),
        (CollectionOptions(payload_indexes_on_disk=True), set(INDEXED)),
    ],
)
async def test_indexes_that_no_filter_asks_lie_on_disk(
    connection: QdrantConnection, gallery: str, options: CollectionOptions, on_disk: set[str]
) -> None:
    """Unless it is said otherwise; photos are found by them wherever they lie."""
    writer = PhotoWriter(connection, gallery, options)
    collection = await writer.open(FINGERPRINT, 4)
    assert await _on_disk(connection, collection) == on_disk
    await writer.upsert(collection, [(PHOTO, [1.0, 0.0, 0.0, 0.0])])
    found = await writer.by_uri(collection, [PHOTO.uri])
    assert [each.id for each in found.values()] == [PHOTO.id]


async def test_indexes_are_moved_to_disk_and_back(
    connection: QdrantConnection, gallery: str
) -> None:
    """They are made anew, with the photos that are there."""
    writer = PhotoWriter(connection, gallery)
    collection = await writer.open(FINGERPRINT, 4)
    await writer.upsert(collection, [(PHOTO, [1.0, 0.0, 0.0, 0.0])])
    for wanted in (True, False):
        options = CollectionOptions(m=None, ef_construct=None, payload_indexes_on_disk=wanted)
        changed = await Galleries(connection).change(collection, options)
        assert changed == ["payload_indexes_on_disk"]
        assert await _on_disk(connection, collection) == (set(INDEXED) if wanted else set())
        assert await writer.by_uri(collection, [PHOTO.uri])


async def _on_disk(connection: QdrantConnection, collection: str) -> set[str]:
    info = await connection.ask(
        "Collections/Get", api.GetCollectionInfoRequest(collection_name=collection)
    )
    return {name for name, index in info.result.payload_schema.items() if index_on_disk(index)}


async def test_embedded_shards_are_one_and_said_to_be(
    connection: QdrantConnection, gallery: str, address: Address
) -> None:
    """It is one process: more are ignored, and the log says which."""
    if not address.embedded:
        pytest.skip("of embedded Qdrant alone")
    writer = PhotoWriter(connection, gallery, CollectionOptions(shards=3, replicas=2))
    with structlog.testing.capture_logs() as logs:
        await writer.open(FINGERPRINT, 4)
    assert [(each["setting"], each["has"]) for each in logs] == [("shards", 1), ("replicas", 1)]


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (CollectionOptions(quantization="binary"), "binary"),
        (CollectionOptions(quantization="product"), "product"),
    ],
)
async def test_what_embedded_cannot_do_is_refused(
    connection: QdrantConnection,
    gallery: str,
    address: Address,
    options: CollectionOptions,
    named: str,
) -> None:
    """FAILED_PRECONDITION, in one line that names it."""
    if not address.embedded:
        pytest.skip("of embedded Qdrant alone")
    with pytest.raises(CallError) as caught:
        await PhotoWriter(connection, gallery, options).open(FINGERPRINT, 4)
    assert caught.value.code is grpc.StatusCode.FAILED_PRECONDITION
    assert named in caught.value.message


async def test_embedded_changes_nothing(
    connection: QdrantConnection, gallery: str, address: Address
) -> None:
    """It says so; a server does what is asked."""
    if not address.embedded:
        pytest.skip("of embedded Qdrant alone")
    collection = await PhotoWriter(connection, gallery).open(FINGERPRINT, 4)
    with pytest.raises(CallError) as caught:
        await Galleries(connection).change(collection, CollectionOptions(m=64, ef_construct=None))
    assert caught.value.code is grpc.StatusCode.FAILED_PRECONDITION
    assert "Qdrant does not serve this call" in caught.value.message
