"""The pipeline's limits for an encoder of several processes."""

import pytest

from sketchzoo_ingest.limits import PipelineLimits


@pytest.mark.parametrize(
    ("own", "processes", "calls"),
    [(3, 0, 3), (3, 1, 3), (3, 4, 6), (9, 4, 9), (3, 2**31 - 1, 256)],
)
def test_calls_are_two_more_than_processes(own: int, processes: int, calls: int) -> None:
    """Where that is more than were asked for; never more than can be asked for."""
    limits = PipelineLimits(calls_in_flight=own).for_processes(processes)
    assert limits.calls_in_flight == calls
