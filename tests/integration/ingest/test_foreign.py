"""A point that another tool wrote into a gallery, met by everything that reads it."""

import os
import subprocess
import sys
import uuid
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from qdrant_client import QdrantClient, models

from sketchzoo.client import Client, NotReady
from tests.artefacts import picture
from tests.integration.search_service.stack import search_process

FOREIGN = str(uuid.uuid5(uuid.NAMESPACE_URL, "https://example.com/theirs"))


def run(environment: dict[str, str], *arguments: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "sketchzoo", *arguments],
        env={**os.environ, **environment},
        check=False,
        capture_output=True,
        text=True,
    )
    said = done.stdout + done.stderr
    assert "Traceback" not in said
    return done.returncode, said


def test_a_foreign_point_is_named_by_all_that_meet_it(
    environment: dict[str, str], folder: Path, alias: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Search, GetPhoto, the map and a prune name it and its collection; nothing is deleted."""
    for number in range(3):
        path = folder / "cat" / f"{number}.jpg"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(picture(number))
    assert run(environment, "ingest", str(folder))[0] == 0
    where = urlsplit(environment["SKETCHZOO_QDRANT_URL"])
    client = QdrantClient(
        host=where.hostname, grpc_port=where.port or 0, prefer_grpc=True, check_compatibility=False
    )
    (collection,) = [
        each.collection_name for each in client.get_aliases().aliases if each.alias_name == alias
    ]
    (record,), _ = client.scroll(collection, limit=1, with_vectors=True)
    vector = record.vector
    point = models.PointStruct(id=FOREIGN, vector=vector, payload={"title": "theirs"})  # type: ignore[arg-type] # it is one
    client.upsert(collection, [point], wait=True)
    named = f"the collection {collection} holds the point {FOREIGN}, which ingest did not write"

    monkeypatch.setenv("SKETCHZOO_GALLERY", alias)
    with (
        search_process(environment["SKETCHZOO_ENCODER_TARGET"], where.geturl()) as search,
        Client(search.target, timeout=30) as caller,
    ):
        search.wait_serving()
        with pytest.raises(NotReady, match=named):
            caller.search(picture(0))
        with pytest.raises(NotReady, match=named):
            caller.photo(FOREIGN)
        assert caller.classes() == {"cat": 3}

    status, said = run(environment, "live", "map", "--out", str(folder / "map.npz"))
    assert (status, named in said) == (3, True), said
    (folder / "cat" / "0.jpg").unlink()
    status, said = run(environment, "ingest", str(folder), "--prune")
    assert status not in (0, 1), said
    assert named in said
    assert client.count(collection).count == 4
    client.delete(collection, [FOREIGN], wait=True)
    assert run(environment, "ingest", str(folder), "--prune")[0] == 0
    assert client.count(collection).count == 2
    client.close()
