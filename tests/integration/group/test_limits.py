"""Limits hold for a group: whoever opens many connections meets all processes, and one limit."""

import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.artefacts import EncoderProcess, encoder_process, tiny_model
from tests.integration.faults.held_server import GET_MODEL
from tests.integration.faults.holder import Holder
from tests.integration.group.family import members, page, until

HELD = 'sketchzoo_rpc_held{what="calls"}'
# Connections: all of them to one of two processes is one case in a thousand.
MANY = 12

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="others share no connections out"),
    # Starting several processes takes a busy machine minutes.
    pytest.mark.timeout(300),
]


@pytest.fixture(scope="module")
def group(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EncoderProcess]:
    """Start two processes, of whose 16 places an address may hold 4, calling 10 times a second."""
    model = tiny_model(tmp_path_factory.mktemp("model"))
    limits = {"max_concurrent_calls": 16, "peer_share": 0.25, "calls_per_second": 10}
    with encoder_process(model.folder, processes=2, workers=2, **limits) as running:
        yield running


def hold_all(stack: ExitStack, group: EncoderProcess, source: str) -> list[Holder]:
    """Make calls whose answers are not read, each by a connection of its own, one by one."""
    holders = []
    for _ in range(MANY):
        holder = stack.enter_context(Holder(group.port, reads=False, source=source))
        holder.call(GET_MODEL)
        holders.append(holder)
    until(lambda: sum(holder.open for holder in holders) <= 4, "too many hold a place")
    return holders


def test_an_address_holds_its_share_once(group: EncoderProcess) -> None:
    """Four places, not four of each process; the others are refused, and the page sums them."""
    with ExitStack() as stack:
        holders = hold_all(stack, group, "127.0.0.2")
        refused = [status for holder in holders for status in holder.ended.values()]
        assert refused == ["8"] * (MANY - 4)
        until(lambda: page(group.metrics_port)[HELD] == 4, "other than four are held")
    until(lambda: page(group.metrics_port)[HELD] == 0, "they are not given back")


def test_an_address_has_its_rate_once(group: EncoderProcess) -> None:
    """Twenty calls at once and ten a second, over however many connections."""
    with ExitStack() as stack:
        holders = [stack.enter_context(Holder(group.port, source="127.0.0.3")) for _ in range(MANY)]
        start = time.monotonic()
        for turn in range(5 * MANY):
            holder = holders[turn % MANY]
            holder.call(GET_MODEL)
            holder.wait_ended(turn // MANY + 1)
        seconds = time.monotonic() - start
        statuses = [status for holder in holders for status in holder.ended.values()]
    assert set(statuses) == {"0", "8"}
    assert 20 <= statuses.count("0") <= 20 + 10 * seconds + 1


def test_what_callers_of_a_killed_process_held_is_free(group: EncoderProcess) -> None:
    """Its places go to others as soon as it is seen to have ended."""
    with ExitStack() as stack:
        holders = hold_all(stack, group, "127.0.0.4")
        holding = [holder for holder in holders if holder.open]
        assert len(holding) == 4
        listened = len([each for each in group.events if each["event"] == "listening"])
        for pid in members(group.process.pid):
            os.kill(pid, signal.SIGKILL)
        until(lambda: not any(holder.open for holder in holding), "a connection has survived")
        until(
            lambda: (
                len([each for each in group.events if each["event"] == "listening"]) == listened + 2
            ),
            "they do not come back",
        )
        again = hold_all(stack, group, "127.0.0.4")
        assert sum(holder.open for holder in again) == 4
