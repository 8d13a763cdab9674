"""Origins: which pages may speak to the gateway, and under which names it answers.

A browser lets any page open a WebSocket to any server, and says whose page it is in the
Origin header. A name of a stranger's that was made to point here (DNS rebinding) would
pass for our own, so names other than localhost must be allowed; an address cannot be
made to point elsewhere.
"""

from collections.abc import Sequence
from urllib.parse import urlsplit

from sketchzoo.limits import is_network


class Origins:
    """The hosts and origins that are allowed."""

    def __init__(self, hosts: Sequence[str], origins: Sequence[str]) -> None:
        self._any_host = "*" in hosts
        self._hosts = {host.lower() for host in hosts} | {"localhost"}
        self._origins = {origin.rstrip("/").lower() for origin in origins}

    def serves(self, host: str | None) -> bool:
        """Tell whether a request with this Host header is meant for us."""
        name = _name(host)
        return name is not None and (
            self._any_host or name in self._hosts or name.endswith(".localhost") or is_network(name)
        )

    def trusts(self, origin: str | None, host: str | None) -> bool:
        """Tell whether a page of this Origin may open a WebSocket; without one none may."""
        if not origin:
            return False
        if origin.lower() in self._origins:
            return True
        parts = urlsplit(origin)
        return (
            parts.scheme in ("http", "https")
            and host is not None
            and parts.netloc.lower() == host.lower()
        )


def _name(host: str | None) -> str | None:
    if not host:
        return None
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:
        return None
