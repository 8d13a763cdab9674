"""The queue: calls wait in turn, each giving one item, an image or a text, at a time.

Taking one item of a call and sending the call to the back shares the workers between
calls, so that a search's single item waits for one of each call before it, and
never for the other 63 of an ingest's batch. Among calls of one item it is first come,
first served.
"""

import threading
from collections import deque
from collections.abc import Callable

from encoder_service.work import Entry, Work


class QueueFullError(Exception):
    """No place for the call; so many `items` are waiting."""

    def __init__(self, items: int) -> None:
        super().__init__(f"{items} items are waiting")
        self.items = items


class WorkQueue:
    """Calls waiting for workers, at most `limit` of them.

    A call holds its place until its last item is taken. Calls of several items get at
    most half of the places (one at least), so that they cannot shut out single ones.
    """

    def __init__(self, limit: int) -> None:
        """Make a queue of `limit` places."""
        if limit < 1:
            raise ValueError(f"limit must be at least 1 call, not {limit}")
        self._limit = limit
        self._calls: deque[Work] = deque()
        self._several = 0
        self._items = 0
        self._closed = False
        self._ready = threading.Condition()

    @property
    def items(self) -> int:
        """How many items are waiting."""
        return self._items

    def put(self, work: Work) -> None:
        """Queue a call's items.

        Raises:
            QueueFullError: the queue has no place for it.

        """
        several = len(work.items) > 1
        with self._ready:
            if len(self._calls) >= self._limit or (
                several and self._several >= max(1, self._limit // 2)
            ):
                raise QueueFullError(self._items)
            self._calls.append(work)
            self._several += several
            self._items += work.waiting
            self._ready.notify(len(work.items))

    def take(self, none_left: Callable[[], None] = lambda: None) -> Entry | None:
        """Wait for the next item, after `none_left` where there is none; None when closed."""
        with self._ready:
            while not self._calls:
                none_left()
                if self._closed:
                    return None
                self._ready.wait()
            work = self._calls.popleft()
            job = Entry(work, work.taken)
            work.taken += 1
            self._items -= 1
            if work.waiting:
                self._calls.append(work)
            else:
                self._several -= len(work.items) > 1
            return job

    def remove(self, work: Work) -> int:
        """Take a call's items out; returns how many were still waiting."""
        with self._ready:
            waiting = work.waiting
            if waiting:
                self._calls.remove(work)
                work.taken = len(work.items)
                self._several -= len(work.items) > 1
                self._items -= waiting
            return waiting

    def close(self) -> None:
        """Let `take` return None when nothing is left."""
        with self._ready:
            self._closed = True
            self._ready.notify_all()
