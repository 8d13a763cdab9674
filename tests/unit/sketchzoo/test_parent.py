"""Processes that end with the one that started them."""

import subprocess
import sys

import psutil
import pytest

PARENT = """
import signal, subprocess, sys, time
from functools import partial
from sketchzoo.parent import end_with_parent
child = subprocess.Popen(
    [sys.executable, "-c", "import time; time.sleep(60)"],
    preexec_fn=partial(end_with_parent, signal.SIGTERM),
)
print(child.pid, flush=True)
time.sleep(60)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="other systems tell nobody")
def test_a_child_ends_though_its_parent_was_killed() -> None:
    """Kill -9 tells nobody else."""
    parent = subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = psutil.Process(int(parent.stdout.readline()))
    assert child.is_running()
    parent.kill()
    parent.communicate()
    child.wait(30)
    assert not child.is_running()
