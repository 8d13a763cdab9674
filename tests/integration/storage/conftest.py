"""One S3 API for the tests of a file."""

from collections.abc import Iterator

import pytest

from tests.integration.storage.bucket_server import Buckets, bucket_server


@pytest.fixture(scope="package")
def server() -> Iterator[Buckets]:
    with bucket_server() as buckets:
        yield buckets


@pytest.fixture
def buckets(server: Buckets, monkeypatch: pytest.MonkeyPatch) -> Buckets:
    """Give the server, with this process's environment set to it."""
    server.use(monkeypatch)
    return server
