"""Tables: a value for each of many callers, in every process's row of a ledger."""

from collections.abc import Callable

# A row holds 4,096 callers, each in one of the four entries of his bucket.
BUCKETS = 1024
WAYS = 4
_ENTRY = 2  # words: the caller's key, and his value
_ROW = WAYS * _ENTRY
_EMPTY = memoryview(bytes(8 * _ROW)).cast("q")


def words_of_table(size: int) -> int:
    """Return how many words a table of `size` rows takes."""
    return BUCKETS * size * _ROW


class Table:
    """A value above 0 for each of many callers; of it this process writes the row `index`.

    A caller whose bucket is full takes the place of the lowest value there, if his own is
    higher; who has lost his place is unknown to the other processes until he puts another.
    """

    def __init__(
        self, words: memoryview, size: int, index: int, key_of: Callable[[str], int]
    ) -> None:
        """Write a table in `words` of 64 bits; `key_of` is a caller's hash."""
        self._words = words
        self._stride = size * _ROW
        self._start = index * _ROW
        self._key_of = key_of

    def everywhere(self, caller: str) -> list[int]:
        """Return a caller's values in the rows that have one."""
        key = self._key_of(caller)
        return _values(key, self._bucket(key).tolist())

    def elsewhere(self, caller: str) -> list[int]:
        """Return a caller's values in the rows of other processes that have one."""
        key = self._key_of(caller)
        words = self._bucket(key).tolist()
        del words[self._start : self._start + _ROW]
        return _values(key, words)

    def put(self, caller: str, value: int) -> None:
        """Put a caller's value into this process's row."""
        key = self._key_of(caller)
        start = key % BUCKETS * self._stride + self._start
        words = self._words[start : start + _ROW].tolist()
        keys, values = words[::_ENTRY], words[1::_ENTRY]
        if key in keys:
            at = start + keys.index(key) * _ENTRY
        else:
            lowest = min(values)
            if lowest >= value:
                return
            at = start + values.index(lowest) * _ENTRY
            # Nobody is to read the one's value as the other's.
            self._words[at + 1] = 0
            self._words[at] = key
        self._words[at + 1] = value

    def clear(self) -> None:
        """Empty this process's row."""
        for bucket in range(BUCKETS):
            self._bucket(bucket)[self._start : self._start + _ROW] = _EMPTY

    def _bucket(self, key: int) -> memoryview:
        """Return the bucket of a key: the entries of row 0, of row 1 and so on."""
        start = key % BUCKETS * self._stride
        return self._words[start : start + self._stride]


def _values(key: int, words: list[int]) -> list[int]:
    if key not in words:
        return []
    return [value for each, value in zip(words[::2], words[1::2], strict=True) if each == key]
