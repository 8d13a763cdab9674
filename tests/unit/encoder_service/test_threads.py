"""How many threads run an image soonest."""

import pytest

from encoder_service.threads import candidates, measured, soonest


class Machine:
    """A clock that runs as long as each number of threads takes, and the CPU that they use."""

    def __init__(self, seconds: dict[int, float], *, busy: frozenset[int] = frozenset()) -> None:
        self.wall = self.used = 0.0
        self.ran: list[int] = []
        self._seconds = seconds
        self._busy = busy

    def run(self, threads: int) -> None:
        self.ran.append(threads)
        self.wall += self._seconds[threads]
        # Where others have the cores, threads get half of the time.
        self.used += self._seconds[threads] * threads * (0.5 if threads in self._busy else 1)

    def measured(self) -> dict[int, float]:
        runs = {threads: lambda n=threads: self.run(n) for threads in self._seconds}
        return measured(runs, lambda: self.wall, lambda: self.used)


def test_powers_of_two_and_every_core_are_tried() -> None:
    """A machine of twelve cores is asked for twelve as well."""
    assert candidates(1) == (1,)
    assert candidates(8) == (1, 2, 4, 8)
    assert candidates(12) == (1, 2, 4, 8, 12)
    with pytest.raises(ValueError, match="cores must be at least 1"):
        candidates(0)


def test_the_fastest_is_chosen() -> None:
    """On a large machine that is seldom every core."""
    machine = Machine({1: 0.010, 2: 0.006, 4: 0.004, 8: 0.005, 16: 0.020})
    assert soonest(machine.measured(), 16) == 4


def test_few_threads_are_better_than_as_fast_ones() -> None:
    """A twentieth of an image's time is not worth a core."""
    assert soonest({1: 0.010, 2: 0.0062, 4: 0.0060}, 4) == 2


def test_numbers_are_tried_by_turns_and_the_first_run_is_not_counted() -> None:
    """What is slow for a moment is slow for each of them."""
    machine = Machine({1: 0.01, 2: 0.01})
    machine.measured()
    assert machine.ran == [1, 2] * 6


def test_a_run_without_cores_of_its_own_tells_nothing() -> None:
    """What was measured while others had the cores is left out."""
    machine = Machine({1: 0.010, 2: 0.006, 4: 0.030}, busy=frozenset({4}))
    seconds = machine.measured()
    assert seconds.keys() == {1, 2}
    assert soonest(seconds, 4) == 2


def test_trying_ends_on_a_busy_machine() -> None:
    """A start is held up for a third of a second, not until the machine is quiet."""
    machine = Machine({1: 0.02, 2: 0.02}, busy=frozenset({1, 2}))
    machine.measured()
    assert machine.wall < 0.4


@pytest.mark.parametrize(("cores", "threads"), [(2, 2), (4, 4), (16, 4)])
def test_on_a_busy_machine_it_is_a_few_threads(cores: int, threads: int) -> None:
    """Where not even two threads had cores of their own, one says nothing of them."""
    assert soonest({1: 0.010}, cores) == threads
    assert soonest({}, cores) == threads


def test_one_core_has_one_thread() -> None:
    """There is nothing to choose."""
    assert soonest({1: 0.010}, 1) == 1
