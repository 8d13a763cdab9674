"""Addresses: what a name leads to, and which machines may be fetched from."""

import asyncio
import ipaddress
import socket
import threading
from collections.abc import Iterable

from sketchzoo.fetch.sink import Failure, FetchError

_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_COMPATIBLE = ipaddress.ip_network("::/96")


def is_public(address: str) -> bool:
    """Tell whether an address is on the internet for everybody.

    It is not where it is this machine's, its network's, a carrier's, or that of many:
    loopback, private, link-local, shared (CGNAT), unspecified, reserved, multicast. An
    IPv6 address that stands for an IPv4 one is as public as that.
    """
    found = ipaddress.ip_address(address)
    if isinstance(found, ipaddress.IPv6Address) and (inner := _embedded(found)) is not None:
        return is_public(str(inner))
    special = found.is_multicast or found.is_reserved or found.is_unspecified
    local = isinstance(found, ipaddress.IPv6Address) and found.is_site_local
    return found.is_global and not special and not local


def _embedded(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """Return the IPv4 address that packets to an IPv6 one end up at."""
    if address in _NAT64 or (address in _COMPATIBLE and int(address) > 1):
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    if address.teredo is not None:
        return address.teredo[1]
    return address.ipv4_mapped or address.sixtofour


async def resolve(host: str, port: int) -> list[str]:
    """Return a host's addresses, in the order in which they are to be tried.

    In a thread of its own: the system's resolver cannot be cancelled, and whoever gives
    up waiting does not wait for it at the end either.

    Raises:
        OSError: it has none.

    """
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[list[str]] = loop.create_future()

    def settle(found: list[str] | OSError) -> None:
        if answer.done():
            return
        if isinstance(found, OSError):
            answer.set_exception(found)
        else:
            answer.set_result(found)

    def ask() -> None:
        found: list[str] | OSError
        try:
            infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            found = list(dict.fromkeys(str(info[4][0]) for info in infos))
        except OSError as error:
            found = error
        except UnicodeError as error:
            found = OSError(f"no host is called so: {error}")
        try:
            loop.call_soon_threadsafe(settle, found)
        except RuntimeError:
            return  # the loop has ended meanwhile: nobody waits any more

    threading.Thread(target=ask, name="resolve", daemon=True).start()
    return await answer


def allowed(host: str, addresses: Iterable[str], *, private: bool) -> list[str]:
    """Return those of a host's addresses that may be connected to.

    Raises:
        FetchError: PRIVATE, none may.

    """
    found = list(addresses)
    usable = [address for address in found if private or is_public(address)]
    if not usable:
        shown = host if found == [host] else f"{host} ({found[0]})"
        raise FetchError(
            Failure.PRIVATE,
            f"{shown} is no public address; --allow-private-addresses fetches from there too",
        )
    return usable
