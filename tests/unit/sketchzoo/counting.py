"""Processes of a group that count what they are told to."""

import multiprocessing
from collections.abc import Callable
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any, Self

from sketchzoo.counts import Counts
from sketchzoo.group.ledger import Ledger
from sketchzoo.limits import NoneLeftError, Rates, Shares

SPAWN = multiprocessing.get_context("spawn")


class Counting:
    """What a process counts by, and what it is told to do with it."""

    def __init__(self, counts: Counts) -> None:
        self._counts = counts
        self.images = counts.count("images")
        self.calls = counts.tally("calls")
        self._truth = counts.count("photos")
        self._shares = Shares(10, 4, counts.tally("bytes"))

    def hold(self, caller: str | None, amount: int) -> None:
        """Count an image, and some calls of a caller's."""
        self.images.add(1)
        self.calls.add(caller, amount)

    def take(self, caller: str) -> bool:
        """Take a part of a caller's share."""
        try:
            self._shares.take(caller)
        except NoneLeftError:
            return False
        return True

    def take_often(self, times: int) -> tuple[int, int]:
        """Take and give back; return how often it could, and the most that was held then."""
        taken = most = 0
        for _ in range(times):
            if self.take("a"):
                self._truth.add(1)
                most = max(most, self._truth.total)
                self._truth.add(-1)
                self._shares.give("a")
                taken += 1
        return taken, most

    def call(self, caller: str, burst: int, times: int) -> int:
        """Ask for tokens that don't come again; return how many there were."""
        rates = Rates(1e-6, burst, times=self._counts.times("rates"))
        return sum(not rates.take(caller) for _ in range(times))

    def write(self, callers: int) -> None:
        """Write everything there is to write until killed."""
        times, moment = self._counts.times("rates"), self._counts.moment("met")
        turns = self._counts.turns("decode_queue")
        for number in iter(int, 1):
            caller = f"10.0.0.{number % callers}"
            self.hold(caller, 1)
            times.put(caller, number)
            turns.wait(number)
            moment.note(number)


class Process:
    """A process that counts in a row; `process.hold("a", 3)` has it call that there."""

    def __init__(self, ledger: Ledger, index: int) -> None:
        self._pipe, theirs = SPAWN.Pipe()
        self._process = SPAWN.Process(target=_run, args=(ledger, index, theirs), daemon=True)
        self._process.start()
        theirs.close()

    def tell(self, name: str, *arguments: Any) -> None:
        """Have it call something, without waiting for an answer."""
        self._pipe.send((name, arguments))

    def answer(self) -> Any:
        """Wait for the answer to what it was told."""
        assert self._pipe.poll(30), "no answer"
        return self._pipe.recv()

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            self.tell(name, *arguments)
            return self.answer()

        return call

    def kill(self) -> None:
        self._process.kill()
        self._process.join(30)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.kill()
        self._pipe.close()


def _run(ledger: Ledger, index: int, pipe: Connection) -> None:
    counting = Counting(ledger.of(index))
    while True:
        name, arguments = pipe.recv()
        if name == "begin":
            counting = Counting(ledger.of(index))
            pipe.send(None)
        else:
            pipe.send(getattr(counting, name)(*arguments))
