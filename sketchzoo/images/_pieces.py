"""Pieces: a file that Pillow reads, made of parts of another one without copying them."""

import io
from bisect import bisect_right
from collections.abc import Iterable
from itertools import accumulate


class Pieces(io.RawIOBase):
    """Reads some pieces of bytes one after the other.

    A file of 128 MiB stays once in memory: pieces are views of it.
    """

    def __init__(self, pieces: Iterable[bytes | memoryview]) -> None:
        super().__init__()
        self._pieces = [piece for piece in pieces if len(piece)]
        self._starts = list(accumulate(map(len, self._pieces), initial=0))
        self._at = 0

    def read(self, size: int | None = -1, /) -> bytes:
        """Return `size` bytes, or all that are left; fewer at the end."""
        end = self._starts[-1]
        end = end if size is None or size < 0 else min(end, self._at + size)
        found: list[bytes | memoryview] = []
        index = bisect_right(self._starts, self._at) - 1
        while self._at < end:
            piece, start = self._pieces[index], self._starts[index]
            part = piece[self._at - start : end - start]
            found.append(part)
            self._at += len(part)
            index += 1
        return bytes(found[0]) if len(found) == 1 else b"".join(found)

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Go to a place, counted from the start, from here or from the end."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._starts[-1]}[whence]
        self._at = min(max(0, base + offset), self._starts[-1])
        return self._at

    def tell(self) -> int:
        """Return the place."""
        return self._at

    def readable(self) -> bool:
        """Tell that it can be read."""
        return True

    def seekable(self) -> bool:
        """Tell that one can go to any place."""
        return True
