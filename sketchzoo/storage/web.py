"""The web as threads see it: a url in, its bytes out."""

import threading
from contextlib import ExitStack
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from sketchzoo.fetch import Buffer, Failure, FetchError, FetchLimits, Sink, Url
from sketchzoo.storage.error import StorageError, StorageReason

if TYPE_CHECKING:
    from anyio.from_thread import BlockingPortal

    from sketchzoo.fetch.fetcher import Fetcher

_REASONS = {
    Failure.GONE: (StorageReason.NOT_FOUND, "is not there: {}"),
    Failure.TOO_LARGE: (StorageReason.TOO_LARGE, "{}"),
    Failure.PRIVATE: (StorageReason.PRIVATE_ADDRESS, "is not fetched: {}"),
}


class Web:
    """Fetches for several threads at once, on an event loop that begins with the first url."""

    def __init__(self, limits: FetchLimits | None = None) -> None:
        self._limits = limits or FetchLimits()
        self._mutex = threading.Lock()
        self._open = ExitStack()
        self._begun: tuple[BlockingPortal, Fetcher] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._open.close()

    def read(self, url: Url, limit: int) -> bytes:
        """Return what lies at a url.

        Raises:
            StorageError: it is not there, has more than `limit` bytes, or could not be had.

        """
        buffer = Buffer(limit)
        self.fetch(url, buffer)
        return bytes(buffer.content)

    def fetch(self, url: Url, sink: Sink) -> None:
        """Bring what lies at a url into a sink.

        Raises:
            StorageError: as `read` does.

        """
        portal, fetcher = self._begin()
        try:
            portal.call(fetcher.fetch, url, sink)
        except FetchError as error:
            reason, words = _REASONS.get(
                error.failure, (StorageReason.FETCH_FAILED, "cannot be fetched: {}")
            )
            raise StorageError(reason, words.format(error)) from error

    def _begin(self) -> "tuple[BlockingPortal, Fetcher]":
        with self._mutex:
            if self._begun is None:
                from anyio.from_thread import start_blocking_portal  # noqa: PLC0415 - see the class

                from sketchzoo.fetch.fetcher import Fetcher  # noqa: PLC0415 - see the class

                portal = self._open.enter_context(start_blocking_portal())
                fetching: Any = portal.wrap_async_context_manager(Fetcher(self._limits))
                self._begun = portal, self._open.enter_context(fetching)
            return self._begun
