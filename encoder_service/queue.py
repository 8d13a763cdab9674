"""The queue: calls wait in turn, each giving one image at a time.

Taking one image of a call and sending the call to the back shares the workers between
calls, so that a search's single image waits for one image of each call before it, and
never for the other 63 of an ingest's batch. Among calls of one image it is first come,
first served.
"""

import threading
from collections import deque
from collections.abc import Callable

from encoder_service.work import Entry, Work


class QueueFullError(Exception):
    """No place for the call; `images` are waiting."""

    def __init__(self, images: int) -> None:
        super().__init__(f"{images} images are waiting")
        self.images = images


class WorkQueue:
    """Calls waiting for workers, at most `limit` of them.

    A call holds its place until its last image is taken. Calls of several images get at
    most half of the places (one at least), so that they cannot shut out single ones.
    """

    def __init__(self, limit: int) -> None:
        """Make a queue of `limit` places."""
        if limit < 1:
            raise ValueError(f"limit must be at least 1 call, not {limit}")
        self._limit = limit
        self._calls: deque[Work] = deque()
        self._several = 0
        self._images = 0
        self._closed = False
        self._ready = threading.Condition()

    @property
    def images(self) -> int:
        """How many images are waiting."""
        return self._images

    def put(self, work: Work) -> None:
        """Queue a call's images.

        Raises:
            QueueFullError: the queue has no place for it.

        """
        several = len(work.images) > 1
        with self._ready:
            if len(self._calls) >= self._limit or (
                several and self._several >= max(1, self._limit // 2)
            ):
                raise QueueFullError(self._images)
            self._calls.append(work)
            self._several += several
            self._images += work.waiting
            self._ready.notify(len(work.images))

    def take(self, none_left: Callable[[], None] = lambda: None) -> Entry | None:
        """Wait for the next image, after `none_left` where there is none; None when closed."""
        with self._ready:
            while not self._calls:
                none_left()
                if self._closed:
                    return None
                self._ready.wait()
            work = self._calls.popleft()
            job = Entry(work, work.taken)
            work.taken += 1
            self._images -= 1
            if work.waiting:
                self._calls.append(work)
            else:
                self._several -= len(work.images) > 1
            return job

    def remove(self, work: Work) -> int:
        """Take a call's images out; returns how many were still waiting."""
        with self._ready:
            waiting = work.waiting
            if waiting:
                self._calls.remove(work)
                work.taken = len(work.images)
                self._several -= len(work.images) > 1
                self._images -= waiting
            return waiting

    def close(self) -> None:
        """Let `take` return None when nothing is left."""
        with self._ready:
            self._closed = True
            self._ready.notify_all()
