"""Fetching a sample that is there already, whole or in part."""

import json
import os
import signal
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler
from pathlib import Path

from sample_gallery.fetch import Outcome, read_manifest
from tests.integration.fetch.site_server import Site, cut_short, jpeg, send
from tests.integration.sample_gallery.fetched import ALLOWED, Manifest, limits, photos, run, sha256


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
    report = run(path, tmp_path / "out", limits(attempts=1))
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
    path = manifest((site.photo("/a.jpg", content, etag=""), "crab", sha256(content)))
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
    command = [sys.executable, "-m", "sketchzoo", "sample", "fetch", str(path), str(folder)]
    env = {**os.environ, **ALLOWED, "SKETCHZOO_SAMPLE_FETCH_AT_ONCE": "1"}
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
