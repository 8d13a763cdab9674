"""Benchmarks: the parts against their limits and peers, each bar met or missed.

`python -m benchmarks` (or `make bench`) runs all and writes a report; every figure is
measured in that one run, on that one machine, and bars compare figures of one run.
"""

import os

# As in encoder_service: ONNX Runtime would report what it runs.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
