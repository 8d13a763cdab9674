"""Where a job stands in the line for a core."""

import os
import subprocess
import sys

import pytest

ASK = """
import os, threading
from sketchzoo_ingest.priority import step_back
for nice in {steps}:
    step_back(nice)
found = []
thread = threading.Thread(target=lambda: found.append(os.getpriority(os.PRIO_PROCESS, 0)))
thread.start()
thread.join()
print(found[0])
"""


@pytest.mark.skipif(sys.platform == "win32", reason="has no nice")
@pytest.mark.parametrize(("steps", "stands"), [((0,), 0), ((5,), 5), ((5, 3), 5), ((3, 5), 5)])
def test_a_job_steps_back_and_never_forward(steps: tuple[int, ...], stands: int) -> None:
    """Its threads with it; where it stands further back already it stays."""
    run = subprocess.run(
        [sys.executable, "-c", ASK.format(steps=steps)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert int(run.stdout) == max(stands, os.getpriority(os.PRIO_PROCESS, 0))
