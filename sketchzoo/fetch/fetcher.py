"""The fetcher: one file over HTTP, gone on from where it stopped, tried again where that helps."""

import asyncio
import base64
import math
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from types import TracebackType
from typing import Self
from urllib.parse import unquote

import httpcore
import httpx
from tenacity import AsyncRetrying, retry_if_exception
from tenacity.stop import stop_after_attempt, stop_before_delay

import sketchzoo
from sketchzoo.fetch.addresses import allowed, resolve
from sketchzoo.fetch.answers import Answer, WrongPartError
from sketchzoo.fetch.body import unpacked
from sketchzoo.fetch.limits import FetchLimits
from sketchzoo.fetch.network import JudgedNetwork
from sketchzoo.fetch.proxies import proxy_of
from sketchzoo.fetch.sink import Failure, FetchError, Part, Sink, TryAgainError
from sketchzoo.fetch.url import Url
from sketchzoo.retry import WaitAsAsked, failure

_TRANSPORT = (
    httpcore.NetworkError,
    httpcore.TimeoutException,
    httpcore.ProtocolError,
    httpcore.ProxyError,
    ssl.SSLError,
)
Sleep = Callable[[float], Awaitable[None]]


class Fetcher:
    """Fetches files within limits, several at once; to be entered before.

    Redirects are followed by hand, each one judged. Where the environment names a proxy for
    a host, it is asked; the host's addresses are judged here as far as they are known here.
    """

    def __init__(self, limits: FetchLimits | None = None, sleep: Sleep = asyncio.sleep) -> None:
        self._limits = limits or FetchLimits()
        self._sleep = sleep
        self._open = AsyncExitStack()
        self._pools: dict[str | None, httpcore.AsyncConnectionPool] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._open.aclose()

    async def fetch(self, url: Url, sink: Sink) -> None:
        """Bring a file's bytes into `sink`, going on from what is there.

        Raises:
            FetchError: that cannot be done. The sink keeps what arrived if going on from
                there may help.

        """
        limits, met = self._limits, list[str]()
        retrying = AsyncRetrying(
            retry=retry_if_exception(self._may_pass),
            wait=WaitAsAsked(limits.backoff_seconds, longest=math.inf, jitter=0.0),
            stop=stop_after_attempt(limits.attempts) | stop_before_delay(limits.seconds),
            sleep=self._sleep,
            after=lambda state: met.append(str(failure(state))),
            reraise=True,
        )
        try:
            async with asyncio.timeout(limits.seconds) as time:
                await retrying(self._attempt, url, sink)
        except TryAgainError as error:
            left = (time.when() or 0.0) - asyncio.get_running_loop().time()
            longest = min(left, limits.max_wait_seconds)
            why = f"took over {limits.seconds:g} s ({error})"
            if error.retry_after is not None and error.retry_after > longest > 0:
                why = f"{error}; asks to wait {error.retry_after:.0f} s, over {longest:.0f} s"
            elif len(met) == limits.attempts:
                why = f"{error} (tried {len(met)} times)"
            raise FetchError(Failure.FAILED, why) from error
        except TimeoutError as error:
            before = f" ({met[-1]})" if met else ""
            raise FetchError(Failure.FAILED, f"took over {limits.seconds:g} s{before}") from error

    def _may_pass(self, error: BaseException) -> bool:
        if not isinstance(error, TryAgainError):
            return False
        return error.retry_after is None or error.retry_after <= self._limits.max_wait_seconds

    async def _attempt(self, url: Url, sink: Sink) -> None:
        try:
            await self._take(url, sink)
        except WrongPartError:
            sink.discard()
            raise
        except (httpcore.UnsupportedProtocol, httpcore.LocalProtocolError) as error:
            raise FetchError(Failure.REFUSED, f"not a usable URL: {error}") from error
        except _TRANSPORT as error:
            # Another attempt meets the same certificate.
            if isinstance(error.__context__, ssl.SSLCertVerificationError):
                raise FetchError(Failure.REFUSED, str(error)) from error
            raise TryAgainError(f"{type(error).__name__}: {error}".rstrip(": ")) from error

    async def _take(self, url: Url, sink: Sink) -> None:
        have, validator = sink.held()
        last = sink.max_bytes - 1 if isinstance(sink, Part) else ""
        header = {"range": f"bytes={have}-{last}"} if have else {}
        if have and validator:
            header["if-range"] = validator
        for _ in range(self._limits.max_redirects + 1):
            async with await self._ask(url, header) as response:
                answer = Answer.of(response)
                there = answer.redirect(url)
                if there is None:
                    return await self._receive(response, answer, sink, answer.begin(have))
                url = there
        raise FetchError(Failure.REFUSED, f"over {self._limits.max_redirects} redirects")

    async def _ask(
        self, url: Url, header: dict[str, str]
    ) -> AbstractAsyncContextManager[httpcore.Response]:
        try:
            target = httpx.URL(url.text)
            host = target.raw_host.decode("ascii")
        except (httpx.InvalidURL, ValueError) as error:
            raise FetchError(Failure.REFUSED, f"not a usable URL: {error}") from error
        proxy = proxy_of(target.scheme, host)
        if proxy is not None:
            await self._judge(host, target.port or (443 if url.is_secure else 80))
        sent = {
            "host": target.netloc.decode("ascii"),
            "user-agent": f"sketchzoo/{sketchzoo.__version__}",
            "accept": "image/*,*/*;q=0.1",
            # Photos are packed already; and ranges are of the bytes as they lie there.
            "accept-encoding": "identity",
            **header,
        }
        if url.user_info:
            name, _, password = map(unquote, url.user_info.partition(":"))
            credentials = base64.b64encode(f"{name}:{password}".encode())
            sent["authorization"] = f"Basic {credentials.decode()}"
        pool = await self._pool(proxy)
        limits = self._limits
        return pool.stream(
            "GET",
            httpcore.URL(
                scheme=target.raw_scheme,
                host=target.raw_host,
                port=target.port,
                target=target.raw_path,
            ),
            headers=[(name.encode(), value.encode()) for name, value in sent.items()],
            extensions={
                "timeout": {
                    "connect": limits.connect_seconds,
                    "read": limits.read_seconds,
                    "write": limits.read_seconds,
                    "pool": limits.seconds,
                }
            },
        )

    async def _judge(self, host: str, port: int) -> None:
        """Judge a host that a proxy will connect to, where its name means anything here."""
        try:
            found = await resolve(host, port)
        except OSError:
            return  # only the proxy knows it
        allowed(host, found, private=self._limits.allow_private_addresses)

    async def _pool(self, proxy: str | None) -> httpcore.AsyncConnectionPool:
        if proxy not in self._pools:
            # A proxy is the operator's own choice, wherever it is.
            private = proxy is not None or self._limits.allow_private_addresses
            pool = httpcore.AsyncConnectionPool(
                ssl_context=_certificates(),
                proxy=None if proxy is None else _proxy(proxy),
                max_connections=self._limits.at_once,
                keepalive_expiry=self._limits.read_seconds,
                network_backend=JudgedNetwork(private=private),
            )
            self._pools[proxy] = await self._open.enter_async_context(pool)
        return self._pools[proxy]

    async def _receive(
        self, response: httpcore.Response, answer: Answer, sink: Sink, begin: int
    ) -> None:
        limit = sink.max_bytes
        if answer.length is not None and begin + answer.length > limit:
            raise FetchError(
                Failure.TOO_LARGE, f"has {begin + answer.length} bytes; at most {limit} are taken"
            )
        count = begin
        with sink.writing(begin, answer.validator) as write:
            async for piece in unpacked(_bounded(response, limit), answer.encoding):
                count += len(piece)
                if count > limit:
                    sink.discard()
                    raise FetchError(
                        Failure.TOO_LARGE, f"has over {limit} bytes; no more are taken"
                    )
                write(piece)
        if sink.expected is not None and count < sink.expected:
            raise TryAgainError(f"ended after {count} of {sink.expected} bytes")


async def _bounded(response: httpcore.Response, limit: int) -> AsyncIterator[bytes]:
    """Yield a body as it comes; what unpacks to nothing counts as well."""
    count = 0
    async for piece in response.aiter_stream():
        count += len(piece)
        if count > limit:
            raise FetchError(Failure.TOO_LARGE, f"has over {limit} bytes; no more are taken")
        yield piece


def _proxy(url: str) -> httpcore.Proxy:
    try:
        known = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise FetchError(Failure.REFUSED, "the environment's proxy is no usable URL") from error
    if known.scheme not in ("http", "https") or not known.host:
        raise FetchError(
            Failure.REFUSED, f"the environment's proxy must be http or https, not {known.scheme}"
        )
    return httpcore.Proxy(
        httpcore.URL(scheme=known.raw_scheme, host=known.raw_host, port=known.port, target=b"/"),
        auth=(known.username, known.password) if known.username else None,
    )


def _certificates() -> ssl.SSLContext:
    try:
        return httpx.create_ssl_context()
    except OSError as error:
        # SSL_CERT_FILE and SSL_CERT_DIR say what is trusted.
        raise FetchError(
            Failure.REFUSED, f"the environment's certificates cannot be read: {error}"
        ) from error
