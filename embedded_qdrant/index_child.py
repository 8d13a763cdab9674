"""The process that builds an index, on a copy of the shard that nobody else uses.

    python -m embedded_qdrant.index_child FOLDER NICE PLAN

The engine's `optimize` holds the GIL until it is done, so it cannot run in the process that
answers. The plan (`shard_config.ShardConfig`, as JSON) may be newer than the configuration in
the folder.
"""

import json
import os
import signal
import sys
from pathlib import Path

import qdrant_edge as edge

from embedded_qdrant import shard_config, wal
from sketchzoo.parent import end_with_parent


def main(folder: str, nice: int, plan: str) -> None:
    """Load the copy, build what is to be built, and leave it on disk."""
    end_with_parent(signal.SIGKILL)  # its server; elsewhere it ends by itself, in vain
    os.nice(nice)
    shard = edge.EdgeShard.load(folder, shard_config.make(json.loads(plan)))
    shard.optimize()
    shard.flush()
    shard.close()
    # What is in the log is in the shard's own files now: without this it would keep up to
    # 64 MiB of writes, however little the collection holds.
    wal.restart(Path(folder), wal.next_number(Path(folder)))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
