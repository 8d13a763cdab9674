"""Fetching a sample from a server that has every fault."""

import asyncio
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from sample_gallery.fetch import FolderError, Limits, Outcome, fetch
from tests.integration.fetch.site_server import Site, jpeg, send, status
from tests.integration.sample_gallery.fetched import (
    ALLOWED,
    Manifest,
    attribution,
    limits,
    photos,
    run,
    sha256,
    size,
)


def test_photos_and_attribution(site: Site, manifest: Manifest, tmp_path: Path) -> None:
    """Photos arrive unchanged in a folder a class, and ATTRIBUTION.csv says whose they are."""
    content = jpeg()
    path = manifest((site.photo("/a.jpg", content), "crab", sha256(content)))
    folder = tmp_path / "out"
    report = run(path, folder)
    assert report.complete
    assert report.counts == {Outcome.FETCHED: 1}
    assert report.taken_bytes == len(content)
    (photo,) = photos(folder)
    assert photo.parent.name == "crab"
    assert photo.read_bytes() == content
    (row,) = attribution(folder)
    assert folder / row["path"] == photo
    assert row["author"] == "Ada, L."
    assert row["origin"] == f"{site.url}/a.jpg"
    assert row["changes"] == ""


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (status(404), Outcome.NOT_FOUND),
        (status(403), Outcome.REFUSED),
        (status(500), Outcome.FAILED),
        (lambda handler, _: send(handler, bytes(2000)), Outcome.TOO_LARGE),
    ],
)
def test_bad_answers(
    site: Site,
    manifest: Manifest,
    tmp_path: Path,
    answer: Callable[[BaseHTTPRequestHandler, int], None],
    outcome: Outcome,
) -> None:
    """Each bad answer has its outcome, leaves nothing behind, and spares the others."""
    site.answers["/a.jpg"] = answer
    small = jpeg(size=(8, 8))
    path = manifest((f"{site.url}/a.jpg", "crab"), (site.photo("/b.jpg", small), "owl"))
    report = run(path, tmp_path / "out", limits(max_file_bytes=1999))
    assert report.counts == {outcome: 1, Outcome.FETCHED: 1}
    assert report.problems[0][0] == f"{site.url}/a.jpg"
    assert not (tmp_path / "out" / ".parts").exists()


def test_private_addresses_are_left_alone(site: Site, manifest: Manifest, tmp_path: Path) -> None:
    """This machine's own addresses are not fetched from, and the report names the setting."""
    report = run(manifest((site.photo("/a.jpg", jpeg()), "crab")), tmp_path / "out", Limits())
    assert report.counts == {Outcome.REFUSED: 1}
    assert "--allow-private-addresses" in report.problems[0][2]
    assert not site.hits


def test_user_info_is_not_kept(site: Site, manifest: Manifest, tmp_path: Path) -> None:
    """A url's user info reaches its server, and no report, no attribution and no lock file."""
    good = site.photo("/a.jpg", jpeg()).replace("//", "//ada:secret@")
    bad = f"{site.url}/gone.jpg".replace("//", "//ada:secret@")
    report = run(manifest((good, "crab"), (bad, "owl")), tmp_path / "out")
    assert "authorization" in site.headers[0]
    kept = [path.read_text() for path in (tmp_path / "out").glob("*.*") if path.is_file()]
    assert len(kept) == 2
    assert "secret" not in "".join(kept) + json.dumps(report.as_json())


def test_classes_of_every_language(site: Site, manifest: Manifest, tmp_path: Path) -> None:
    """A class may be called as people call it; two Unicode forms of a name are one folder."""
    names = ("Lo\u0308we", "L\u00f6we")
    path = manifest(*((site.photo(f"/{n}.jpg", jpeg(n)), name) for n, name in enumerate(names)))
    assert run(path, tmp_path / "out").complete
    assert {photo.parent.name for photo in photos(tmp_path / "out")} == {"L\u00f6we"}


def test_total_budget(site: Site, manifest: Manifest, tmp_path: Path) -> None:
    """A run stops taking bytes at its total, and the next one goes on."""
    contents = [jpeg(shade) for shade in (1, 60, 120)]
    rows = [(site.photo(f"/{i}.jpg", c), "crab") for i, c in enumerate(contents)]
    path = manifest(*rows)
    bounds = limits(max_total_bytes=len(contents[0]) * 3 // 2, at_once=1)
    report = run(path, tmp_path / "out", bounds)
    assert report.counts[Outcome.FETCHED] == 1
    assert report.counts[Outcome.OVER_BUDGET] == 2
    assert run(path, tmp_path / "out").complete


def test_not_an_image(site: Site, manifest: Manifest, tmp_path: Path) -> None:
    """A page of HTML or half a JPEG doesn't become a photo."""
    site.photo("/page.jpg", b"<html>gone</html>")
    site.photo("/half.jpg", jpeg()[:5000])
    path = manifest((f"{site.url}/page.jpg", "crab"), (f"{site.url}/half.jpg", "crab"))
    report = run(path, tmp_path / "out")
    assert report.counts == {Outcome.NOT_AN_IMAGE: 2}
    assert not photos(tmp_path / "out")


def test_crop_and_size(site: Site, manifest: Manifest, tmp_path: Path) -> None:
    """A crop and a smaller side are applied, and ATTRIBUTION.csv says so."""
    url = site.photo("/a.jpg", jpeg(size=(800, 400)))
    path = manifest((url, "crab", "", "", "0.5 0 1 1"), (url, "crab"))
    report = run(path, tmp_path / "out", limits(max_side=200))
    assert report.complete
    sizes = sorted(size(p) for p in photos(tmp_path / "out"))
    assert sizes == [(200, 100), (200, 200)]
    rows = attribution(tmp_path / "out")
    assert [row["changes"] for row in rows] == ["cropped and made smaller", "made smaller"]


def test_bounded_concurrency(site: Site, manifest: Manifest, tmp_path: Path) -> None:
    """Never more than at_once files are asked for at a time."""
    barrier = threading.Event()
    content = jpeg()

    def answer(handler: BaseHTTPRequestHandler, hit: int) -> None:
        barrier.wait(0.05)
        send(handler, content)

    for i in range(9):
        site.answers[f"/{i}.jpg"] = answer
    path = manifest(*((f"{site.url}/{i}.jpg", "crab") for i in range(9)))
    assert run(path, tmp_path / "out", limits(at_once=3)).complete
    assert 1 <= site.most_at_once <= 3


def test_local_paths(manifest: Manifest, tmp_path: Path) -> None:
    """A manifest may name files beside it; one that isn't there is reported."""
    (tmp_path / "here.jpg").write_bytes(jpeg())
    path = tmp_path / "m.csv"
    line = "crab,Ada,CC0,https://licence.example/0,https://page.example/1\n"
    path.write_text(f"path,class,author,licence,licence_url,source\nhere.jpg,{line}gone.jpg,{line}")
    report = run(path, tmp_path / "out")
    assert report.counts == {Outcome.FETCHED: 1, Outcome.NOT_FOUND: 1}


def test_folder_of_other_things(site: Site, manifest: Manifest, tmp_path: Path) -> None:
    """A folder that holds something else is left alone."""
    path = manifest((site.photo("/a.jpg", jpeg()), "crab"))
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    with pytest.raises(FolderError, match="not empty"):
        run(path, tmp_path / "mine")
    with pytest.raises(FolderError, match="is a file"):
        run(path, path)


def test_one_run_a_folder(site: Site, manifest: Manifest, tmp_path: Path) -> None:
    """A second run in the same folder at the same time is refused."""
    path = manifest((site.photo("/a.jpg", jpeg()), "crab"))
    problems: list[str] = []

    def second(done: int, total: int) -> None:
        try:
            asyncio.run(fetch([], tmp_path / "out"))
        except FolderError as error:
            problems.append(str(error))

    def answer(handler: BaseHTTPRequestHandler, hit: int) -> None:
        inner = threading.Thread(target=second, args=(0, 0))
        inner.start()
        inner.join()
        send(handler, jpeg())

    site.answers["/a.jpg"] = answer
    assert run(path, tmp_path / "out").complete
    assert problems
    assert "another run" in problems[0]


def test_exit_codes(site: Site, manifest: Manifest, tmp_path: Path) -> None:
    """The command ends with 0 for all, 1 for some, 2 for a bad manifest, 3 for a bad folder."""

    def code(source: Path | str, folder: Path) -> tuple[int, str]:
        command = [sys.executable, "-m", "sketchzoo", "sample", "fetch", str(source), str(folder)]
        env = {**os.environ, **ALLOWED}
        done = subprocess.run(
            command, env=env, capture_output=True, text=True, timeout=60, check=False
        )
        return done.returncode, done.stdout + done.stderr

    good = manifest((site.photo("/a.jpg", jpeg()), "crab"))
    assert code(good, tmp_path / "out")[0] == 0
    assert code(good, tmp_path)[0] == 3
    assert code("no-such-sample", tmp_path / "out")[0] == 2
    some = manifest((f"{site.url}/gone.jpg", "crab"))
    number, text = code(some, tmp_path / "out2")
    assert number == 1
    assert "not_found" in text
    assert "/gone.jpg" in text
