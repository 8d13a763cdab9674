"""The benchmark of preparing: what it times and counts."""

import io

from PIL import Image

from benchmarks.preparing import rate, rate_of_processes, timed
from sketchzoo.images import Preprocessing

_PREPROCESSING = Preprocessing(size=16, fit="crop", mean=(0.5,) * 3, std=(0.5,) * 3)


def _file() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (64, 48), "red").save(file, "PNG")
    return file.getvalue()


def test_both_steps_take_time() -> None:
    """Decoding and preparing each have their milliseconds, and a sum."""
    times = timed([_file()], _PREPROCESSING)
    assert times.decode > 0
    assert times.prepare > 0
    assert times.both == times.decode + times.prepare


def test_processes_add_up() -> None:
    """Each prepares by itself, from when all have begun."""
    assert rate_of_processes([_file()] * 3, _PREPROCESSING, 2, 0.05) > 0


def test_threads_share_the_files() -> None:
    """However many there are, what they prepared is counted once."""
    assert rate([_file()] * 3, _PREPROCESSING, threads=4, seconds=0.05) > 0
