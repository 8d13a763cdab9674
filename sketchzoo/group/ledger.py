"""The ledger: memory in which the processes of a group count, so that each sees what all hold.

Every process has a row that it alone writes, and adds up all rows to see the group's: so
nothing is locked, and of a process that was killed at any moment a row is left, which is
cleared. A word is written whole or not at all. Who takes something tells it before he looks
whether it was too much: of two processes that take the last at the same instant one or both
are refused, and what is held never passes its limit. (A processor that lets a load pass an
earlier store of its own could let in one too many for each process beside the first; in
our trials none did.) Why so: docs/adr/0081-a-group-counts-without-a-lock.md.
"""

import mmap
import os
import secrets
import tempfile
from collections.abc import Callable
from functools import lru_cache
from hashlib import blake2b
from typing import Any, Self, get_args

from sketchzoo.counts import (
    Count,
    CountName,
    Counts,
    Moment,
    MomentName,
    Tally,
    TallyName,
    Times,
    TimesName,
    Turns,
    TurnsName,
)
from sketchzoo.group.table import Table, words_of_table

# What has a column, a word for each process, and what a table; first what ends with a process.
_HELD_COLUMNS: tuple[str, ...] = get_args(CountName) + get_args(TallyName) + get_args(TurnsName)
_COLUMNS: tuple[str, ...] = _HELD_COLUMNS + get_args(MomentName)
_HELD_TABLES: tuple[str, ...] = get_args(TallyName)
_TABLES: tuple[str, ...] = _HELD_TABLES + get_args(TimesName)

_WORD = 8
# How often who takes a token looks whether another has taken one at the same instant: then
# both are counted, or rather one too many than one too few.
_LOOKS = 3
_NS = 1_000_000_000


class Ledger:
    """The memory that the `size` processes of a group share; it is freed with the last of them.

    Made by their parent, and pickled to each as it is spawned; there `of` gives it its row.
    """

    def __init__(self, size: int, secret: bytes, file: int) -> None:
        """Map the ledger in an open file; by a `secret` callers can't choose their bucket."""
        self.size = size
        self._secret = secret
        self._file = file
        self._words = memoryview(mmap.mmap(file, _bytes(size))).cast("q")
        self._key_of = _keyed(secret)

    @classmethod
    def create(cls, size: int) -> Self:
        """Make an empty ledger for `size` processes.

        Raises:
            ValueError: there are no processes.
            OSError: there is no memory for it.

        """
        if size < 1:
            raise ValueError(f"a group has at least 1 process, not {size}")
        file = _unnamed()
        os.truncate(file, _bytes(size))
        return cls(size, secrets.token_bytes(16), file)

    def of(self, index: int) -> Counts:
        """Return what a process counts by, with nothing held; asked for once by each process."""
        self.clear(index)
        return _Row(self, index)

    def clear(self, index: int) -> None:
        """Let a process that has ended hold nothing: the parent's duty as soon as it sees it.

        How often callers called and when something was last so stays known.
        """
        for name in _HELD_COLUMNS:
            self.column(name)[index] = 0
        for name in _HELD_TABLES:
            self.table(name, index).clear()

    def column(self, name: str) -> memoryview:
        """Return a word for each process."""
        start = _COLUMNS.index(name) * self.size
        return self._words[start : start + self.size]

    def table(self, name: str, index: int) -> Table:
        """Return a table, of which a process writes its own row."""
        length = words_of_table(self.size)
        start = len(_COLUMNS) * self.size + _TABLES.index(name) * length
        return Table(self._words[start : start + length], self.size, index, self._key_of)

    def close(self) -> None:
        """Let no more processes be given it; those that have it keep it."""
        os.close(self._file)

    def __reduce__(self) -> tuple[Any, ...]:
        from multiprocessing.reduction import DupFd  # noqa: PLC0415 - of groups alone

        return _received, (self.size, self._secret, DupFd(self._file))


def _received(size: int, secret: bytes, file: Any) -> Ledger:
    return Ledger(size, secret, file.detach())


def _bytes(size: int) -> int:
    return _WORD * (len(_COLUMNS) * size + len(_TABLES) * words_of_table(size))


def _unnamed() -> int:
    """Open a file that has no name: in memory, where the system has that."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create("sketchzoo-ledger")
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


def _keyed(secret: bytes) -> Callable[[str], int]:
    @lru_cache(maxsize=4096)
    def key_of(caller: str) -> int:
        digest = blake2b(caller.encode(), digest_size=_WORD, key=secret).digest()
        return int.from_bytes(digest, "little", signed=True)

    return key_of


class _Row(Counts):
    """What one process of a group counts by, beside the others."""

    alone = False

    def __init__(self, ledger: Ledger, index: int) -> None:
        self._ledger = ledger
        self._index = index

    def count(self, name: CountName | TallyName) -> Count:
        return _SharedCount(self._ledger.column(name), self._index)

    def tally(self, name: TallyName) -> Tally:
        return _SharedTally(self.count(name), self._ledger.table(name, self._index))

    def times(self, name: TimesName) -> Times:
        return _SharedTimes(self._ledger.table(name, self._index))

    def moment(self, name: MomentName) -> Moment:
        return _SharedMoment(self._ledger.column(name), self._index)

    def turns(self, name: TurnsName) -> Turns:
        return _SharedTurns(self._ledger.column(name), self._index)


class _SharedCount(Count):
    """An amount in a column: a word for each process."""

    __slots__ = ("_column", "_index")

    def __init__(self, column: memoryview, index: int) -> None:
        super().__init__()
        self._column = column
        self._index = index

    @property
    def total(self) -> int:
        return sum(self._column)

    def add(self, amount: int) -> None:
        self.here += amount
        self._column[self._index] = self.here


class _SharedTally(Tally):
    """An amount by callers, of whom others are told in a table."""

    def __init__(self, count: Count, table: Table) -> None:
        super().__init__()
        self.count = count
        self._table = table

    def of(self, caller: str) -> int:
        return super().of(caller) + sum(self._table.elsewhere(caller))

    def add(self, caller: str | None, amount: int) -> None:
        super().add(caller, amount)
        if caller is not None:
            self._table.put(caller, super().of(caller))


class _SharedTimes(Times):
    """Times in a table; the clock is the machine's, the same for all processes."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def latest(self, caller: str) -> int:
        return max(self._table.everywhere(caller), default=0)

    def put(self, caller: str, time: int, step: int = 0) -> None:
        seen = time - step
        for _ in range(_LOOKS):
            self._table.put(caller, time)
            meanwhile = [each for each in self._table.elsewhere(caller) if each > seen]
            if not meanwhile:
                return
            seen = max(meanwhile)
            time = seen + len(meanwhile) * step
        # Not looked at any more: with room for those who put the same at this instant.
        self._table.put(caller, time + len(meanwhile) * step)


class _SharedMoment(Moment):
    """The latest of a column's times, in nanoseconds."""

    def __init__(self, column: memoryview, index: int) -> None:
        self._column = column
        self._index = index

    @property
    def latest(self) -> float:
        latest = max(self._column)
        return latest / _NS if latest else float("-inf")

    def note(self, time: float) -> None:
        self._column[self._index] = int(time * _NS)


class _SharedTurns(Turns):
    """A column of the times since when each process's first waits, 0 where none does."""

    def __init__(self, column: memoryview, index: int) -> None:
        self._column = column
        self._index = index

    def wait(self, since: int) -> None:
        self._column[self._index] = since

    def done(self) -> None:
        self._column[self._index] = 0

    def is_ours(self) -> bool:
        since = self._column[self._index]
        return all(not other or other >= since for other in self._column)
