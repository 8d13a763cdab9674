"""Fetching photos by url: bounded in size and time, tried again where that may help."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import sketchzoo
from ingest.outcome import Reason, RefusedError
from ingest.sources.local import too_large

_GONE = (404, 410)
_OK = 200
_LATER = (408, 425, 429, 500, 502, 503, 504)


@dataclass(frozen=True, slots=True)
class FetchLimits:
    """How long a fetch may take in all, how often it is tried, how many run at once."""

    seconds: float = 30.0
    attempts: int = 3
    at_once: int = 8
    max_redirects: int = 5

    def __post_init__(self) -> None:
        if self.seconds <= 0:
            raise ValueError(f"seconds must be above 0, not {self.seconds}")
        if min(self.attempts, self.at_once) < 1 or self.max_redirects < 0:
            raise ValueError("attempts and at_once must be at least 1, max_redirects at least 0")


class Fetcher:
    """Fetches over HTTP in the caller's thread; one client for all threads.

    httpx is imported with the first url, so that folders need none of it.
    """

    def __init__(
        self, limits: FetchLimits | None = None, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._limits = limits or FetchLimits()
        self._sleep = sleep
        self._client: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._client is not None:
            self._client.close()

    def fetch(self, url: str, limit: int) -> bytes:
        """Return what lies at a url.

        Raises:
            RefusedError: it is not there, longer than `limit`, or could not be had.

        """
        import httpx  # noqa: PLC0415 - see the class

        end = time.monotonic() + self._limits.seconds
        for attempt in range(1, self._limits.attempts + 1):
            try:
                return self._attempt(url, limit, end)
            except _TryLaterError as error:
                message, asked = error.message, error.seconds
            except httpx.TransportError as error:
                message, asked = f"{type(error).__name__}: {error}", None
            except (httpx.InvalidURL, httpx.HTTPError, ValueError) as error:
                raise RefusedError(Reason.FETCH_FAILED, f"cannot be fetched: {error}") from error
            pause = 0.25 * 2**attempt if asked is None else asked
            if attempt == self._limits.attempts or time.monotonic() + pause > end:
                break
            self._sleep(pause)
        raise RefusedError(Reason.FETCH_FAILED, f"cannot be fetched: {message}")

    def _attempt(self, url: str, limit: int, end: float) -> bytes:
        with self._open().stream("GET", url) as response:
            if response.status_code in _GONE:
                raise RefusedError(Reason.NOT_FOUND, f"is not there: HTTP {response.status_code}")
            if response.status_code in _LATER:
                raise _TryLaterError(response.status_code, response.headers.get("retry-after", ""))
            if response.status_code != _OK:
                raise RefusedError(
                    Reason.FETCH_FAILED, f"cannot be fetched: HTTP {response.status_code}"
                )
            stated = response.headers.get("content-length", "")
            if stated.isdecimal() and int(stated) > limit:
                raise too_large(int(stated), limit)
            content = bytearray()
            for piece in response.iter_raw():
                content += piece
                if len(content) > limit:
                    raise RefusedError(Reason.TOO_LARGE, f"has over {limit} bytes")
                # A server that drips a byte now and then meets no timeout of its own.
                if time.monotonic() > end:
                    raise RefusedError(
                        Reason.FETCH_FAILED, f"took over {self._limits.seconds:g} s to fetch"
                    )
            return bytes(content)

    def _open(self) -> Any:
        if self._client is None:
            import httpx  # noqa: PLC0415 - see the class

            self._client = httpx.Client(
                follow_redirects=True,
                max_redirects=self._limits.max_redirects,
                timeout=httpx.Timeout(min(10.0, self._limits.seconds)),
                limits=httpx.Limits(max_connections=self._limits.at_once),
                headers={
                    "user-agent": f"sketchzoo/{sketchzoo.__version__}",
                    "accept": "image/*",
                    # Images are packed already; and no answer unpacks to more than it sent.
                    "accept-encoding": "identity",
                },
            )
        return self._client


class _TryLaterError(Exception):
    """The server asks to come back; `seconds` says when, if it said so."""

    def __init__(self, status: int, retry_after: str) -> None:
        super().__init__(status)
        self.message = f"HTTP {status}"
        self.seconds = float(retry_after) if retry_after.isdecimal() else None
