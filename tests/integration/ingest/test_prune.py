"""`sketchzoo ingest --prune` over disks that are away, as users run it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.artefacts import picture
from tests.integration.ingest.command import Command

Run = Callable[..., dict[str, Any]]


@pytest.fixture
def run(environment: dict[str, str], tmp_path: Path) -> Run:
    """Ingest and return the report."""

    def ingest(*arguments: object, status: int = 0) -> dict[str, Any]:
        return Command(tmp_path, environment, *arguments, "--json", "-").report(status)

    return ingest


def put(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture(sum(map(ord, str(path)))))


def spared(report: dict[str, Any], folder: Path) -> dict[str, int]:
    return {
        place["place"].removeprefix(folder.as_uri() + "/"): place["photos"]
        for place in report["spared"]
    }


def test_classes_on_disks_that_are_away(run: Run, folder: Path) -> None:
    """A dangling link, an empty mount point and a folder that went: all spared, and counted."""
    gone = folder.parent / "gone"
    put(folder / "swan" / "a.jpg", folder / "swan" / "b.jpg", gone / "owl" / "c.jpg")
    (folder / "owl").symlink_to("../gone/owl")
    put(folder / "crab" / "d.jpg", folder / "crab" / "e.jpg", folder / "emu" / "f.jpg")
    assert run(folder)["photos"]["written"] == 6

    gone.rename(folder.parent / "unmounted")
    for path in (folder / "crab").iterdir():
        path.unlink()
    (folder / "emu" / "f.jpg").unlink()
    (folder / "emu").rmdir()
    (folder / "swan" / "b.jpg").unlink()
    report = run(folder, "--prune")
    assert (report["pruned"], report["reasons"]) == (1, {"not_found": 1})
    assert spared(report, folder) == {"owl": 1, "crab": 2, "emu": 1}

    assert run(folder, "--dry-run", "--prune-empty")["pruned"] == 3
    report = run(folder, "--prune-empty")
    assert (report["pruned"], spared(report, folder)) == (3, {"owl": 1})
    (folder.parent / "unmounted").rename(gone)
    assert run(folder)["photos"]["unchanged"] == 2


@pytest.mark.parametrize("state", ["empty", "gone"])
def test_photo_level_that_is_away(run: Run, folder: Path, state: str) -> None:
    """Where `photo/` is not mounted beside `sketch/`, nothing is pruned, and no sketch written."""
    other = folder.parent / "other"
    put(folder / "photo" / "owl" / "a.jpg", folder / "sketch" / "owl" / "s.jpg", other / "x" / "b")
    assert run(folder)["photos"]["total"] == 1
    (folder / "photo").rename(folder.parent / "unmounted")
    if state == "empty":
        (folder / "photo").mkdir()
    report = run(folder, other, "--prune-empty")
    assert (report["pruned"], report["photos"]["written"]) == (0, 1)
    assert spared(report, folder) == {"photo" if state == "gone" else "photo/": 1}
    report = run(folder, "--prune", status=3)
    assert (report["pruned"], sum(spared(report, folder).values())) == (0, 1)
