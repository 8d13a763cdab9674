"""What `sketchzoo bench` does: gathers queries, tries one, measures."""

import asyncio
import math
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc.aio
from rich.console import Console

from sketchzoo.client import Overloaded, Query
from sketchzoo.client.calls import from_rpc_error
from sketchzoo.load import (
    Arrivals,
    Bench,
    Requests,
    Slo,
    Step,
    as_strokes,
    by_turns,
    connected,
    drawing,
    drawings_of,
)
from sketchzoo.memory import keep_what_is_loaded
from sketchzoo.rpc import ChannelSettings, outgoing_metadata, run_main

_SEARCH = "/sketchzoo.search.v1.SearchService/Search"
_DRAWINGS = 100
_DRAWN_WITHIN = 600


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be measured: rates a second, each held for `seconds`; or from the first on."""

    rates: tuple[float, ...]
    seconds: float
    arrivals: Arrivals
    slo: Slo | None
    highest: bool
    warm: float
    timeout: float
    connections: int
    most_under_way: int

    def __post_init__(self) -> None:
        for name in ("seconds", "warm", "timeout"):
            if not math.isfinite(getattr(self, name)):
                raise ValueError(f"--{name} must be a number of seconds")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was measured; `highest` is None where it was not looked for, or nothing held."""

    plan: Plan
    steps: Sequence[Step]
    highest: float | None = None
    broken_off: bool = False


def requests(
    queries: str, texts: Sequence[str], asked: Mapping[str, Any], *, repeated: bool
) -> Requests:
    """Return the requests of `--queries` and `--text`, with what else is asked of each.

    Raises:
        ValueError: what is wrong with them.
        OSError: a drawing cannot be read.

    """
    with _sketches(queries) as sketches:
        messages = [
            Query(sketch=sketch, text=text, **asked).message()
            for sketch in sketches
            for text in texts or (None,)
        ]
    return Requests(messages, repeated=repeated)


@contextmanager
def _sketches(queries: str) -> Iterator[Sequence[Any]]:
    if queries == "none":
        yield [None]
    elif queries == "strokes":
        yield [as_strokes(drawing(seed)) for seed in range(_DRAWINGS)]
    elif queries == "sample":
        with tempfile.TemporaryDirectory() as folder:
            _draw_sample(Path(folder) / "drawn")
            yield drawings_of(Path(folder))
    elif Path(queries).is_dir():
        yield drawings_of(Path(queries))
    else:
        raise ValueError(f"--queries: {queries} is no folder, and none of strokes, sample, none")


def _draw_sample(folder: Path) -> None:
    """Have the sample's own command draw it: it is another part's, and may not be installed."""
    command = [sys.executable, "-m", "sketchzoo", "sample", "draw", str(folder)]
    counts = ["--pictures", "0", "--sketches", "2"]
    drawn = subprocess.run(  # noqa: S603 - our own command
        [*command, *counts], capture_output=True, text=True, check=False, timeout=_DRAWN_WITHIN
    )
    if drawn.returncode:
        raise ValueError(f"--queries: the sample cannot be drawn: {drawn.stderr.strip()}")


def run(channel: ChannelSettings, plan: Plan, asked: Requests) -> Outcome:
    """Measure; Ctrl-C and SIGTERM end it, and what was measured until then comes back.

    Raises:
        SearchError: the first search, before anything is measured, was not answered; but for one
            that was refused for load.

    """
    console = Console(stderr=True)
    with console.status("") as status:

        def begins(rate: float) -> None:
            status.update(f"{rate:.4g} a second for {plan.seconds:g} s")

        bench = Bench(_not_yet, plan.seconds, plan.arrivals, plan.most_under_way, plan.slo, begins)
        # A pause of this client's own is no part of an answer's time.
        keep_what_is_loaded()
        try:
            highest = run_main(_measure(channel, plan, asked, bench))
        except (KeyboardInterrupt, asyncio.CancelledError):
            return Outcome(plan, bench.steps, broken_off=True)
    return Outcome(plan, bench.steps, highest)


async def _not_yet(_: int) -> None:
    raise RuntimeError("there is no connection yet")


async def _measure(
    channel: ChannelSettings, plan: Plan, asked: Requests, bench: Bench
) -> float | None:
    if (own := asyncio.current_task()) is not None:
        for number in (signal.SIGINT, signal.SIGTERM):
            # SIGINT by ourselves as well: what a shell starts in the background ignores it.
            with suppress(NotImplementedError):  # Windows
                asyncio.get_running_loop().add_signal_handler(number, own.cancel)
    async with connected(channel, plan.connections) as channels:
        search, metadata = by_turns(channels, _SEARCH), outgoing_metadata(channel.token)

        async def call(number: int) -> None:
            await search(number)(asked(number), timeout=plan.timeout, metadata=metadata)

        try:
            await call(-1)
        except grpc.aio.AioRpcError as error:
            told = from_rpc_error(error)
            if not isinstance(told, Overloaded):
                raise told from error
        bench.call = call
        if plan.warm:
            await bench.warm(plan.rates[0], plan.warm)
        if plan.highest:
            return await bench.highest(plan.rates[0])
        await bench.at(plan.rates)
    return None
