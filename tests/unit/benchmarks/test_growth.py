"""What the benchmark of growth is made of: photos in tar files, and sizes that grow."""

import argparse
import tarfile
from pathlib import Path

import pytest

from benchmarks.__main__ import growing
from benchmarks.growth import shards


def test_each_photo_is_in_one_shard_whatever_the_steps(tmp_path: Path) -> None:
    """A gallery grown in steps has the photos of one grown at once; drawn ones are not anew."""
    steps = [*shards(tmp_path / "steps", 0, 3), *shards(tmp_path / "steps", 3, 7)]
    before = [Path(path).stat().st_mtime_ns for path in steps]
    assert shards(tmp_path / "steps", 3, 7) == steps[-1:]
    assert [Path(path).stat().st_mtime_ns for path in steps] == before

    def contents(paths: list[str]) -> dict[str, bytes]:
        found = {}
        for path in paths:
            with tarfile.open(path) as shard:
                for member in shard:
                    content = shard.extractfile(member)
                    assert content is not None
                    assert member.name not in found
                    found[member.name] = content.read()
        return found

    grown = contents(steps)
    assert len(set(grown.values())) == 7
    assert grown == contents(shards(tmp_path / "once", 0, 7))


@pytest.mark.parametrize("text", ["10,10", "20,10", "0,10"])
def test_sizes_that_do_not_grow_are_refused(text: str) -> None:
    """Each is grown out of the one before."""
    with pytest.raises(argparse.ArgumentTypeError):
        growing(text)
    assert growing("10,20") == (10, 20)
