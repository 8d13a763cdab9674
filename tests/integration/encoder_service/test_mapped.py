"""One map of the weights for all processes of a group."""

import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tests.artefacts import encoder_process, tiny_model

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def _maps(process: psutil.Process) -> set[str]:
    """Return the numbers of the files of weights that a process maps."""
    lines = Path(f"/proc/{process.pid}/maps").read_text().splitlines()
    return {line.split()[4] for line in lines if ".weights" in line}


def _until(found: Callable[[], object]) -> None:
    end = time.monotonic() + 30
    while not found():
        assert time.monotonic() < end
        time.sleep(0.02)


def _serving(parent: psutil.Process) -> list[psutil.Process]:
    """Return the children that have opened the model's two graphs."""
    try:
        return [child for child in parent.children() if len(_maps(child)) == 2]
    except OSError:  # one that ends meanwhile
        return []


def test_processes_of_a_group_map_the_same_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also one that was killed and started anew; nothing is left when the group ends."""
    model = tiny_model(tmp_path / "model")
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    with encoder_process(model.folder, processes=2) as running:
        parent = psutil.Process(running.process.pid)
        first, second = _serving(parent)
        files = _maps(first)
        assert _maps(second) == files
        assert not _maps(parent)
        second.kill()
        _until(lambda: len(_serving(parent)) == 2 and second not in _serving(parent))
        assert all(_maps(child) == files for child in _serving(parent))
        running.process.send_signal(signal.SIGTERM)
        assert running.process.wait(30) == 0
    assert not list(temporary.iterdir())
