"""What lies in Qdrant, as Qdrant's own client sees it."""

from typing import Any
from urllib.parse import urlsplit

from qdrant_client import QdrantClient, models


def qdrant(url: str) -> QdrantClient:
    parts = urlsplit(url)
    return QdrantClient(
        host=parts.hostname,
        grpc_port=parts.port or 0,
        prefer_grpc=True,
        check_compatibility=False,
        timeout=120,
    )


def points(url: str, gallery: str) -> dict[str, dict[str, Any]]:
    """Return the payloads of a gallery's points by id; none where it is not published."""
    client = qdrant(url)
    try:
        if gallery not in {alias.alias_name for alias in client.get_aliases().aliases}:
            return {}
        found, _ = client.scroll(gallery, limit=10_000, with_payload=True)
        return {str(record.id): dict(record.payload or {}) for record in found}
    finally:
        client.close()


def publish_other_model(url: str, gallery: str) -> None:
    """Let the gallery's alias name a collection of a model that nobody serves."""
    client = qdrant(url)
    other = f"{gallery}-{'f' * 16}"
    client.create_collection(
        other, vectors_config=models.VectorParams(size=8, distance=models.Distance.COSINE)
    )
    create = models.CreateAlias(collection_name=other, alias_name=gallery)
    client.update_collection_aliases([models.CreateAliasOperation(create_alias=create)])
    client.close()
