"""The bench: steps at given rates, or a search for the highest that holds."""

import itertools
import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from sketchzoo.load.arrivals import Arrivals, offsets
from sketchzoo.load.open_loop import Call, open_loop
from sketchzoo.load.slo import Slo
from sketchzoo.load.step import Step, Verdict
from sketchzoo.load.tally import Tally

_MOST_STEPS = 20
_NEAR = 1.1
FEWEST_CALLS = 10
"""Fewer say nothing of a rate."""


@dataclass(slots=True)
class Bench:
    """Makes calls and keeps in `steps` what came of them; what a cancelled one had until then, too.

    `most_under_way` bounds what a server that stands still makes the client hold.
    """

    call: Call
    seconds: float
    arrivals: Arrivals = "poisson"
    most_under_way: int = 2_000
    slo: Slo | None = None
    begins: Callable[[float], None] = lambda _: None
    """Is told each rate as it begins."""
    steps: list[Step] = field(default_factory=list)
    _numbers: "itertools.count[int]" = field(default_factory=itertools.count)

    async def warm(self, rate: float, seconds: float) -> None:
        """Make calls that do not count."""
        await self._load(rate, seconds, Tally())

    async def at(self, rates: Iterable[float]) -> None:
        """Measure each of several rates, one after the other's calls have all ended."""
        for rate in rates:
            await self._step(rate)

    async def highest(self, first: float) -> float | None:
        """Return the highest rate at which the objective is met, to a tenth; None if at none.

        From the first on rates double, or halve, until one is met and one is not; then what lies
        between is halved, by its logarithm.
        """
        held: float | None = None
        missed: float | None = None
        rate = first
        for _ in range(_MOST_STEPS):
            step = await self._step(rate)
            if step.verdict(self.slo) is Verdict.MET:
                held = rate
            else:
                missed = rate
            if held is not None and missed is not None:
                if missed / held <= _NEAR:
                    break
                rate = math.sqrt(held * missed)
            else:
                rate = 2 * rate if missed is None else rate / 2
            if rate * self.seconds < FEWEST_CALLS:
                break
        return held

    async def _step(self, rate: float) -> Step:
        self.begins(rate)
        tally = Tally()
        cpu, start = time.process_time(), time.perf_counter()
        sending = 0.0
        cancelled = True
        try:
            sending = await self._load(rate, self.seconds, tally)
            cancelled = False
        finally:
            taken = time.perf_counter() - start
            share = (time.process_time() - cpu) / taken
            # Poisson's last call may be due, and answered, before the time is over.
            seconds = max(taken, sending)
            self.steps.append(
                Step(rate, tally, seconds, sending or taken, share, broken_off=cancelled)
            )
        return self.steps[-1]

    async def _load(self, rate: float, seconds: float, tally: Tally) -> float:
        """Make the calls; return how long they were sent."""
        start, last = time.perf_counter(), 0.0

        def dues() -> Iterable[float]:
            nonlocal last
            yield from offsets(self.arrivals, rate, seconds, seed=len(self.steps))
            last = time.perf_counter() - start

        async def numbered(_: int) -> None:
            # Of a number that no other call of the run has: its query is to be one of its own.
            await self.call(next(self._numbers))

        await open_loop(numbered, dues(), tally, most_under_way=self.most_under_way)
        return max(last, seconds)
