"""What changed, held back until it stands still."""

from pathlib import Path

from sketchzoo_ingest.changes import MOST, Changes


def test_growing_file_is_not_ready(tmp_path: Path) -> None:
    """A file that is written to between two looks waits; one that stands still is told once."""
    path = tmp_path / "a.jpg"
    path.write_bytes(b"a")
    changes = Changes(quiet_seconds=0.0)
    changes.add(str(path))
    path.write_bytes(b"ab")
    assert changes.ready() == []
    assert changes.ready() == [str(path)]
    assert changes.ready() == []


def test_deleted_file_is_told(tmp_path: Path) -> None:
    """What is gone stands still, too."""
    changes = Changes(quiet_seconds=0.0)
    changes.add(str(tmp_path / "gone.jpg"))
    assert changes.ready() == [str(tmp_path / "gone.jpg")]


def test_quiet_time_passes_first(tmp_path: Path) -> None:
    """A path waits as long as it is told to, however still it stands."""
    changes = Changes(quiet_seconds=0.0)
    changes.add(str(tmp_path / "a.jpg"), after_seconds=60.0)
    assert (changes.ready(), changes.waiting) == ([], 1)


def test_new_folder_counts_as_its_files(tmp_path: Path) -> None:
    """Of a folder that is moved in, each file is told, but for what does not matter."""
    inner = tmp_path / "new" / "inner"
    inner.mkdir(parents=True)
    for name in ("a.jpg", "b.jpg", "c.txt"):
        (inner / name).write_bytes(b"x")
    changes = Changes(lambda path: path.endswith(".jpg"), quiet_seconds=0.0)
    changes.add(str(tmp_path / "new"))
    assert changes.ready() == [str(inner / "a.jpg"), str(inner / "b.jpg")]


def test_too_many_changes_are_all(tmp_path: Path) -> None:
    """Past a number of changes nothing is remembered but that all may have changed."""
    changes = Changes()
    for number in range(MOST + 1):
        changes.add(str(tmp_path / f"{number}.jpg"))
    assert changes.all_changed
    assert changes.waiting == 0
