"""What lies in Qdrant, as the tests of ingest look at it."""

from typing import Any
from urllib.parse import urlsplit

from qdrant_client import QdrantClient


class Gallery:
    """What lies in Qdrant under an alias's collections."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._client = QdrantClient(
            host=parts.hostname,
            grpc_port=parts.port or 0,
            prefer_grpc=True,
            check_compatibility=False,
            timeout=120,
        )

    def close(self) -> None:
        self._client.close()

    def published(self, alias: str) -> bool:
        """Tell whether the alias names a collection."""
        return alias in {found.alias_name for found in self._client.get_aliases().aliases}

    def points(self, alias: str) -> dict[str, Any]:
        """Return all points of the alias's collection by id, but for the time of ingest."""
        names = [c.name for c in self._client.get_collections().collections]
        points = {}
        for name in names:
            if name.startswith(f"{alias}-"):
                found, _ = self._client.scroll(
                    name, limit=1000, with_payload=True, with_vectors=True
                )
                for record in found:
                    payload = dict(record.payload or {})
                    payload.pop("ingested_at")
                    points[str(record.id)] = (payload, record.vector)
        return points
