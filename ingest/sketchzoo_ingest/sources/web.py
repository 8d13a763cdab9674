"""The web as a source's threads see it: a url in, its bytes out."""

import threading
from contextlib import ExitStack
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from sketchzoo.fetch import Buffer, Failure, FetchError, FetchLimits, Url
from sketchzoo_ingest.outcome import Reason, RefusedError

if TYPE_CHECKING:
    from anyio.from_thread import BlockingPortal

    from sketchzoo.fetch.fetcher import Fetcher

_REASONS = {
    Failure.GONE: (Reason.NOT_FOUND, "is not there: {}"),
    Failure.TOO_LARGE: (Reason.TOO_LARGE, "{}"),
    Failure.PRIVATE: (Reason.PRIVATE_ADDRESS, "is not fetched: {}"),
}


class Web:
    """Fetches for several threads at once, on an event loop that begins with the first url.

    Folders need neither the loop nor the HTTP library.
    """

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
            RefusedError: it is not there, has more than `limit` bytes, or could not be had.

        """
        portal, fetcher = self._begin()
        buffer = Buffer(limit)
        try:
            portal.call(fetcher.fetch, url, buffer)
        except FetchError as error:
            reason, words = _REASONS.get(
                error.failure, (Reason.FETCH_FAILED, "cannot be fetched: {}")
            )
            raise RefusedError(reason, words.format(error)) from error
        return bytes(buffer.content)

    def _begin(self) -> "tuple[BlockingPortal, Fetcher]":
        with self._mutex:
            if self._begun is None:
                from anyio.from_thread import start_blocking_portal  # noqa: PLC0415 - see the class

                from sketchzoo.fetch.fetcher import Fetcher  # noqa: PLC0415 - see the class

                portal = self._open.enter_context(start_blocking_portal())
                fetching: Any = portal.wrap_async_context_manager(Fetcher(self._limits))
                self._begun = portal, self._open.enter_context(fetching)
            return self._begun
