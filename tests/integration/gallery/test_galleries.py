"""`sketchzoo gallery list`, `publish`, `rollback`, `drop` and `copy` on embedded Qdrant."""

import asyncio
import hashlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import count
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from sketchzoo.call_settings import QdrantSettings
from sketchzoo.qdrant import GeoPoint, Photo, PhotoReader, PhotoWriter, connect, list_galleries
from sketchzoo.qdrant.copying import CollectionEnd
from sketchzoo_ingest.gallery_commands import app
from sketchzoo_ingest.gallery_commands.settings import CopySettings
from tests.contract.embedded_qdrant.server_process import ServerProcess

FINGERPRINT = "0123456789abcdef"
NEWER = "fedcba9876543210"
PHOTOS = 300  # more than a page
_names = count()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run an embedded Qdrant."""
    with ServerProcess(tmp_path_factory.mktemp("home") / "storage") as server:
        yield f"http://127.0.0.1:{server.port}"


@pytest.fixture(scope="module")
def away(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run another one."""
    with ServerProcess(tmp_path_factory.mktemp("away") / "storage") as server:
        yield f"http://127.0.0.1:{server.port}"


@pytest.fixture
def gallery(home: str) -> str:
    """Fill and publish a gallery of the test's own."""
    name = f"zoo{next(_names)}"
    asyncio.run(_fill(home, name, range(PHOTOS)))
    return name


def photo(number: int) -> Photo:
    return Photo(
        class_name="cat" if number % 2 else "",
        uri=f"file:///zoo/{number}.jpg",
        sha256=hashlib.sha256(str(number).encode()).hexdigest(),
        width=64,
        height=48,
        taken_at=datetime(2024, 5, 1, tzinfo=UTC),
        location=GeoPoint(48.1, 11.6),
        folder="2024/summer",
        payload={"note": f"n{number}", "stars": number, "score": number / 7},
    )


def settings(url: str, name: str) -> QdrantSettings:
    return QdrantSettings(qdrant_url=url, gallery=name, qdrant_timeout_seconds=60)


async def _fill(
    url: str, name: str, numbers: range, *, publish: bool = True, fingerprint: str = FINGERPRINT
) -> None:
    connection = connect(settings(url, name))
    writer = PhotoWriter(connection, name)
    collection = await writer.open(fingerprint, 4)
    await writer.upsert(collection, [(photo(n), (n + 1.0, 1.0, 0.5, 2.0)) for n in numbers])
    if publish:
        await writer.publish(collection)
    await connection.close()


async def _points(url: str, name: str) -> tuple[dict[str, Any], dict[str, int]]:
    """Return all points with payload and embeddings, and the kinds of payload indexes."""
    connection = connect(settings(url, name))
    current = await PhotoReader(connection, name).current()
    end = CollectionEnd(connection, current.collection)
    described = await end.describe()
    found: dict[str, Any] = {}
    after = None
    while True:
        page = await end.page(after, payload=True, vectors=True)
        for point in page.points:
            vector = point.vectors.vector
            found[point.id.uuid] = (
                {field: str(value) for field, value in point.payload.items()},
                list(vector.dense.data or vector.data),
            )
        if page.next is None:
            break
        after = page.next
    await connection.close()
    return found, {field: index.data_type for field, index in described.payload_schema.items()}


def call(url: str, *arguments: str) -> Result:
    command, *rest = arguments
    return CliRunner().invoke(
        app, [command, "--qdrant-url", url, "--qdrant-timeout-seconds", "60", *rest]
    )


def test_what_is_logged_is_not_among_what_is_told(home: str, gallery: str) -> None:
    """Scripts read JSON, though one of the nodes is away."""
    nodes = f"http://127.0.0.1:1,{home}"
    for command in (("list",), ("info", "--gallery", gallery)):
        for _ in range(3):  # which node is asked first is chance
            done = call(nodes, *command, "--json")
            assert done.exit_code == 0, done.output
            json.loads(done.stdout)


def test_a_copy_is_the_gallery(home: str, away: str, gallery: str) -> None:
    """Points, embeddings, payload and indexes are the same, and the alias names the copy."""
    done = call(home, "copy", "--gallery", gallery, "--to", away, "--json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert (told["photos"], told["written"], told["unchanged"]) == (PHOTOS, PHOTOS, 0)
    here, there = asyncio.run(_points(home, gallery)), asyncio.run(_points(away, gallery))
    assert len(here[0]) == PHOTOS
    assert here == there


def test_a_copy_that_was_cut_off_goes_on(home: str, away: str, gallery: str) -> None:
    """What is there already is passed over, what differs is written."""
    asyncio.run(_fill(away, gallery, range(100), publish=False))
    done = call(home, "copy", "--gallery", gallery, "--to", away, "--json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    # Written at another time, their `ingested_at` differs.
    assert (told["written"], told["unchanged"]) == (PHOTOS, 0)
    again = json.loads(call(home, "copy", "--gallery", gallery, "--to", away, "--json").stdout)
    assert (again["written"], again["unchanged"]) == (0, PHOTOS)


def test_photos_that_only_the_copy_has_stop_it(home: str, away: str, gallery: str) -> None:
    """The alias stays where counts differ; --delete-others deletes them and goes on."""
    asyncio.run(_fill(away, gallery, range(PHOTOS, PHOTOS + 5), publish=False))
    done = call(home, "copy", "--gallery", gallery, "--to", away)
    assert done.exit_code == 3
    assert f"holds {PHOTOS + 5} photos, the gallery {PHOTOS}" in done.output
    assert not _is_published(away, gallery)
    done = call(home, "copy", "--gallery", gallery, "--to", away, "--delete-others")
    assert done.exit_code == 0, done.output
    assert "5 deleted" in done.output
    assert asyncio.run(_points(home, gallery)) == asyncio.run(_points(away, gallery))


def test_a_copy_gets_another_name(home: str, gallery: str) -> None:
    """--as copies within one Qdrant, too; onto itself is refused."""
    assert call(home, "copy", "--gallery", gallery, "--to", home).exit_code == 2
    done = call(home, "copy", "--gallery", gallery, "--to", home, "--as", f"{gallery}-b")
    assert done.exit_code == 0, done.output
    assert asyncio.run(_points(home, gallery)) == asyncio.run(_points(home, f"{gallery}-b"))


def test_a_copy_with_other_shards_is_made_beside_the_gallery(home: str, gallery: str) -> None:
    """The way that `gallery settings` names: without --to it is the same Qdrant, and its key."""
    done = call(home, "copy", "--gallery", gallery)
    assert done.exit_code == 2
    assert "give --to or --as" in done.output
    done = call(home, "copy", "--gallery", gallery, "--as", f"{gallery}-s", "--shards", "1")
    assert done.exit_code == 0, done.output
    assert f"{gallery}-s in {home}: {PHOTOS} photos" in done.output
    assert asyncio.run(_points(home, gallery)) == asyncio.run(_points(home, f"{gallery}-s"))
    given = CopySettings.model_validate({"qdrant_url": home, "qdrant_api_key": "k"})
    key = given.target("b").qdrant_api_key
    assert key is not None
    assert key.get_secret_value() == "k"


def test_there_is_nothing_to_copy(home: str, away: str) -> None:
    """An unknown gallery is status 3, a Qdrant that is away 4, each in one line."""
    done = call(home, "copy", "--gallery", "none", "--to", away)
    assert (done.exit_code, done.output.count("\n")) == (3, 1)
    nobody = ("copy", "--gallery", "none", "--to", away, "--retry-seconds", "0")
    done = call("http://127.0.0.1:1", *nobody)
    assert done.exit_code == 4, done.output


def test_galleries_are_listed_and_dropped(home: str, gallery: str) -> None:
    """`list` tells photos and what is published; `drop` asks first, and is told by --yes."""
    [found] = [
        g for g in json.loads(call(home, "list", "--json").stdout) if g["gallery"] == gallery
    ]
    assert found == {
        "gallery": gallery,
        "collection": f"{gallery}-{FINGERPRINT}",
        "fingerprint": FINGERPRINT,
        "photos": PHOTOS,
        "dimension": 4,
        "is_published": True,
        "is_former": False,
    }
    assert call(home, "drop", gallery).exit_code in (1, 3)  # nobody to ask
    assert _is_published(home, gallery)
    assert call(home, "drop", gallery, "--yes").exit_code == 0
    assert gallery not in call(home, "list").stdout
    assert call(home, "drop", gallery, "--yes").exit_code == 3


def test_a_gallery_is_published_and_rolled_back(home: str, gallery: str) -> None:
    """To a model's collection and back in one command each; what it was in is kept and shown."""
    asyncio.run(_fill(home, gallery, range(5), publish=False, fingerprint=NEWER))
    named = ("--gallery", gallery)
    done = call(home, "rollback", *named)
    assert (done.exit_code, done.output.count("\n")) == (3, 1)
    assert call(home, "publish", "f" * 16, *named).exit_code == 3
    done = call(home, "publish", NEWER, *named)
    assert done.stdout.splitlines() == [
        f"{gallery}-{FINGERPRINT} ({PHOTOS} photos) is kept",
        f"searches see {gallery} in {gallery}-{NEWER} (5 photos)",
    ]
    assert call(home, "publish", NEWER, *named).exit_code == 0  # changes nothing, as if not run
    told = json.loads(call(home, "rollback", *named, "--json").stdout)
    state = {each["fingerprint"]: (each["is_published"], each["is_former"]) for each in told}
    assert state == {FINGERPRINT: (True, False), NEWER: (False, True)}
    assert "former" in call(home, "list").stdout
    # What remembers the way back is no gallery that can be searched.
    assert [name for name in asyncio.run(_listed(home)) if "former" in name] == []
    call(home, "rollback", *named)
    assert _is_published(home, gallery, NEWER)


def test_a_model_is_dropped_from_a_gallery(home: str, gallery: str) -> None:
    """Its collection goes, and with it the way back; what searches see is refused."""
    asyncio.run(_fill(home, gallery, range(5), fingerprint=NEWER))
    assert call(home, "drop", gallery, "--model", "f" * 16, "--yes").exit_code == 3
    done = call(home, "drop", gallery, "--model", NEWER, "--yes")
    assert (done.exit_code, done.output.count("\n")) == (3, 1)
    assert call(home, "drop", gallery, "--model", FINGERPRINT).exit_code in (1, 3)  # nobody to ask
    assert call(home, "drop", gallery, "--model", FINGERPRINT, "--yes").exit_code == 0
    assert f"{gallery}-{FINGERPRINT}" not in call(home, "list").stdout
    assert _is_published(home, gallery, NEWER)
    assert call(home, "rollback", "--gallery", gallery).exit_code == 3


async def _listed(url: str) -> list[str]:
    connection = connect(settings(url, "any"))
    try:
        return list(await list_galleries(connection))
    finally:
        await connection.close()


def _is_published(url: str, gallery: str, fingerprint: str = FINGERPRINT) -> bool:
    found = json.loads(call(url, "list", "--json").stdout)
    wanted = f"{gallery}-{fingerprint}"
    return any(each["collection"] == wanted and each["is_published"] for each in found)
