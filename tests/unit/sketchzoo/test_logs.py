"""What a service writes to its log, and what it leaves out."""

import json
import subprocess
import sys

import pytest

TELLS = """
import asyncio, logging
from sketchzoo.telemetry import configure_logs
configure_logs("encoder", form="json")
{}
"""


def logged(program: str) -> list[dict[str, str]]:
    """Return the events of a process of its own: logs are configured once in each."""
    done = subprocess.run(
        [sys.executable, "-c", TELLS.format(program)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return [json.loads(line) for line in done.stderr.splitlines()]


@pytest.mark.parametrize(("error", "told"), [("asyncio.CancelledError", 0), ("ValueError", 1)])
def test_a_call_that_was_cancelled_is_no_error(error: str, told: int) -> None:
    """A watch of health that ends with its server is logged as one by gRPC; others are told."""
    program = f"""
logging.getLogger("grpc._cython.cygrpc").error("not handled", exc_info={error}())
"""
    events = logged(program)
    assert len(events) == told
    assert all(event["level"] == "error" and "not handled" in event["event"] for event in events)
