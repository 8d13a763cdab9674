"""`sketchzoo gallery add`, `delete`, `set` and `status`."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from sketchzoo_ingest.gallery_commands import app
from tests.artefacts import picture
from tests.integration.gallery.points import points
from tests.integration.gallery.service import GalleryService


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """Make an unsorted folder: dates, a hidden file, a note, one bad photo."""
    for number, place in enumerate(("a.jpg", "2024/summer/b.jpg", "2024/c.jpg")):
        path = tmp_path / "library" / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture(500 + number))
    (tmp_path / "library" / ".hidden.jpg").write_bytes(picture(510))
    (tmp_path / "library" / "note.txt").write_text("no photo")
    (tmp_path / "library" / "bad.jpg").write_text("no photo either")
    return tmp_path / "library"


def call(
    service: GalleryService, gallery: str, command: str, *arguments: object, lines: str = ""
) -> Result:
    given = [str(argument) for argument in arguments]
    options = ["--gallery-target", service.target, "--gallery", gallery]
    return CliRunner().invoke(app, [command, *options, *given], input=lines)


def told(result: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_names_of_any_bytes_are_added(
    service: GalleryService, gallery: str, tmp_path: Path, qdrant_url: str
) -> None:
    """Of folders and of files; a terminal is shown a mark in their place."""
    folder = Path(os.fsdecode(os.fsencode(tmp_path / "odd") + b"/\xe9t\xe9"))
    folder.mkdir(parents=True)
    Path(os.fsdecode(os.fsencode(folder) + b"/\xff.jpg")).write_bytes(picture(520))
    done = call(service, gallery, "add", tmp_path / "odd")
    assert done.exit_code == 0, done.output
    assert "/�t�/�.jpg" in done.stdout
    (payload,) = points(qdrant_url, gallery).values()
    assert (payload["folder"], payload["file_name"]) == ("�t�", "�.jpg")


def test_a_folder_is_added_with_all_below(
    service: GalleryService, gallery: str, library: Path, qdrant_url: str
) -> None:
    """Folders become the photos' folders; a bad photo is told and spares the others."""
    done = call(service, gallery, "add", library, "--set", "trip=7", "--set", "who=me")
    assert done.exit_code == 0, done.output
    assert "refused: " in done.stderr
    assert "bad.jpg" in done.stderr
    assert "1 refused, 3 written" in done.stderr
    found = {
        (payload.get("folder", ""), payload["file_name"], payload["trip"], payload["who"])
        for payload in points(qdrant_url, gallery).values()
    }
    assert found == {
        ("", "a.jpg", 7, "me"),
        ("2024/summer", "b.jpg", 7, "me"),
        ("2024", "c.jpg", 7, "me"),
    }
    assert call(service, gallery, "add", library, "--max-bad", "0.1").exit_code == 3


def test_photos_are_named_on_stdin_changed_and_deleted(
    service: GalleryService, gallery: str, library: Path, qdrant_url: str
) -> None:
    """`add -`, `set`, `delete` and `status`, in JSON."""
    names = f"{library / 'a.jpg'}\n{library / '2024' / 'c.jpg'}\n"
    added = told(call(service, gallery, "add", "-", "--json", "--class", "cat", lines=names))
    assert {line["outcome"] for line in added} == {"written"}
    first = added[0]["photo_id"]
    done = call(service, gallery, "set", first, "note=hello", "--rating", "4", "--json")
    assert json.loads(done.stdout) == {"changed": True}
    payload = points(qdrant_url, gallery)[first]
    assert (payload["note"], payload["rating"], payload["class"]) == ("hello", 4, "cat")
    state = json.loads(call(service, gallery, "status", "--json").stdout)
    assert (state["photos"], state["gallery"], state["takes_bytes"]) == (2, gallery, True)
    assert "photos: 2" in call(service, gallery, "status").stdout
    assert call(service, gallery, "delete").exit_code == 2
    done = call(service, gallery, "delete", "--where", "note=hello", "--json")
    assert json.loads(done.stdout) == {"deleted": 1}
    assert call(service, gallery, "delete", first, added[1]["photo_id"]).stdout == "1 deleted\n"


def test_an_exported_gallery_is_ingested_anew(
    service: GalleryService, gallery: str, library: Path, environment: dict[str, str]
) -> None:
    """Kept photos come with their uris, classes, stars and columns, for another model."""
    (library / "bad.jpg").unlink()
    done = call(service, gallery, "add", library, "--json", "--class", "cat", "--set", "n=7")
    first = told(done)[0]["photo_id"]
    call(service, gallery, "set", first, 'note=a "b", c', "--rating", "4", "--class", "dog")
    table, qdrant_url = library.parent / "photos.csv", environment["SKETCHZOO_QDRANT_URL"]
    qdrant = ("--qdrant-url", qdrant_url, "--gallery", gallery)
    done = CliRunner().invoke(app, ["export", *qdrant, str(table)])
    assert done.exit_code == 0, done.output
    assert f"3 photos of {gallery}" in done.stdout
    ingest = (sys.executable, "-m", "sketchzoo", "ingest", str(table))
    roots = ("--manifest-root", str(service.store))
    again = {**environment, "SKETCHZOO_GALLERY": f"{gallery}-again"}
    done_again = subprocess.run(
        [*ingest, *roots],
        env={**os.environ, **again},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done_again.returncode == 0, done_again.stderr
    before, after = points(qdrant_url, gallery), points(qdrant_url, f"{gallery}-again")
    told_of = ("uri", "class", "rating", "folder", "file_name", "n", "note")
    assert {key: [each.get(name) for name in told_of] for key, each in after.items()} == {
        key: [each.get(name) for name in told_of] for key, each in before.items()
    }
    assert after[first]["note"] == 'a "b", c'
    assert CliRunner().invoke(app, ["export", *qdrant[:3], "none", str(table)]).exit_code == 3


def test_what_goes_wrong_is_one_line(gallery: str, service: GalleryService, tmp_path: Path) -> None:
    """Nothing to add is status 3, an unknown photo 3, a service that is away 4."""
    (tmp_path / "empty").mkdir()
    done = call(service, gallery, "add", tmp_path / "empty")
    assert (done.exit_code, done.stderr) == (3, "sketchzoo gallery add: no photo was found\n")
    unknown = "00000000-0000-4000-8000-000000000000"
    done = call(service, gallery, "set", unknown, "a=1")
    assert done.exit_code == 3
    assert done.stderr.count("\n") == 1
    away = CliRunner().invoke(app, ["status", "--gallery-target", "127.0.0.1:1"])
    assert away.exit_code == 4
    assert away.stderr.count("\n") == 1
