"""Arrivals: when calls are due."""

import random
from collections.abc import Iterator
from typing import Literal

Arrivals = Literal["poisson", "fixed"]
"""As many callers who know nothing of each other arrive, or one after each equal pause."""


def offsets(arrivals: Arrivals, rate: float, seconds: float, seed: int = 0) -> Iterator[float]:
    """Yield the seconds after the start at which calls are due, `rate` a second, in order.

    A Poisson process's pauses are exponential, so its calls come in clusters, and so many in all
    only on average; the same seed gives the same ones.
    """
    if arrivals == "fixed":
        yield from (index / rate for index in range(round(rate * seconds)))
        return
    chance = random.Random(seed)  # noqa: S311 - a load, no secret
    due = chance.expovariate(rate)
    while due < seconds:
        yield due
        due += chance.expovariate(rate)
