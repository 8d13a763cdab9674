"""The contract's other side: embedded Qdrant, or what SKETCHZOO_TEST_QDRANT_URL names.

A server or a cluster, by one URL or a list of its nodes' with commas; SKETCHZOO_TEST_QDRANT_API_KEY
is its key and SKETCHZOO_TEST_QDRANT_CA the file of the CA that signed its certificate.
"""

import os
import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from qdrant_client import AsyncQdrantClient, models

from sketchzoo.call_settings import QdrantSettings
from sketchzoo.qdrant import QdrantConnection, connect
from sketchzoo.rpc import ChannelSettings
from sketchzoo.rpc.tls import ClientTls
from tests.contract.embedded_qdrant.server_process import ServerProcess


@dataclass(frozen=True, slots=True)
class Address:
    """Where the other side is: its URLs, of which a test's own client takes the first."""

    url: str
    embedded: bool
    api_key: str | None = None
    ca: Path | None = None

    @property
    def target(self) -> str:
        return urlsplit(self.url.partition(",")[0].strip()).netloc

    def settings(self, **more: object) -> QdrantSettings:
        """Return the adapter's settings."""
        own = {"qdrant_url": self.url, "qdrant_api_key": self.api_key, "qdrant_ca": self.ca}
        return QdrantSettings.model_validate({**own, "qdrant_timeout_seconds": 30, **more})

    def channel_settings(self) -> ChannelSettings:
        """Return the way to the first node for a channel of a test's own."""
        tls = ClientTls(self.ca) if self.url.startswith("https:") else None
        return ChannelSettings(self.target, tls=tls)

    def client(self) -> AsyncQdrantClient:
        """Return qdrant-client's own client, as anyone has it."""
        host, _, port = self.target.rpartition(":")
        return AsyncQdrantClient(
            host=host,
            grpc_port=int(port),
            prefer_grpc=True,
            check_compatibility=False,
            https=self.url.startswith("https:"),
            api_key=self.api_key,
            timeout=30,
        )


@pytest.fixture(scope="session")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Address]:
    url = os.environ.get("SKETCHZOO_TEST_QDRANT_URL")
    if url:
        ca = os.environ.get("SKETCHZOO_TEST_QDRANT_CA")
        key = os.environ.get("SKETCHZOO_TEST_QDRANT_API_KEY")
        # The only way by which qdrant-client trusts a CA of one's own.
        if ca:
            os.environ["GRPC_DEFAULT_SSL_ROOTS_FILE_PATH"] = ca
        yield Address(url, embedded=False, api_key=key or None, ca=Path(ca) if ca else None)
        return
    with ServerProcess(tmp_path_factory.mktemp("qdrant") / "storage") as server:
        yield Address(f"http://127.0.0.1:{server.port}", embedded=True)


@pytest.fixture
async def client(address: Address) -> AsyncIterator[AsyncQdrantClient]:
    client = address.client()
    yield client
    await client.close()


@pytest.fixture
async def connection(address: Address) -> AsyncIterator[QdrantConnection]:
    """Return the adapter's connection."""
    opened = connect(address.settings())
    yield opened
    await opened.close()


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
