"""One file over HTTP: resumed where it stopped, tried again where that helps, never too much."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urljoin, urlsplit

import httpx

import sketchzoo
from gallery.fetch._manifest import Row
from gallery.fetch._part import Part
from gallery.fetch._report import Outcome, PhotoError
from gallery.limits import Limits

_LATER = (408, 425, 429, 500, 502, 503, 504)
_REDIRECT = (301, 302, 303, 307, 308)
_GONE = (404, 410)
_OK, _PARTIAL, _UNSATISFIABLE = 200, 206, 416

Sleep = Callable[[float], Awaitable[None]]


@dataclass(slots=True)
class Budget:
    """Bytes that the run may still take from the network."""

    left: int
    taken: int = 0

    def take(self, count: int) -> None:
        """Count bytes that arrived; raises `PhotoError` once there were too many."""
        self.taken += count
        self.left -= count
        if self.left < 0:
            raise PhotoError(Outcome.OVER_BUDGET, "the run took max_total_bytes; run it again")


class _TryAgainError(Exception):
    """It may work later; `seconds` is how long the server asks to wait, if it does."""

    def __init__(self, message: str, seconds: float | None = None) -> None:
        super().__init__(message)
        self.seconds = seconds


def a_client(limits: Limits) -> httpx.AsyncClient:
    """Return a client with this run's timeouts; redirects are followed by `Download`."""
    timeout = httpx.Timeout(limits.read_seconds, connect=limits.connect_seconds)
    return httpx.AsyncClient(
        follow_redirects=False,
        timeout=timeout,
        limits=httpx.Limits(max_connections=limits.at_once),
        headers={
            "user-agent": f"sketchzoo/{sketchzoo.__version__}",
            "accept": "image/*",
            # The hash and the ranges are of the bytes as they lie there.
            "accept-encoding": "identity",
        },
    )


class Download:
    """Fetches files with one client, within one budget."""

    def __init__(
        self,
        client: httpx.AsyncClient,
        limits: Limits,
        budget: Budget,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._client = client
        self._limits = limits
        self._budget = budget
        self._sleep = sleep

    async def fetch(self, row: Row, part: Part) -> None:
        """Fetch a photo's bytes into `part`, going on where an earlier run stopped.

        Raises `PhotoError` if that can't be done; `part` then holds what arrived, if going on
        from there may help.
        """
        pause = self._limits.backoff_seconds
        for attempt in range(1, self._limits.attempts + 1):
            try:
                async with asyncio.timeout(self._limits.file_seconds):
                    return await self._attempt(row, part)
            except _TryAgainError as error:
                why, wait = str(error), error.seconds
            except TimeoutError:
                why, wait = f"took over {self._limits.file_seconds:g} s", None
            except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
                raise PhotoError(Outcome.REFUSED, f"not a usable URL: {error}") from error
            except httpx.TransportError as error:
                why, wait = f"{type(error).__name__}: {error}".rstrip(": "), None
            wait = pause if wait is None else wait
            pause *= 2
            if wait > self._limits.max_wait_seconds:
                why += f"; asks to wait {wait:.0f} s, over max_wait_seconds"
                break
            if attempt < self._limits.attempts:
                await self._sleep(wait)
        raise PhotoError(Outcome.FAILED, f"{why} (tried {attempt} times)")

    async def _attempt(self, row: Row, part: Part) -> None:
        have, validator = part.size, part.validator
        # Without a validator only a hash can tell that both halves are of one file.
        if have and not (validator or row.sha256):
            have = 0
        headers = {"range": f"bytes={have}-"} if have else {}
        if have and validator:
            headers["if-range"] = validator
        url = row.where
        for _ in range(self._limits.max_redirects + 1):
            async with self._client.stream("GET", url, headers=headers) as response:
                if response.status_code in _REDIRECT:
                    url = _next(url, response)
                    continue
                begin = _accepted(response, part, have)
                return await self._receive(response, row, part, begin)
        raise PhotoError(Outcome.REFUSED, f"over {self._limits.max_redirects} redirects")

    async def _receive(self, response: httpx.Response, row: Row, part: Part, begin: int) -> None:
        total = self._announced(response, row, begin)
        if begin == 0:
            part.remember(response)
        count = begin
        # Unbuffered and in the pieces that arrive, so that a kill loses none of them.
        with part.path.open("ab" if begin else "wb", buffering=0) as file:
            async for piece in response.aiter_raw():
                count += len(piece)
                self._check_size(count, row, part)
                self._budget.take(len(piece))
                file.write(piece)
        if total is not None and count < total:
            raise _TryAgainError(f"ended after {count} of {total} bytes")
        if row.size is not None and count != row.size:
            part.forget()
            raise PhotoError(
                Outcome.WRONG_HASH, f"has {count} bytes, but the manifest says {row.size}"
            )

    def _announced(self, response: httpx.Response, row: Row, begin: int) -> int | None:
        """Return the whole length that the server names, refusing one that is too long."""
        stated = response.headers.get("content-length", "")
        if not stated.isdecimal():
            return row.size
        total = begin + int(stated)
        if total > self._limits.max_file_bytes:
            raise PhotoError(
                Outcome.TOO_LARGE, f"has {total} bytes, over {self._limits.max_file_bytes}"
            )
        return total

    def _check_size(self, count: int, row: Row, part: Part) -> None:
        if count > self._limits.max_file_bytes:
            part.forget()
            raise PhotoError(Outcome.TOO_LARGE, f"has over {self._limits.max_file_bytes} bytes")
        if row.size is not None and count > row.size:
            part.forget()
            raise PhotoError(Outcome.WRONG_HASH, f"is longer than the manifest's {row.size} bytes")


def _accepted(response: httpx.Response, part: Part, have: int) -> int:
    """Return from which byte on the answer goes; raise for one that can't be used."""
    status = response.status_code
    if status in _GONE:
        raise PhotoError(Outcome.NOT_FOUND, f"HTTP {status}")
    if status in _LATER:
        raise _TryAgainError(f"HTTP {status}", _retry_after(response))
    if status == _UNSATISFIABLE and have:
        part.forget()
        raise _TryAgainError("the file there is shorter than the part here", 0.0)
    if status not in (_OK, _PARTIAL):
        raise PhotoError(Outcome.REFUSED, f"HTTP {status}")
    if response.headers.get("content-encoding", "identity") != "identity":
        raise PhotoError(Outcome.REFUSED, "sent with a content-encoding that wasn't asked for")
    begin = _begin(response) if status == _PARTIAL else 0
    if status == _PARTIAL and begin != have:
        part.forget()
        raise _TryAgainError(f"sent bytes from {begin}, asked for {have}", 0.0)
    return begin


def _next(url: str, response: httpx.Response) -> str:
    """Return where a redirect leads, refusing any scheme but http and https, and a downgrade."""
    location = str(response.headers.get("location", ""))
    try:
        there = urljoin(url, location)
        scheme, host = urlsplit(there).scheme, urlsplit(there).hostname
    except ValueError:
        there, scheme, host = location, "", None
    if scheme not in ("http", "https") or not host:
        raise PhotoError(Outcome.REFUSED, f"redirects to {there[:200]!r}, not to http or https")
    if urlsplit(url).scheme == "https" and scheme == "http":
        raise PhotoError(Outcome.REFUSED, "redirects from https to http")
    return there


def _retry_after(response: httpx.Response) -> float | None:
    """Return Retry-After in seconds, from a number or a date, as RFC 9110 has both."""
    text = response.headers.get("retry-after", "")
    if text.isdecimal():
        return float(text)
    with contextlib.suppress(ValueError, TypeError):
        return max(0.0, (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds())
    return None


def _begin(response: httpx.Response) -> int:
    """Return the first byte's place from `Content-Range: bytes 5-9/10`; -1 if unreadable."""
    text = response.headers.get("content-range", "").removeprefix("bytes ").split("-")[0]
    return int(text) if text.isdecimal() else -1
