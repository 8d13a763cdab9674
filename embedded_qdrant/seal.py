"""A seal: what a shard's files were when it was closed, to see what was damaged since.

The engine takes much of what is lost (a tracker cut short, a log's entry changed) for what
a crash left, and loads fewer points without a word. `SEAL`, beside the shard folder, is made at
an orderly end and broken at the next start; after a crash there is none.
"""

import json
import zlib
from pathlib import Path

import structlog

from embedded_qdrant.damage import DamagedCollectionError
from embedded_qdrant.files import blocks, data_ranges
from sketchzoo.files import sync_folder, write_atomically

log = structlog.get_logger()

_NAME = "SEAL"
_BLOCK = 64 * 1024
# Larger files, of vectors and payloads, are judged by their size: reading all takes long.
_DIGESTED_BYTES = 1024 * 1024


def make(shard: Path) -> None:
    """Seal a shard that was closed."""
    files = {str(path.relative_to(shard)): _state(path) for path in _files(shard)}
    body = json.dumps({"shard": shard.name, "files": files}).encode()
    write_atomically(shard.parent / _NAME, b"%08x\n%b" % (zlib.crc32(body), body))


def check(shard: Path) -> None:
    """Refuse a shard whose files are not what they were when it was sealed.

    Raises:
        DamagedCollectionError: It names the first such file.

    """
    for name, (size, digest) in _read(shard).items():
        path = shard / name
        if not path.exists():
            raise DamagedCollectionError(path, "is gone")
        found = path.stat().st_size
        if found != size:
            raise DamagedCollectionError(path, f"has {found} bytes and had {size}")
        if digest is not None and _digest(path) != digest:
            raise DamagedCollectionError(path, "has other content than when it was closed")


def remove(shard: Path) -> None:
    """Break the seal: from now on the files change."""
    path = shard.parent / _NAME
    if path.exists():
        path.unlink()
        sync_folder(path.parent)


def _files(shard: Path) -> list[Path]:
    # The engine may still be making a spare file of its log, under a name of its own.
    return [
        path
        for path in sorted(shard.rglob("*"))
        if path.is_file() and not path.name.startswith(("tmp-", "."))
    ]


def _read(shard: Path) -> dict[str, tuple[int, int | None]]:
    try:
        digest, _, body = (shard.parent / _NAME).read_bytes().partition(b"\n")
    except FileNotFoundError:
        return {}
    if digest != b"%08x" % zlib.crc32(body):
        log.warning("seal is damaged and not used", file=str(shard.parent / _NAME))
        return {}
    sealed = json.loads(body)
    if sealed["shard"] != shard.name:
        return {}
    return {name: (size, digest) for name, (size, digest) in sealed["files"].items()}


def _state(path: Path) -> tuple[int, int | None]:
    found = path.stat()
    small = found.st_blocks * 512 <= _DIGESTED_BYTES or path.parent.name == "wal"
    return found.st_size, _digest(path) if small else None


def _digest(path: Path) -> int:
    """Digest what is not zero, so that a copy with other holes has the same digest."""
    digest, done = 0, 0
    with path.open("rb", buffering=0) as file:
        for start, end in data_ranges(file):
            place = max(done, start - start % _BLOCK)
            done = max(done, end + -end % _BLOCK)
            while place < done:
                for block in blocks(file, place, place + _BLOCK):
                    if block.strip(b"\0"):
                        digest = zlib.crc32(block, zlib.crc32(b"%d" % place, digest))
                place += _BLOCK
    return digest
