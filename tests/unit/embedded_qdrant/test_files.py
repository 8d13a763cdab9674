"""Files: sparse copies, locks."""

import os
from pathlib import Path

import pytest

from embedded_qdrant.files import (
    StorageInUseError,
    StorageLock,
    allocated_bytes,
    copy_sparse,
    sync_tree,
)


def test_a_copy_has_the_same_bytes_and_keeps_the_holes(tmp_path: Path) -> None:
    """Data, holes before, between and after it, and empty files are copied as they are."""
    source = tmp_path / "source"
    (source / "deep").mkdir(parents=True)
    (source / "empty").touch()
    with (source / "deep" / "sparse").open("wb") as file:
        file.seek(1 << 20)
        file.write(os.urandom(5000))
        file.seek(8 << 20)
        file.write(b"end of data")
        file.truncate(32 << 20)
    copy_sparse(source, tmp_path / "target")
    sync_tree(tmp_path / "target")
    for name in ("empty", "deep/sparse"):
        assert (tmp_path / "target" / name).read_bytes() == (source / name).read_bytes()
    assert (tmp_path / "target/deep/sparse").stat().st_blocks * 512 < 2 << 20


def test_a_tree_that_is_gone_is_not_taken_for_synced(tmp_path: Path) -> None:
    """Syncing a folder that is not there is an error, not nothing to do."""
    with pytest.raises(FileNotFoundError):
        sync_tree(tmp_path / "gone")


def test_a_folder_is_locked_by_one(tmp_path: Path) -> None:
    """A second lock is refused and names the holder, until the first is released."""
    with (
        StorageLock(tmp_path),
        pytest.raises(StorageInUseError, match=f"process {os.getpid()}"),
    ):
        StorageLock(tmp_path)
    StorageLock(tmp_path).release()


def test_a_spare_file_of_the_log_may_be_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the engine renames while a folder is walked stops nothing; another file does."""
    folder = tmp_path / "shard"
    folder.mkdir()
    (folder / "file").write_bytes(b"x")
    for name, gone in (("tmp-open-2", True), ("open-2", False)):
        walk = [(str(folder), [], ["file", name])]
        monkeypatch.setattr(os, "walk", lambda *_, walk=walk, **__: walk)
        if gone:
            sync_tree(folder)
            assert allocated_bytes(folder) > 0
        else:
            with pytest.raises(FileNotFoundError):
                sync_tree(folder)
