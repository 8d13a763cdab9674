"""Sinks: where the bytes of a fetch go, and how it fails."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from enum import StrEnum
from typing import Protocol


class Failure(StrEnum):
    """What kind of failure a fetch met."""

    GONE = "gone"
    """The server says that there is no such file."""
    TOO_LARGE = "too_large"
    PRIVATE = "private"
    """The address is this machine's or its network's own."""
    REFUSED = "refused"
    """Another attempt would meet the same."""
    FAILED = "failed"
    """The server or the network failed, each time it was tried, or took too long."""


class FetchError(Exception):
    """A file cannot be had; `failure` says of which kind that is, the message why."""

    def __init__(self, failure: Failure, message: str) -> None:
        super().__init__(message)
        self.failure = failure


class TryAgainError(Exception):
    """It may work later; `retry_after` is in how many seconds, where the server says so."""

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Sink(Protocol):
    """Takes the bytes of one file, in several attempts if need be."""

    @property
    def max_bytes(self) -> int:
        """How many it takes at most."""

    @property
    def expected(self) -> int | None:
        """How many there are, where that is known."""

    def held(self) -> tuple[int, str]:
        """Return how many bytes are there to go on from, and of which validator they are.

        The validator is an ETag or a date that `writing` was given; empty where only the
        whole file will show whether both halves belong together.
        """

    def writing(
        self, begin: int, validator: str
    ) -> AbstractContextManager[Callable[[bytes], object]]:
        """Give what writes the bytes from `begin` on; at 0 what was there is replaced."""

    def discard(self) -> None:
        """Throw away what is there: it belongs to no file that is wanted."""


class Part:
    """A sink in memory for `size` bytes of a file, from `first` on."""

    def __init__(self, first: int, size: int) -> None:
        self._first = first
        self.max_bytes = first + size
        self.content = bytearray()
        self._validator = ""

    @property
    def expected(self) -> int | None:
        """Nobody said; whoever asked sees whether it is whole."""
        return None

    def held(self) -> tuple[int, str]:
        """Return from where on bytes are wanted: what is before is as good as there."""
        return self._first + len(self.content), self._validator

    @contextmanager
    def writing(self, begin: int, validator: str) -> Iterator[Callable[[bytes], object]]:
        """Give what appends to the content, but for what a whole file has before the part."""
        skipped = begin

        def write(piece: bytes) -> None:
            nonlocal skipped
            before = min(max(self._first - skipped, 0), len(piece))
            skipped += before
            self.content.extend(piece[before:])

        if begin <= self._first:
            self.content.clear()
            self._validator = validator
        yield write

    def discard(self) -> None:
        """Forget the content."""
        self.content.clear()
        self._validator = ""


class Buffer:
    """A sink in memory."""

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.content = bytearray()
        self._validator = ""

    @property
    def expected(self) -> int | None:
        """Nobody said."""
        return None

    def held(self) -> tuple[int, str]:
        """Return how many bytes an earlier attempt left, if they can be gone on from."""
        return (len(self.content) if self._validator else 0), self._validator

    @contextmanager
    def writing(self, begin: int, validator: str) -> Iterator[Callable[[bytes], object]]:
        """Give what appends to the content."""
        if begin == 0:
            self.content.clear()
            self._validator = validator
        yield self.content.extend

    def discard(self) -> None:
        """Forget the content."""
        self.content.clear()
        self._validator = ""
