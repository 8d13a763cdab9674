"""`sketchzoo up` and its parts, as processes."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest


@pytest.mark.slow
def test_up_asked_to_stop_while_it_starts_leaves_nothing_behind(tmp_path: Path) -> None:
    """SIGTERM before the parts serve stops those that were started already."""
    up = subprocess.Popen(
        [sys.executable, "-m", "sketchzoo", "up", "--data", str(tmp_path)],
        env={**os.environ, "SKETCHZOO_UP_MODEL": "zoo-1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    parts: list[psutil.Process] = []
    end = time.monotonic() + 60
    while not parts and time.monotonic() < end:
        parts = psutil.Process(up.pid).children()
        time.sleep(0.02)
    up.send_signal(signal.SIGTERM)
    assert up.wait(60) == 128 + signal.SIGTERM
    _, alive = psutil.wait_procs(parts, timeout=10)
    assert parts
    assert not alive
