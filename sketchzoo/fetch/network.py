"""The network under the HTTP library: connections go where it was judged that they may.

A name is resolved once, each of its addresses is judged, and one of those is connected to:
a name that resolves otherwise a moment later leads nowhere else.
"""

import asyncio
import ssl
from collections.abc import Iterable
from typing import Any

import httpcore

from sketchzoo.fetch.addresses import allowed, resolve


class JudgedNetwork(httpcore.AsyncNetworkBackend):
    """Connects to a host's addresses that may be connected to, and to no others."""

    def __init__(self, *, private: bool) -> None:
        self._private = private
        self._inner = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the library's contract
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to the first address that answers."""
        try:
            found = await resolve(host, port)
        except OSError as error:
            raise httpcore.ConnectError(
                f"{host} cannot be found: {error.strerror or error}"
            ) from error
        addresses = allowed(host, found, private=self._private)
        for number, address in enumerate(addresses, start=1):
            # One that does not answer leaves time for the others.
            share = None if timeout is None else timeout / len(addresses)
            try:
                return _Connection(
                    await self._inner.connect_tcp(
                        address, port, share, local_address, socket_options
                    )
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                if number == len(addresses):
                    raise
        raise AssertionError("a host that was found has an address")

    async def sleep(self, seconds: float) -> None:
        """Pause."""
        await asyncio.sleep(seconds)


class _Connection(httpcore.AsyncNetworkStream):
    """A connection that is closed, too, when a handshake is given up."""

    def __init__(self, inner: httpcore.AsyncNetworkStream) -> None:
        self._inner = inner

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109 - the library's contract
        return await self._inner.read(max_bytes, timeout)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109
        await self._inner.write(buffer, timeout)

    async def aclose(self) -> None:
        await self._inner.aclose()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> httpcore.AsyncNetworkStream:
        try:
            return _Connection(await self._inner.start_tls(ssl_context, server_hostname, timeout))
        except asyncio.CancelledError:
            await self._inner.aclose()
            raise

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)
