"""What a collection takes follows what it holds, however much was replaced in it."""

import time
from pathlib import Path

import pytest

from embedded_qdrant.collection import Collection
from embedded_qdrant.files import allocated_bytes
from embedded_qdrant.indexing import IndexBuild, littered
from embedded_qdrant.settings import EmbeddedQdrantSettings
from tests.unit.embedded_qdrant.storage import (
    config,
    delete,
    field_index,
    opened,
    soon,
    tags,
    upsert,
)

HELD = 300
REPLACED = 100
ROUNDS = 12


def _bytes(collection: Collection) -> int:
    return allocated_bytes(collection.folder.path)


def _mapped(folder: Path) -> set[str]:
    """Return the shard folders of which this process has files in its memory."""
    maps = Path("/proc/self/maps").read_text().splitlines()
    return {
        Path(line.split()[-1]).relative_to(folder).parts[0] for line in maps if str(folder) in line
    }


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="needs /proc")
@pytest.mark.parametrize("threshold", [0, 100])
async def test_a_gallery_whose_photos_are_replaced_does_not_grow(
    tmp_path: Path, threshold: int
) -> None:
    """Points deleted and added in rounds: disk and memory stay what the first rounds took.

    Below the index threshold no index is built by it; with an index there is one afterwards.
    """
    settings = EmbeddedQdrantSettings(
        path=tmp_path, index_threshold_points=threshold, index_quiet_seconds=0.001
    )
    catalogue = opened(tmp_path)
    catalogue.create("c", config(vacuum_min_vector_number=300))
    collection = catalogue.get("c")
    await collection.write(field_index("tag"), soon())
    await collection.write(upsert(range(HELD), "x" * 500), soon())
    if threshold:
        await IndexBuild(collection, settings).run()
    collection.flush()
    empty, vacuumed = _bytes(collection), 0
    largest = 0
    for first in range(0, ROUNDS * REPLACED, REPLACED):
        await collection.write(delete(range(first, first + REPLACED)), soon())
        added = range(first + HELD, first + HELD + REPLACED)
        await collection.write(upsert(added, "x" * 500), soon())
        collection.flush()
        collection.refresh()
        collection.last_write = time.monotonic() - 1
        collection.last_copy = min(collection.last_copy, collection.last_write - 1)
        if littered(collection, settings):
            await IndexBuild(collection, settings, vacuum=True).run()
            vacuumed += 1
            assert not littered(collection, settings)
            assert (collection.statistics.indexed > 0) is (threshold > 0)
        largest = max(largest, _bytes(collection))
    assert set(tags(collection)) == set(range(ROUNDS * REPLACED, ROUNDS * REPLACED + HELD))
    assert vacuumed >= 3
    assert largest < 2.5 * empty
    assert _mapped(collection.folder.path) == {collection.shard_folder.name}
    assert len(list(collection.folder.path.iterdir())) == 3
    await catalogue.close()
