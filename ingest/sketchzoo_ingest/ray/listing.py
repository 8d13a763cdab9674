"""Listing on the cluster: one process lists the sources, and others begin meanwhile."""

import pickle
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import ray
from ray.data import Datasource, ReadTask
from ray.data.block import BlockMetadata

from sketchzoo.telemetry import configure_logs
from sketchzoo_ingest.outcome import Refusal
from sketchzoo_ingest.ray.plan import Plan
from sketchzoo_ingest.sources import Candidate
from sketchzoo_ingest.sources.section import Section, sections


class Partitions(Datasource):
    """A job's partitions as rows, in the order of the listing: their number and their section."""

    def __init__(self, plan: Plan, board: Any) -> None:
        super().__init__()  # type: ignore[no-untyped-call] # Ray's
        self._plan = plan
        self._board = board

    def estimate_inmemory_data_size(self) -> int | None:
        """Return None: only listing tells."""
        return None

    def get_read_tasks(self, parallelism: int, *_: Any, **__: Any) -> list[ReadTask]:  # noqa: ARG002 - one listing has one order
        """Return the task that lists."""
        plan, board = self._plan, self._board

        def read() -> Iterator[pa.Table]:
            return _blocks(plan, board)

        unknown = BlockMetadata(num_rows=None, size_bytes=None, input_files=None, exec_stats=None)
        return [ReadTask(read, unknown)]


def _blocks(plan: Plan, board: Any) -> Iterator[pa.Table]:
    settings = plan.settings
    configure_logs("ingest", level=settings.log_level, form=settings.log_format)
    number = photos = 0
    with plan.storage() as storage:
        for at, source in enumerate(plan.sources(storage)):
            for section in sections(source, at, settings.ray_partition_photos):
                photos += _photos(section)
                if ray.get(board.listed.remote(photos, is_all=False)):
                    return
                yield pa.table({"number": [number], "section": [pickle.dumps(section)]})
                number += 1
    ray.get(board.listed.remote(photos, is_all=True))


def _photos(section: Section) -> int:
    return sum(isinstance(entry, Candidate | Refusal) for entry in section.entries)
