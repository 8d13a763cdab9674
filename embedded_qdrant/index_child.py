"""The process that builds an index, on a copy of the shard that nobody else uses.

    python -m embedded_qdrant.index_child FOLDER NICE < plan.json

The engine's `optimize` holds the GIL until it is done, so it cannot run in the process that
answers. The plan (`shard_config.ShardConfig`) comes on stdin, since it may be newer than the
configuration in the folder.
"""

import ctypes
import json
import os
import signal
import sys
from pathlib import Path

import qdrant_edge as edge

from embedded_qdrant import shard_config, wal

_PR_SET_PDEATHSIG = 1


def _die_with_parent() -> None:
    """Ask Linux to end this process with its server; elsewhere it ends by itself, in vain."""
    parent = os.getppid()
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            sys.exit("the server is gone")


def main(folder: str, nice: int) -> None:
    """Load the copy, build what is to be built, and leave it on disk."""
    _die_with_parent()
    os.nice(nice)
    shard = edge.EdgeShard.load(folder, shard_config.make(json.load(sys.stdin)))
    shard.optimize()
    shard.flush()
    shard.close()
    # What is in the log is in the shard's own files now: without this it would keep up to
    # 64 MiB of writes, however little the collection holds.
    wal.restart(Path(folder), wal.next_number(Path(folder)))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
