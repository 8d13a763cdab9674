"""Peers of the benchmarks: what they leave behind must not weigh on the next one."""

import subprocess
import sys
import time
from pathlib import Path

from benchmarks.peers import end

_PEER = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
    "print(1, flush=True); time.sleep(60)"], stdout=subprocess.PIPE)
child.stdout.readline()
print(child.pid, flush=True)
time.sleep(60)
"""


def _runs(pid: int) -> bool:
    """Tell whether a process runs; one that has ended but was not waited for does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_a_peer_s_process_that_ignores_the_end_of_its_parent_is_ended_too() -> None:
    """A worker that outlives the server and SIGTERM is gone when the peer's turn is over."""
    process = subprocess.Popen(
        [sys.executable, "-c", _PEER], stdout=subprocess.PIPE, start_new_session=True
    )
    assert process.stdout is not None
    with process.stdout:
        child = int(process.stdout.readline())
    assert _runs(child)
    end(process)
    assert process.poll() is not None
    until = time.monotonic() + 10
    while _runs(child) and time.monotonic() < until:
        time.sleep(0.01)
    assert not _runs(child)
