"""Save the gallery's collection on a Qdrant server, and bring it back.

    python scripts/snapshot.py save                            prints <collection>/<snapshot>
    python scripts/snapshot.py restore <collection>/<snapshot>

Speaks to the server that SKETCHZOO_QDRANT_URL names, over REST, whose port is the one below
gRPC's (6333 beside 6334), with the key in SKETCHZOO_QDRANT_API_KEY, which must be the one
that may write, and by TLS as SKETCHZOO_QDRANT_CA, _CLIENT_CERTIFICATE and _CLIENT_KEY say.
docs/operations/backup.md
runs it inside ingest's image. Embedded Qdrant has no REST and makes no snapshots.
"""

import os
import ssl
import sys
from urllib.parse import urlsplit

from qdrant_client import QdrantClient, models
from qdrant_client.http.exceptions import ResponseHandlingException, UnexpectedResponse

ALIAS = os.environ.get("SKETCHZOO_GALLERY") or "photos"
# The folder of Qdrant's image where a snapshot lies below its collection's name.
FOLDER = "/qdrant/snapshots"
SECONDS = 3600


def connect() -> QdrantClient:
    """Return a client of the server's REST interface; nothing is sent yet."""
    # Of several nodes the first: a snapshot is a node's.
    urls = os.environ.get("SKETCHZOO_QDRANT_URL") or "http://127.0.0.1:6334"
    url = urlsplit(urls.partition(",")[0].strip())
    port = (url.port or 6334) - 1
    key = os.environ.get("SKETCHZOO_QDRANT_API_KEY")
    try:
        trusted = ssl.create_default_context(cafile=os.environ.get("SKETCHZOO_QDRANT_CA") or None)
        if certificate := os.environ.get("SKETCHZOO_QDRANT_CLIENT_CERTIFICATE"):
            trusted.load_cert_chain(certificate, os.environ.get("SKETCHZOO_QDRANT_CLIENT_KEY"))
    except OSError as error:  # it does not say of which file
        raise ValueError(f"a file of SKETCHZOO_QDRANT_* cannot be used: {error}") from error
    return QdrantClient(
        url=f"{url.scheme}://{url.hostname}:{port}",
        headers={"api-key": key} if key else None,
        timeout=SECONDS,
        check_compatibility=False,
        verify=trusted,
    )


def published(client: QdrantClient) -> str | None:
    """Return the collection behind the alias."""
    for each in client.get_aliases().aliases:
        if each.alias_name == ALIAS:
            return each.collection_name
    return None


def save(client: QdrantClient) -> str:
    """Make a snapshot of the published collection; return where it lies."""
    collection = published(client)
    if collection is None:
        raise ValueError(f"the alias {ALIAS} names no collection: there is nothing to save")
    made = client.create_snapshot(collection, wait=True)
    if made is None:
        raise ValueError(f"Qdrant made no snapshot of {collection}")
    return f"{collection}/{made.name}"


def restore(client: QdrantClient, path: str) -> None:
    """Fill a collection from its snapshot, then let the alias name it."""
    collection, _, name = path.partition("/")
    if not collection or not name or "/" in name:
        raise ValueError(f"{path} is not <collection>/<snapshot>, as `save` printed it")
    client.recover_snapshot(
        collection,
        location=f"file://{FOLDER}/{collection}/{name}",
        priority=models.SnapshotPriority.SNAPSHOT,
        wait=True,
    )
    changes: list[models.CreateAliasOperation | models.DeleteAliasOperation] = []
    if published(client) is not None:
        gone = models.DeleteAlias(alias_name=ALIAS)
        changes.append(models.DeleteAliasOperation(delete_alias=gone))
    there = models.CreateAlias(collection_name=collection, alias_name=ALIAS)
    changes.append(models.CreateAliasOperation(create_alias=there))
    client.update_collection_aliases(changes)


def main(arguments: list[str]) -> int:
    """Run the command; return the exit status."""
    try:
        match arguments:
            case ["save"]:
                print(save(connect()))
            case ["restore", path]:
                restore(connect(), path)
                print(f"the alias {ALIAS} names {path.partition('/')[0]}")
            case _:
                print(__doc__, file=sys.stderr)
                return 2
    except (ValueError, UnexpectedResponse, ResponseHandlingException) as error:
        print(f"snapshot: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
