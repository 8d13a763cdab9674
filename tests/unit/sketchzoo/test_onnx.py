"""Graphs opened in ONNX Runtime."""

import subprocess
import sys
from pathlib import Path

_MODEL = Path(__file__).parents[3] / "models" / "zoo-1"
_HALVED = """
import sys
from pathlib import Path
from sketchzoo.onnx import open_session
open_session(Path(sys.argv[1]))
print(2.0**-1040 / 2 > 0)
"""


def test_a_process_counts_as_before_after_a_graph_was_opened() -> None:
    """Numbers next to zero stay what they are for whoever opens a process's first graph."""
    done = subprocess.run(
        [sys.executable, "-c", _HALVED, str(_MODEL / "photo.onnx")],
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    assert done.stdout == "True\n"
