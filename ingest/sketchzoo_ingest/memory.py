"""Memory: how many bytes of files threads hold at once."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Memory:
    """Counts the bytes held by threads; who would go over the limit waits.

    What is larger than all passes when nothing else is held. No thread holds twice.
    """

    def __init__(self, limit: int) -> None:
        if limit < 1:
            raise ValueError(f"limit must be at least 1 byte, not {limit}")
        self._limit = limit
        self._changed = threading.Condition()
        self._held = 0

    @contextmanager
    def held(self, size: int) -> Iterator[None]:
        """Hold so many bytes in the context."""
        with self._changed:
            self._changed.wait_for(lambda: not self._held or self._held + size <= self._limit)
            self._held += size
        try:
            yield
        finally:
            with self._changed:
                self._held -= size
                self._changed.notify_all()
