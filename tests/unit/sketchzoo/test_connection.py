"""The connection to Qdrant: what is said of a key that goes in plain text."""

import pytest
import structlog

from sketchzoo.call_settings import QdrantSettings
from sketchzoo.qdrant import connect


async def said_of(url: str, key: str | None = "a-key") -> list[str]:
    """Open a connection and return the events that it logged; a Python warning would raise."""
    settings = QdrantSettings.model_validate({"qdrant_url": url, "qdrant_api_key": key})
    with structlog.testing.capture_logs() as logs:
        connection = connect(settings)
    await connection.close()
    assert key is None or key not in str(logs)
    return [each["event"] for each in logs]


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:6334",
        "http://10.3.0.7:6334",
        "http://[fd00::7]:6334",
        "http://qdrant:6334",
        "http://qdrant.sketchzoo.svc.cluster.local:6334",
        "https://qdrant.example.com:6334",
    ],
)
async def test_a_key_within_a_closed_network_is_not_warned_of(url: str) -> None:
    """On this machine, under a name of a closed network, or by TLS: nothing is said."""
    assert await said_of(url) == []


@pytest.mark.parametrize("url", ["http://qdrant.example.com:6334", "http://9.9.9.9:6334"])
async def test_a_key_in_plain_text_elsewhere_is_warned_of(url: str) -> None:
    """One event of our own log, without the key; without a key there is nothing to warn of."""
    assert await said_of(url) == ["the key goes unencrypted"]
    assert await said_of(url, None) == []
