"""Places: where the nodes of one Qdrant listen, by URLs and by names with several addresses."""

import asyncio
import ipaddress
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from sketchzoo.address import authority
from sketchzoo.proxy import is_proxied

_PORT = 6334


@dataclass(frozen=True, slots=True)
class Place:
    """Where a node listens: host and port of its URL, and which of the host's addresses.

    Without an `address` the host has but one, or gRPC looks it up itself.
    """

    host: str
    port: int
    address: str | None = None

    @property
    def target(self) -> str:
        """What a channel connects to."""
        return authority(self.address or self.host, self.port)

    @property
    def is_looked_up(self) -> bool:
        """Whether the host is a name that may have several addresses.

        Behind a proxy names are the proxy's to look up.
        """
        try:
            ipaddress.ip_address(self.host)
        except ValueError:
            return not is_proxied(self.target)
        return False


def read_urls(text: str) -> tuple[bool, tuple[Place, ...]]:
    """Read URLs with commas between them: whether they are called by TLS, and the places.

    Raises:
        ValueError: one is none, or some are called by TLS and others are not.

    """
    found = [_read_url(each.strip()) for each in text.split(",")]
    if len({secure for secure, _ in found}) > 1:
        raise ValueError("qdrant_url must be all http:// or all https://: it is one Qdrant")
    return found[0][0], tuple(dict.fromkeys(place for _, place in found))


def _read_url(text: str) -> tuple[bool, Place]:
    try:
        url = urlsplit(text)
        port = url.port or _PORT
    except ValueError:
        pass
    else:
        if url.scheme in ("http", "https") and url.hostname:
            return url.scheme == "https", Place(url.hostname, port)
    raise ValueError(
        "qdrant_url must look like http://host:6334, https://host:6334 or http://[::1]:6334, "
        "or like several of these with commas between them"
    )


async def look_up(places: Sequence[Place], known: Sequence[Place]) -> tuple[Place, ...]:
    """Return the places with a place for each address where a name has several.

    What cannot be looked up is as it was `known`.
    """
    found = await asyncio.gather(*(_addresses(place) for place in places))
    return tuple(
        dict.fromkeys(
            each
            for place, addresses in zip(places, found, strict=True)
            for each in _of(place, addresses, known)
        )
    )


def _of(place: Place, addresses: Sequence[str], known: Sequence[Place]) -> list[Place]:
    # One of each family is one node, which may listen at one of them alone: gRPC finds which.
    fourth = sum(":" not in address for address in addresses)
    if max(fourth, len(addresses) - fourth) > 1:
        return [Place(place.host, place.port, address) for address in addresses]
    if addresses:
        return [place]
    was = [each for each in known if (each.host, each.port) == (place.host, place.port)]
    return was or [place]


async def _addresses(place: Place) -> list[str]:
    if not place.is_looked_up:
        return [place.host]
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(place.host, place.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
    return sorted({str(address[0]) for *_, address in found})
