"""The contract's other side: embedded Qdrant, or the server at SKETCHZOO_TEST_QDRANT_URL."""

import os
import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

import pytest
from qdrant_client import AsyncQdrantClient, models

from tests.contract.embedded_qdrant.server_process import ServerProcess


@dataclass(frozen=True, slots=True)
class Address:
    host: str
    grpc_port: int
    embedded: bool

    @property
    def target(self) -> str:
        return f"{self.host}:{self.grpc_port}"


@pytest.fixture(scope="session")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Address]:
    url = os.environ.get("SKETCHZOO_TEST_QDRANT_URL")
    if url:
        parts = urlsplit(url)
        yield Address(parts.hostname or "127.0.0.1", parts.port or 6334, embedded=False)
        return
    with ServerProcess(tmp_path_factory.mktemp("qdrant") / "storage") as server:
        yield Address("127.0.0.1", server.port, embedded=True)


@pytest.fixture
async def client(address: Address) -> AsyncIterator[AsyncQdrantClient]:
    client = AsyncQdrantClient(
        host=address.host,
        grpc_port=address.grpc_port,
        prefer_grpc=True,
        check_compatibility=False,
        timeout=30,
    )
    yield client
    await client.close()


@pytest.fixture
async def name(client: AsyncQdrantClient) -> AsyncIterator[str]:
    """Name of a collection that is removed afterwards; the test makes it."""
    name = f"test-{uuid.uuid4().hex}"
    yield name
    await client.delete_collection(name)


@pytest.fixture
async def collection(client: AsyncQdrantClient, name: str) -> str:
    """Name of a collection with one unnamed cosine vector of 4 numbers and a class index."""
    await client.create_collection(
        name, vectors_config=models.VectorParams(size=4, distance=models.Distance.COSINE)
    )
    await client.create_payload_index(name, "class", models.PayloadSchemaType.KEYWORD)
    return name


POINTS = [
    models.PointStruct(id=1, vector=[1, 0, 0, 0], payload={"class": "cat", "width": 10}),
    models.PointStruct(id=2, vector=[0.9, 0.1, 0, 0], payload={"class": "cat", "width": 20}),
    models.PointStruct(id=3, vector=[0, 1, 0, 0], payload={"class": "dog", "width": 30}),
    models.PointStruct(id=4, vector=[0, 0.9, 0.1, 0], payload={"class": "dog", "tags": ["a", "b"]}),
    models.PointStruct(
        id="00000000-0000-0000-0000-000000000005",
        vector=[0, 0, 1, 0],
        payload={"class": "fox", "nothing": None, "deep": {"count": 1}},
    ),
    models.PointStruct(id=6, vector=[0, 0, 0, 1], payload={}),
]


@pytest.fixture
async def filled(client: AsyncQdrantClient, collection: str) -> str:
    """Name of a collection with POINTS in it."""
    await client.upsert(collection, POINTS, wait=True)
    return collection
