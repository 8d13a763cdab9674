"""Fetching a gallery from a server that has every fault."""

import asyncio
import csv
import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from PIL import Image

from gallery.fetch import FolderError, Limits, Outcome, Report, fetch, read_manifest
from tests.integration.gallery.site_server import (
    HEADER,
    Site,
    a_site,
    cut_short,
    jpeg,
    send,
    status,
)

Manifest = Callable[..., Path]


@pytest.fixture
def site() -> Iterator[Site]:
    with a_site() as made:
        yield made


@pytest.fixture
def manifest(tmp_path: Path) -> Manifest:
    def write(*rows: tuple[str, ...]) -> Path:
        path = tmp_path / "manifest.csv"
        lines = []
        for where, label, *more in rows:
            sha256, size, crop = (*more, "", "", "")[:3]
            lines.append(
                f'{where},{label},"Ada, L.",CC BY 2.0,https://licence.example/by,'
                f"https://page.example/1,{sha256},{size},{crop}\n"
            )
        path.write_text(HEADER + "".join(lines))
        return path

    return write


class Pauses(list[float]):
    """Takes the place of sleeping, and keeps how long it would have been."""

    async def __call__(self, seconds: float) -> None:
        self.append(seconds)


def run(path: Path, folder: Path, limits: Limits | None = None, **more: object) -> Report:
    more.setdefault("sleep", Pauses())
    return asyncio.run(fetch(read_manifest(path), folder, limits, **more))  # type: ignore[arg-type]


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def attribution(folder: Path) -> list[dict[str, str]]:
    with (folder / "ATTRIBUTION.csv").open() as file:
        return list(csv.DictReader(file))


def size(path: Path) -> tuple[int, int]:
    with Image.open(path) as image:
        return image.size


def photos(folder: Path) -> list[Path]:
    return sorted((folder / "photo").rglob("*.*"))


def test_photos_and_attribution(site: Site, manifest: Manifest, tmp_path: Path) -> None:
    """Photos arrive unchanged in a folder a class, and ATTRIBUTION.csv says whose they are."""
    content = jpeg()
    path = manifest((site.photo("/a.jpg", content), "crab", _sha256(content)))
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


def test_second_run_takes_nothing(site: Site, manifest: Manifest, tmp_path: Path) -> None:
    """A second run asks the server for nothing and leaves the same files."""
    path = manifest((site.photo("/a.jpg", jpeg()), "crab"), (site.photo("/b.jpg", jpeg(9)), "owl"))
    run(path, tmp_path / "out")
    before = {p: p.stat().st_mtime_ns for p in photos(tmp_path / "out")}
    report = run(path, tmp_path / "out")
    assert report.counts == {Outcome.KEPT: 2}
    assert sum(site.hits.values()) == 2
    assert {p: p.stat().st_mtime_ns for p in photos(tmp_path / "out")} == before


def test_damaged_photo_is_fetched_again(site: Site, manifest: Manifest, tmp_path: Path) -> None:
    """A photo that was changed or deleted since comes again, and only that one."""
    path = manifest((site.photo("/a.jpg", jpeg()), "crab"), (site.photo("/b.jpg", jpeg(9)), "owl"))
    run(path, tmp_path / "out")
    first = photos(tmp_path / "out")[0]
    kept = first.read_bytes()
    first.write_bytes(b"broken")
    report = run(path, tmp_path / "out")
    assert report.counts == {Outcome.FETCHED: 1, Outcome.KEPT: 1}
    assert first.read_bytes() == kept


def test_resumes_in_the_middle(site: Site, manifest: Manifest, tmp_path: Path) -> None:
    """After a broken connection only the missing half is asked for."""
    content = jpeg()

    def answer(handler: BaseHTTPRequestHandler, hit: int) -> None:
        (cut_short if hit == 1 else send)(handler, content)

    site.answers["/a.jpg"] = answer
    report = run(manifest((f"{site.url}/a.jpg", "crab")), tmp_path / "out")
    assert report.complete
    assert site.ranges == ["", f"bytes={len(content) // 2}-"]
    assert photos(tmp_path / "out")[0].read_bytes() == content
    assert report.taken_bytes == len(content)


def test_resumes_in_a_later_run(site: Site, manifest: Manifest, tmp_path: Path) -> None:
    """What an earlier run left half done is taken up by the next."""
    content = jpeg()
    site.answers["/a.jpg"] = lambda handler, _: cut_short(handler, content)
    path = manifest((f"{site.url}/a.jpg", "crab"))
    report = run(path, tmp_path / "out", Limits(attempts=1))
    assert report.counts == {Outcome.FAILED: 1}
    assert not photos(tmp_path / "out")
    site.photo("/a.jpg", content)
    assert run(path, tmp_path / "out").complete
    assert site.ranges[-1] == f"bytes={len(content) // 2}-"
    assert photos(tmp_path / "out")[0].read_bytes() == content
    assert not (tmp_path / "out" / ".parts").exists()


def test_changed_file_is_not_spliced(site: Site, manifest: Manifest, tmp_path: Path) -> None:
    """If the file there changes between two attempts, both halves come from the new one."""
    old, new = jpeg(10), jpeg(200)

    def answer(handler: BaseHTTPRequestHandler, hit: int) -> None:
        if hit == 1:
            cut_short(handler, old, etag='"old"')
        else:
            send(handler, new, etag='"new"')

    site.answers["/a.jpg"] = answer
    assert run(manifest((f"{site.url}/a.jpg", "crab")), tmp_path / "out").complete
    assert photos(tmp_path / "out")[0].read_bytes() == new


def test_no_validator_begins_anew(site: Site, manifest: Manifest, tmp_path: Path) -> None:
    """Where neither server nor manifest can vouch for the halves, no range is asked for."""
    content = jpeg()

    def answer(handler: BaseHTTPRequestHandler, hit: int) -> None:
        (cut_short if hit == 1 else send)(handler, content, etag="")

    site.answers["/a.jpg"] = answer
    assert run(manifest((f"{site.url}/a.jpg", "crab")), tmp_path / "out").complete
    assert site.ranges == ["", ""]


def test_wrong_part_is_thrown_away(site: Site, manifest: Manifest, tmp_path: Path) -> None:
    """A part that turns out to be of another file costs one fresh download, not the photo."""
    content = jpeg()
    path = manifest((site.photo("/a.jpg", content, etag=""), "crab", _sha256(content)))
    (row,) = read_manifest(path)
    parts = tmp_path / "out" / ".parts"
    parts.mkdir(parents=True)
    (tmp_path / "out" / "gallery.lock").touch()
    (parts / row.stem).write_bytes(b"x" * 100)
    assert run(path, tmp_path / "out").complete
    assert site.ranges == ["bytes=100-", ""]
    assert photos(tmp_path / "out")[0].read_bytes() == content


def test_wrong_hash(site: Site, manifest: Manifest, tmp_path: Path) -> None:
    """Bytes other than the manifest's are refused, and nothing of them stays."""
    path = manifest((site.photo("/a.jpg", jpeg()), "crab", "0" * 64))
    report = run(path, tmp_path / "out")
    assert report.counts == {Outcome.WRONG_HASH: 1}
    assert not photos(tmp_path / "out")
    assert not (tmp_path / "out" / ".parts").exists()


def test_first_use_is_remembered(site: Site, manifest: Manifest, tmp_path: Path) -> None:
    """A photo without a known hash is held to what it was at first fetch."""
    path = manifest((site.photo("/a.jpg", jpeg(10)), "crab"))
    run(path, tmp_path / "out")
    photos(tmp_path / "out")[0].unlink()
    site.photo("/a.jpg", jpeg(200), etag='"two"')
    report = run(path, tmp_path / "out")
    assert report.counts == {Outcome.WRONG_HASH: 1}


@pytest.mark.parametrize(
    ("answer", "outcome", "asked"),
    [
        (status(404), Outcome.NOT_FOUND, 1),
        (status(410), Outcome.NOT_FOUND, 1),
        (status(403), Outcome.REFUSED, 1),
        (status(500), Outcome.FAILED, 4),
        (status(302, location="/a.jpg"), Outcome.REFUSED, 6),
        (status(302, location="file:///etc/hostname"), Outcome.REFUSED, 1),
        (status(302, location="ftp://127.0.0.1/a.jpg"), Outcome.REFUSED, 1),
        (status(302, location="http://[broken/"), Outcome.REFUSED, 1),
        (status(302), Outcome.REFUSED, 6),
        (status(204), Outcome.REFUSED, 1),
    ],
)
def test_bad_answers(  # noqa: PLR0917 - pytest passes them by name
    site: Site,
    manifest: Manifest,
    tmp_path: Path,
    answer: Callable[[BaseHTTPRequestHandler, int], None],
    outcome: Outcome,
    asked: int,
) -> None:
    """Each bad answer has its outcome, is tried as often as may help, and spares the others."""
    site.answers["/a.jpg"] = answer
    path = manifest((f"{site.url}/a.jpg", "crab"), (site.photo("/b.jpg", jpeg()), "owl"))
    report = run(path, tmp_path / "out")
    assert report.counts == {outcome: 1, Outcome.FETCHED: 1}
    assert site.hits["/a.jpg"] == asked
    assert report.problems[0][0] == f"{site.url}/a.jpg"


def test_redirect_is_followed(site: Site, manifest: Manifest, tmp_path: Path) -> None:
    """A photo that has moved is found."""
    site.photo("/new/b.jpg", jpeg())
    site.answers["/a.jpg"] = status(301, location="/new/b.jpg")
    assert run(manifest((f"{site.url}/a.jpg", "crab")), tmp_path / "out").complete


def test_backs_off_twice_as_long(site: Site, manifest: Manifest, tmp_path: Path) -> None:
    """Pauses double, and what the server asks for goes before."""
    content, pauses = jpeg(), Pauses()

    def answer(handler: BaseHTTPRequestHandler, hit: int) -> None:
        if hit == 1:
            status(503)(handler, hit)
        elif hit == 2:
            status(429, retry_after="7")(handler, hit)
        elif hit == 3:
            status(500)(handler, hit)
        else:
            send(handler, content)

    site.answers["/a.jpg"] = answer
    path = manifest((f"{site.url}/a.jpg", "crab"))
    assert run(path, tmp_path / "out", Limits(backoff_seconds=0.5), sleep=pauses).complete
    assert pauses == [0.5, 7.0, 2.0]


def test_long_wait_is_not_waited(site: Site, manifest: Manifest, tmp_path: Path) -> None:
    """A server that asks for an hour is asked once."""
    site.answers["/a.jpg"] = status(429, retry_after="3600")
    pauses = Pauses()
    report = run(manifest((f"{site.url}/a.jpg", "crab")), tmp_path / "out", sleep=pauses)
    assert report.counts == {Outcome.FAILED: 1}
    assert "asks to wait 3600 s" in report.problems[0][2]
    assert not pauses


def test_silent_server(site: Site, manifest: Manifest, tmp_path: Path) -> None:
    """A server that stops sending is given up after read_seconds."""
    release = threading.Event()

    def answer(handler: BaseHTTPRequestHandler, hit: int) -> None:
        handler.send_response(200)
        handler.send_header("content-length", "1000")
        handler.end_headers()
        handler.wfile.write(b"x")
        handler.wfile.flush()
        release.wait(20)

    site.answers["/a.jpg"] = answer
    path = manifest((f"{site.url}/a.jpg", "crab"))
    report = run(path, tmp_path / "out", Limits(read_seconds=0.2, attempts=2))
    release.set()
    assert report.counts == {Outcome.FAILED: 1}
    assert "ReadTimeout" in report.problems[0][2]


def test_dripping_server(site: Site, manifest: Manifest, tmp_path: Path) -> None:
    """A server that drips bytes, and so is never silent, is given up after file_seconds."""
    done = threading.Event()

    def answer(handler: BaseHTTPRequestHandler, hit: int) -> None:
        handler.send_response(200)
        handler.send_header("content-length", "100000")
        handler.end_headers()
        while not done.wait(0.02):
            handler.wfile.write(b"x")
            handler.wfile.flush()

    site.answers["/a.jpg"] = answer
    path = manifest((f"{site.url}/a.jpg", "crab"))
    report = run(path, tmp_path / "out", Limits(file_seconds=0.4, attempts=1))
    done.set()
    assert report.counts == {Outcome.FAILED: 1}
    assert "took over 0.4 s" in report.problems[0][2]


def test_announced_too_large(site: Site, manifest: Manifest, tmp_path: Path) -> None:
    """A file whose announced length is over the limit is not read at all."""
    path = manifest((site.photo("/a.jpg", jpeg()), "crab"))
    report = run(path, tmp_path / "out", Limits(max_file_bytes=1000))
    assert report.counts == {Outcome.TOO_LARGE: 1}
    assert report.taken_bytes == 0


def test_unannounced_too_large(site: Site, manifest: Manifest, tmp_path: Path) -> None:
    """A file that says nothing of its length is cut off at the limit."""

    def answer(handler: BaseHTTPRequestHandler, hit: int) -> None:
        handler.send_response(200)
        handler.send_header("connection", "close")
        handler.end_headers()
        handler.close_connection = True
        for _ in range(2000):
            handler.wfile.write(b"x" * 10_000)

    site.answers["/a.jpg"] = answer
    path = manifest((f"{site.url}/a.jpg", "crab"))
    report = run(path, tmp_path / "out", Limits(max_file_bytes=200_000))
    assert report.counts == {Outcome.TOO_LARGE: 1}
    assert report.taken_bytes < 1_000_000
    assert not list((tmp_path / "out").rglob("*.jpg"))


def test_total_budget(site: Site, manifest: Manifest, tmp_path: Path) -> None:
    """A run stops taking bytes at its total, and the next one goes on."""
    contents = [jpeg(shade) for shade in (1, 60, 120)]
    rows = [(site.photo(f"/{i}.jpg", c), "crab") for i, c in enumerate(contents)]
    path = manifest(*rows)
    limits = Limits(max_total_bytes=len(contents[0]) * 3 // 2, at_once=1)
    report = run(path, tmp_path / "out", limits)
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
    report = run(path, tmp_path / "out", Limits(max_side=200))
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
    assert run(path, tmp_path / "out", Limits(at_once=3)).complete
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


def test_killed_run_is_taken_up(site: Site, manifest: Manifest, tmp_path: Path) -> None:
    """A run killed in the middle of a file loses neither what is whole nor the half."""
    content, whole = jpeg(10), jpeg(200)
    sent = threading.Event()
    release = threading.Event()

    def slow(handler: BaseHTTPRequestHandler, hit: int) -> None:
        if hit > 1:
            send(handler, content)
            return
        handler.send_response(200)
        handler.send_header("etag", '"one"')
        handler.send_header("content-length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content[: len(content) // 2])
        handler.wfile.flush()
        sent.set()
        release.wait(30)
        handler.close_connection = True

    site.answers["/slow.jpg"] = slow
    path = manifest((site.photo("/whole.jpg", whole), "owl"), (f"{site.url}/slow.jpg", "crab"))
    folder = tmp_path / "out"
    command = [sys.executable, "-m", "sketchzoo", "gallery", "fetch", str(path), str(folder)]
    env = {**os.environ, "SKETCHZOO_GALLERY_FETCH_AT_ONCE": "1"}
    process = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL)
    assert sent.wait(30)
    part = folder / ".parts" / read_manifest(path)[1].stem
    for _ in range(500):
        if part.exists() and part.stat().st_size:
            break
        threading.Event().wait(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait(10)
    release.set()
    finished = subprocess.run(
        [*command, "--json"], env=env, capture_output=True, text=True, timeout=60, check=False
    )
    assert finished.returncode == 0, finished.stderr
    report = json.loads(finished.stdout)
    assert report["counts"]["kept"] == 1
    assert report["counts"]["fetched"] == 1
    assert report["taken_bytes"] < len(content)
    assert sorted(p.read_bytes() for p in photos(folder)) == sorted([content, whole])


def test_exit_codes(site: Site, manifest: Manifest, tmp_path: Path) -> None:
    """The command ends with 0 for all, 1 for some, 2 for a bad manifest, 3 for a bad folder."""

    def code(source: Path | str, folder: Path) -> tuple[int, str]:
        command = [sys.executable, "-m", "sketchzoo", "gallery", "fetch", str(source), str(folder)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        return done.returncode, done.stdout + done.stderr

    good = manifest((site.photo("/a.jpg", jpeg()), "crab"))
    assert code(good, tmp_path / "out")[0] == 0
    assert code(good, tmp_path)[0] == 3
    assert code("no-such-gallery", tmp_path / "out")[0] == 2
    some = manifest((f"{site.url}/gone.jpg", "crab"))
    number, text = code(some, tmp_path / "out2")
    assert number == 1
    assert "not_found" in text
    assert "/gone.jpg" in text
