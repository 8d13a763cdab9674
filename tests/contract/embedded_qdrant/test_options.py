"""A collection's settings where Qdrant is embedded: what it has, and what it says of the rest."""

from collections.abc import AsyncIterator

import grpc
import pytest
import structlog
from qdrant_client import AsyncQdrantClient

from sketchzoo.qdrant import CollectionOptions, PhotoWriter, QdrantConnection
from sketchzoo.qdrant.galleries import Galleries
from sketchzoo.rpc import CallError
from tests.contract.embedded_qdrant.conftest import Address

FINGERPRINT = "0123456789abcdef"


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
        (CollectionOptions(payload_indexes_on_disk=True), "field_index_params"),
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
