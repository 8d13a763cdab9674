"""The drawn sample on disk."""

import contextlib
import hashlib
import os
import subprocess
import sys
import time
import uuid
from pathlib import Path

import psutil
import pytest

from sample_gallery.drawn import CLASSES, FolderError, Plan, draw

SMALL = Plan(pictures=3, sketches=2, classes=("owl", "crab", "snail"))


def contents(directory: Path) -> dict[str, str]:
    files = sorted(p for p in directory.rglob("*") if p.is_file())
    return {
        str(p.relative_to(directory)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files
    }


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "sketchzoo", "sample", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)


def test_layout(tmp_path: Path) -> None:
    """A folder a class for photos and sketches each, and a note that all of it is drawn."""
    made = draw(tmp_path / "g", SMALL)
    assert made.fresh
    assert sorted(p.name for p in made.photos.iterdir()) == ["crab", "owl", "snail"]
    assert sorted(p.name for p in made.sketches.iterdir()) == ["crab", "owl", "snail"]
    for name in SMALL.classes:
        assert [p.name for p in sorted((made.photos / name).iterdir())] == [
            f"{name}-{i:04d}.jpg" for i in range(3)
        ]
        assert len(list((made.sketches / name).glob("*.png"))) == 2
    assert "None of its pictures is a photograph" in (tmp_path / "g" / "README.txt").read_text()


def test_same_seed_same_bytes_in_other_processes(tmp_path: Path) -> None:
    """Drawn here or in two other processes, a seed gives the same bytes; another gives others."""
    draw(tmp_path / "here", SMALL)
    classes = ",".join(SMALL.classes)
    options = ("--pictures", "3", "--sketches", "2", "--classes", classes, "--workers", "2")
    there = run("draw", str(tmp_path / "there"), *options)
    assert there.returncode == 0, there.stderr
    assert contents(tmp_path / "here") == contents(tmp_path / "there")
    assert run("draw", str(tmp_path / "other"), *options, "--seed", "7").returncode == 0
    here, other = contents(tmp_path / "here"), contents(tmp_path / "other")
    assert here.keys() == other.keys()
    assert not [name for name in here if "/" in name and here[name] == other[name]]


def test_more_pictures_keep_the_first(tmp_path: Path) -> None:
    """A larger sample begins with the smaller one's pictures."""
    draw(tmp_path / "two", Plan(2, 1, classes=("owl",)))
    draw(tmp_path / "four", Plan(4, 1, classes=("owl", "crab")))
    two, four = contents(tmp_path / "two"), contents(tmp_path / "four")
    assert all(four[name] == two[name] for name in two if "/" in name)


def test_second_run_draws_nothing(tmp_path: Path) -> None:
    """What is complete is left alone."""
    draw(tmp_path / "g", SMALL)
    before = {p: p.stat().st_mtime_ns for p in (tmp_path / "g").rglob("*")}
    again = draw(tmp_path / "g", SMALL, progress=lambda *_: pytest.fail("draws again"))
    assert not again.fresh
    assert {p: p.stat().st_mtime_ns for p in (tmp_path / "g").rglob("*")} == before


def test_interrupted_run_leaves_nothing(tmp_path: Path) -> None:
    """A run that is stopped half-way leaves no directory that looks complete, nor any litter."""

    def stop(done: int, total: int) -> None:
        if done == total // 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        draw(tmp_path / "g", SMALL, progress=stop)
    assert not list(tmp_path.iterdir())
    assert draw(tmp_path / "g", SMALL).fresh


def test_other_things_are_never_touched(tmp_path: Path) -> None:
    """A folder with anything else in it is refused, even with `replace`."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    for replace in (False, True):
        with pytest.raises(FolderError, match="not empty"):
            draw(tmp_path / "mine", SMALL, replace=replace)
    with pytest.raises(FolderError, match="is a file"):
        draw(tmp_path / "mine" / "letter.txt", SMALL)
    assert contents(tmp_path / "mine").keys() == {"letter.txt"}


def test_replace(tmp_path: Path) -> None:
    """Another drawn sample is replaced only when asked for."""
    draw(tmp_path / "g", SMALL)
    plan = Plan(1, 1, classes=("zebra",))
    with pytest.raises(FolderError, match="another drawn sample"):
        draw(tmp_path / "g", plan)
    assert draw(tmp_path / "g", plan, replace=True).fresh
    assert [p.name for p in (tmp_path / "g" / "photo").iterdir()] == ["zebra"]
    assert [p.name for p in tmp_path.iterdir()] == ["g"]


def test_empty_folder_is_filled(tmp_path: Path) -> None:
    """A folder that is there and empty is as good as none."""
    (tmp_path / "g").mkdir()
    assert draw(tmp_path / "g", Plan(1, 0, classes=("owl",))).fresh


def test_exit_codes(tmp_path: Path) -> None:
    """The command ends with 2 for a class it can't draw and 3 for a folder that isn't its own."""
    unknown = run("draw", str(tmp_path / "g"), "--classes", "unicorn")
    assert unknown.returncode == 2
    assert "unicorn" in unknown.stderr
    (tmp_path / "letter.txt").write_text("dear")
    assert run("draw", str(tmp_path)).returncode == 3


def test_list() -> None:
    """The list names every class that can be drawn and every manifest."""
    listed = run("list").stdout
    assert all(name in listed for name in (*CLASSES, "open-animals"))


def test_workers_end_with_a_command_that_is_killed(tmp_path: Path) -> None:
    """Nobody is left to wait for work that never comes."""
    mark = uuid.uuid4().hex
    process = subprocess.Popen(
        [sys.executable, "-m", "sketchzoo", "sample", "draw", str(tmp_path / "g"), "--workers=2"],
        env={**os.environ, "SKETCHZOO_TEST_MARK": mark},
        stdout=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 60
        # The command, multiprocessing's own process and two workers.
        while len(_marked(mark)) < 4:
            assert time.monotonic() < deadline
            time.sleep(0.02)
    finally:
        process.kill()
        process.wait()
    deadline = time.monotonic() + 10
    while (left := _marked(mark)) and time.monotonic() < deadline:
        time.sleep(0.02)
    for each in left:
        each.kill()
    assert left == []


def _marked(mark: str) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.environ().get("SKETCHZOO_TEST_MARK") == mark:
                found.append(process)
    return found
