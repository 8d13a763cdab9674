"""The engine's write-ahead log, where the engine's own calls do not reach.

    <shard>/wal/
        open-<n>         the segment that writes go to: mapped memory, 32 MiB, mostly a hole
        closed-<first>   a full one; `first` is the number of its first write
        first-index      up to which number the shard's own files have everything

A segment is a header ("wal", a version, a random seed) and entries: length, data, padding to
8 bytes, CRC. The engine writes them to mapped memory and syncs them at a flush only; loaded
without its log it starts to count anew and then takes no change to what it already has, without
a word. The format is that of github.com/qdrant/qdrant/tree/master/lib/wal.
"""

import os
import struct
from pathlib import Path

from embedded_qdrant.files import blocks, data_ranges, remove_tree
from sketchzoo.files import sync_file, sync_folder

_HEADER = b"wal\0"
_HEADER_BYTES = 8
_LENGTH = struct.Struct("<Q")
_CRC_BYTES = 4
# The log is renamed and shortened by the engine while it is read here.
_TRIES = 5


def sync(shard: Path, *, again: bool = False) -> None:
    """Make every write that is in the log outlast a loss of power.

    The rename of a full segment need not: the engine takes either name. `again` after a sync
    that failed: from then on Linux takes a page that it could not write for written, so all
    are written once more. The engine must not write meanwhile.
    """
    for tried in range(1, _TRIES + 1):
        try:
            for path in _segments(shard):
                if again:
                    _rewrite(path)
                sync_file(path)
        except FileNotFoundError:
            if tried == _TRIES:
                raise
        else:
            return


def next_number(shard: Path) -> int:
    """Return the number that the log gives to the next write."""
    segments = _segments(shard)
    closed = [path for path in segments if path.name.startswith("closed-")]
    first = max(
        (int(path.name.removeprefix("closed-")) + _entries(path) for path in closed), default=0
    )
    return first + sum(_entries(path) for path in segments if path not in closed)


def restart(shard: Path, number: int) -> None:
    """Put an empty log, whose next write gets `number`, in the place of the one that is there.

    For a shard that is flushed and closed: its own files have everything.
    """
    folder = shard / "wal"
    remove_tree(folder)
    folder.mkdir()
    path = folder / f"closed-{number}"
    path.write_bytes(_HEADER + os.urandom(_HEADER_BYTES - len(_HEADER)) + bytes(_HEADER_BYTES))
    sync_file(path)
    sync_folder(folder)
    sync_folder(shard)


def _segments(shard: Path) -> list[Path]:
    return [
        path for path in (shard / "wal").iterdir() if path.name.startswith(("open-", "closed-"))
    ]


def _rewrite(path: Path) -> None:
    with path.open("r+b", buffering=0) as file:
        for start, end in data_ranges(file):
            os.lseek(file.fileno(), start, os.SEEK_SET)
            for block in blocks(file, start, end):
                os.write(file.fileno(), block)


def _entries(path: Path) -> int:
    """Count a segment's entries by their lengths; the engine judges what is in them."""
    with path.open("rb", buffering=0) as file:
        size = os.fstat(file.fileno()).st_size
        position, count = _HEADER_BYTES, 0
        while position + _LENGTH.size + _CRC_BYTES <= size:
            (length,) = _LENGTH.unpack(os.pread(file.fileno(), _LENGTH.size, position))
            end = position + _LENGTH.size + length + _padding(length) + _CRC_BYTES
            if length == 0 or end > size:
                break
            position, count = end, count + 1
    return count


def _padding(length: int) -> int:
    # Header, data, padding and CRC together are a multiple of 8 bytes.
    return -(length + _CRC_BYTES) % 8
