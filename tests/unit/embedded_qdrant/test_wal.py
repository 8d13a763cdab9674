"""The engine's log, read and replaced beside the engine."""

from pathlib import Path
from typing import Any

import qdrant_edge as edge

from embedded_qdrant import wal
from embedded_qdrant.conversion import configs
from tests.unit.embedded_qdrant.storage import config

_Operation = edge.UpdateOperation
_LARGE = "x" * 9_000_000


def _shard(folder: Path) -> edge.EdgeShard:
    return edge.EdgeShard.create(str(folder), configs.to_engine(config()))


def _write(shard: edge.EdgeShard, tag: str, number: int = 1) -> None:
    shard.update(_Operation.upsert_points([edge.Point(number, [1.0] * 8, {"tag": tag})]))


def _tag(shard: edge.EdgeShard) -> str:
    payload: Any = shard.retrieve([1], True, False)[0].payload  # noqa: FBT003 - positional API
    return str(payload["tag"])


def test_the_next_number_counts_every_write(tmp_path: Path) -> None:
    """Over full segments, flushes and new starts, it is the number of writes made."""
    shard = _shard(tmp_path / "s")
    for count, tag in enumerate(["a", "bc", *[_LARGE] * 8, "d"]):
        assert wal.next_number(tmp_path / "s") == count
        _write(shard, tag)
        if count == 6:
            shard.flush()
    assert list((tmp_path / "s/wal").glob("closed-*"))
    shard.close()
    shard = edge.EdgeShard.load(str(tmp_path / "s"))
    _write(shard, "e")
    assert wal.next_number(tmp_path / "s") == 12
    shard.close()


def test_after_an_empty_log_writes_go_on_counting(tmp_path: Path) -> None:
    """A log begun anew takes little, and what is written after it takes hold, and is replayed."""
    shard = _shard(tmp_path / "s")
    for number in range(20):
        _write(shard, f"{number}")
    shard.close()
    wal.restart(tmp_path / "s", 20)
    assert sum(path.stat().st_size for path in (tmp_path / "s/wal").iterdir()) < 100
    for number in range(20, 23):
        shard = edge.EdgeShard.load(str(tmp_path / "s"))
        assert _tag(shard) == f"{number - 1}"
        _write(shard, f"{number}")
        assert _tag(shard) == f"{number}"
        assert wal.next_number(tmp_path / "s") == number + 1
        shard.close()


def test_a_log_written_once_more_is_the_same(tmp_path: Path) -> None:
    """Syncing again what could not be synced changes no byte, in use or after it."""
    shard = _shard(tmp_path / "s")
    for number in range(20):
        _write(shard, f"{number}")
    before = (tmp_path / "s/wal/open-1").read_bytes()
    wal.sync(tmp_path / "s", again=True)
    assert (tmp_path / "s/wal/open-1").read_bytes() == before
    _write(shard, "20")
    assert wal.next_number(tmp_path / "s") == 21
    shard.close()
