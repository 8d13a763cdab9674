"""The ledger: memory in which the processes of a group count, so that each sees what all hold.

Every process has a row that it alone writes, and adds up all rows to see the group's: so
nothing is locked, and a process killed at any moment leaves only a row that is cleared. A
word is written whole or not at all; of two that belong together the one that counts is
written last. Where two processes look and write at the same instant, each may see what the
other is about to hold: see `Shares.take` for what comes of it
(docs/adr/0081-a-group-counts-without-a-lock.md).
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

# What has a column, a word for each process, and what a table; first what ends with a process.
_HELD_COLUMNS: tuple[str, ...] = get_args(CountName) + get_args(TallyName) + get_args(TurnsName)
_COLUMNS: tuple[str, ...] = _HELD_COLUMNS + get_args(MomentName)
_HELD_TABLES: tuple[str, ...] = get_args(TallyName)
_TABLES: tuple[str, ...] = _HELD_TABLES + get_args(TimesName)

# A row of a table holds 4,096 callers, each in one of the four entries of his bucket.
_BUCKETS = 1024
_WAYS = 4
_ENTRY = 2  # words: the caller's key, and his value
_WORD = 8
_NS = 1_000_000_000


class Ledger:
    """The memory that the `size` processes of a group share; it is freed with the last of them.

    Made by their parent, and pickled to each as it is spawned; there `of` gives it its row.
    """

    def __init__(self, size: int, key: bytes, file: int) -> None:
        """Map the ledger in an open file; `key` keeps callers from choosing their bucket."""
        self.size = size
        self._key = key
        self._file = file
        memory = mmap.mmap(file, _words(size) * _WORD)
        self._all = memoryview(memory).cast("q")

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
        os.truncate(file, _words(size) * _WORD)
        return cls(size, secrets.token_bytes(16), file)

    def of(self, index: int) -> "Row":
        """Return a process's own row, empty; asked for once by each process."""
        self.clear(index)
        return Row(self.size, index, self._all, self._key)

    def clear(self, index: int) -> None:
        """Let a process that has ended hold nothing: the parent's duty as soon as it sees it."""
        for column in range(len(_HELD_COLUMNS)):
            self._all[column * self.size + index] = 0
        empty = memoryview(bytes(_WAYS * _ENTRY * _WORD)).cast("q")
        for table in range(len(_HELD_TABLES)):
            for bucket in range(_BUCKETS):
                start = _bucket(self.size, table, bucket) + index * _WAYS * _ENTRY
                self._all[start : start + _WAYS * _ENTRY] = empty

    def __reduce__(self) -> tuple[Any, ...]:
        from multiprocessing.reduction import DupFd  # noqa: PLC0415 - of groups alone

        return _received, (self.size, self._key, DupFd(self._file))

    def close(self) -> None:
        """Close the file: no process can be given the ledger any more; its memory stays."""
        os.close(self._file)


def _unnamed() -> int:
    """Open a file that has no name: in memory, where the system has that."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create("sketchzoo-ledger")
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


def _received(size: int, key: bytes, file: Any) -> Ledger:
    return Ledger(size, key, file.detach())


class Row(Counts):
    """What one process of a group holds, beside what the others do."""

    alone = False

    def __init__(self, size: int, index: int, words: memoryview, key: bytes) -> None:
        self._size = size
        self._index = index
        self._words = words

        @lru_cache(maxsize=4096)
        def key_of(caller: str) -> int:
            digest = blake2b(caller.encode(), digest_size=_WORD, key=key).digest()
            return int.from_bytes(digest, "little", signed=True)

        self._key_of = key_of

    def count(self, name: CountName) -> Count:
        """Return an amount."""
        return _SharedCount(self._column(name), self._index)

    def tally(self, name: TallyName) -> Tally:
        """Return an amount by callers."""
        return _SharedTally(_SharedCount(self._column(name), self._index), self._table(name))

    def times(self, name: TimesName) -> Times:
        """Return times by callers."""
        return _SharedTimes(self._table(name))

    def moment(self, name: MomentName) -> Moment:
        """Return a moment."""
        return _SharedMoment(self._column(name), self._index)

    def turns(self, name: TurnsName) -> Turns:
        """Return whose turn it is."""
        return _SharedTurns(self._column(name), self._index)

    def _column(self, name: str) -> memoryview:
        start = _COLUMNS.index(name) * self._size
        return self._words[start : start + self._size]

    def _table(self, name: str) -> "_Table":
        start = _bucket(self._size, _TABLES.index(name), 0)
        words = self._words[start : start + _BUCKETS * self._size * _WAYS * _ENTRY]
        return _Table(words, self._size, self._index, self._key_of)


class _SharedCount(Count):
    """An amount in a column: a word for each process."""

    __slots__ = ("_column", "_index")

    def __init__(self, column: memoryview, index: int) -> None:
        super().__init__()
        self._column = column
        self._index = index

    @property
    def elsewhere(self) -> int:
        return sum(self._column) - self.here

    def add(self, amount: int) -> None:
        self.here += amount
        self._column[self._index] = self.here


class _SharedTally(Tally):
    """An amount by callers, of whom others are told in a table."""

    def __init__(self, count: Count, table: "_Table") -> None:
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

    def __init__(self, table: "_Table") -> None:
        self._table = table

    def latest(self, caller: str) -> int:
        return max(self._table.everywhere(caller), default=0)

    def put(self, caller: str, time: int, step: int = 0) -> None:
        self._table.put(caller, time)
        meanwhile = [each for each in self._table.elsewhere(caller) if each > time - step]
        if meanwhile:
            self._table.put(caller, max(meanwhile) + len(meanwhile) * step)


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


class _Table:
    """A value above 0 for each of 4,096 callers a row, less where their hashes are alike.

    A caller whose bucket is full takes the place of the lowest value there, if his own is
    higher; who has lost his place is unknown to the other processes until he puts another.
    """

    def __init__(
        self, words: memoryview, size: int, index: int, key_of: Callable[[str], int]
    ) -> None:
        self._words = words
        self._stride = size * _WAYS * _ENTRY
        self._from = index * _WAYS * _ENTRY
        self._to = self._from + _WAYS * _ENTRY
        self._key_of = key_of

    def everywhere(self, caller: str) -> list[int]:
        """Return a caller's values in the rows that have one."""
        key = self._key_of(caller)
        return _values(key, self._bucket(key).tolist())

    def elsewhere(self, caller: str) -> list[int]:
        """Return a caller's values in the rows of other processes that have one."""
        key = self._key_of(caller)
        words = self._bucket(key).tolist()
        del words[self._from : self._to]
        return _values(key, words)

    def put(self, caller: str, value: int) -> None:
        """Put a caller's value into this process's row."""
        key = self._key_of(caller)
        entries = self._bucket(key)[self._from : self._to]
        words = entries.tolist()
        keys, values = words[::_ENTRY], words[1::_ENTRY]
        if key in keys:
            at = keys.index(key)
        else:
            lowest = min(values)
            if lowest >= value:
                return
            at = values.index(lowest)
            # Nobody is to read the one's value as the other's.
            entries[at * _ENTRY + 1] = 0
            entries[at * _ENTRY] = key
        entries[at * _ENTRY + 1] = value

    def _bucket(self, key: int) -> memoryview:
        start = key % _BUCKETS * self._stride
        return self._words[start : start + self._stride]


def _values(key: int, words: list[int]) -> list[int]:
    if key not in words:
        return []
    return [value for each, value in zip(words[::2], words[1::2], strict=True) if each == key]


def _bucket(size: int, table: int, bucket: int) -> int:
    """Return the word at which a table's bucket begins: the entries of row 0, of row 1..."""
    return len(_COLUMNS) * size + (table * _BUCKETS + bucket) * size * _WAYS * _ENTRY


def _words(size: int) -> int:
    return _bucket(size, len(_TABLES), 0)
