"""Threads: how many run an image soonest, found by trying."""

import time
from collections.abc import Callable, Mapping

_ROUNDS = 5
_SECONDS = 0.3
_OWN_CORES = 0.75
_AS_FAST = 1.05
_GUESS = 4

Clock = Callable[[], float]


def candidates(cores: int) -> tuple[int, ...]:
    """Return the numbers of threads that are tried: the powers of two, and every core."""
    if cores < 1:
        raise ValueError(f"cores must be at least 1, not {cores}")
    powers = tuple(1 << power for power in range(cores.bit_length()))
    return powers if powers[-1] == cores else (*powers, cores)


def measured(
    runs: Mapping[int, Callable[[], object]],
    clock: Clock = time.perf_counter,
    cpu: Clock = time.process_time,
) -> dict[int, float]:
    """Time runs on so many threads each, in seconds: the best of a few, taken by turns.

    Threads that spin while they wait have their cores busy from a run's start to its end. A run
    that took less CPU shared its cores with someone else and tells nothing: a machine is often
    busy when its services start. The first of each is not counted: memory is taken in it, and
    threads start. A number of threads that never had its cores is left out.
    """
    best: dict[int, float] = {}
    counted = dict.fromkeys(runs, 0)
    for run in runs.values():
        run()
    end = clock() + _SECONDS
    while min(counted.values()) < _ROUNDS and clock() < end:
        for threads, run in runs.items():
            start, used = clock(), cpu()
            run()
            took = clock() - start
            if cpu() - used >= _OWN_CORES * threads * took:
                counted[threads] += 1
                best[threads] = min(took, best.get(threads, took))
    return best


def soonest(seconds: Mapping[int, float], cores: int) -> int:
    """Return the fewest threads that are as fast as the fastest, give or take a twentieth.

    Where not even two had cores of their own it can't be told: then it is four, where there
    are so many cores. On large machines few threads are faster than all.
    """
    if cores > 1 and len(seconds.keys() - {1}) == 0:
        return min(cores, _GUESS)
    enough = min(seconds.values()) * _AS_FAST
    return min(threads for threads, taken in seconds.items() if taken <= enough)
