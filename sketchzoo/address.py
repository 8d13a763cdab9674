"""Addresses: where a server listens and is called, IPv6 among them.

A host is written bare (`::1`) where it is a setting, and in brackets where a port follows
(`[::1]:50051`), as URLs and gRPC write it.
"""

import errno
import ipaddress
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator

from sketchzoo.files import write_atomically

_REASONS = {
    errno.EADDRINUSE: "the port is taken",
    errno.EACCES: "this user may not listen on that port; take one above 1023",
    errno.EADDRNOTAVAIL: "this machine does not have that address",
    errno.EAFNOSUPPORT: "this machine has no such kind of address",
    errno.EINVAL: "a link-local address needs its interface, as in fe80::1%eth0",
}
# Takes IPv4 as well, where the machine can.
_EVERY = "::"
# What one of a name's addresses may lack while the others serve.
_ABSENT = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)


def read_host(text: str) -> str:
    """Return a host as a setting gives it: a name or an address, IPv6 without brackets.

    Raises:
        ValueError: it is no host, or holds a port too.

    """
    host = text.removeprefix("[").removesuffix("]") if text.startswith("[") else text
    if not host:
        raise ValueError("give an address, for instance 127.0.0.1, or :: for all")
    if "/" in host or any(character.isspace() for character in host):
        raise ValueError(f"{text!r} is no host: give a name or an address alone")
    if ":" in host:
        try:
            ipaddress.IPv6Address(host)
        except ValueError as error:
            raise ValueError(
                f"{text!r} is no IPv6 address, and a port is a setting of its own"
            ) from error
    return host


Host = Annotated[str, AfterValidator(read_host)]
"""A setting's type: a host to listen on."""


def authority(host: str, port: int) -> str:
    """Return host and port as URLs and gRPC write them."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def check_free(host: str, port: int) -> None:
    """Return if a server can listen there; port 0 is any free one.

    Raises:
        OSError: it can't; the message says why.

    """
    _close(_bound(host, port))


def listen(host: str, port: int, backlog: int) -> list[socket.socket]:
    """Return sockets that listen on a host's addresses, all on one port; port 0 is any free one.

    `::` takes IPv4 too, where the machine can, as gRPC's servers do.

    Raises:
        OSError: it can't; the message says why.

    """
    servers = _bound(host, port)
    try:
        for server in servers:
            server.listen(backlog)
    except OSError as error:
        _close(servers)
        raise _refusal(host, port, error) from error
    return servers


def hold(host: str, port: int) -> list[socket.socket]:
    """Return sockets that hold a port for processes that listen on it together; port 0 is any.

    They have SO_REUSEPORT and do not listen: connections go to this user's processes that do,
    with SO_REUSEPORT too. A server that wants the port alone finds it taken.

    Raises:
        OSError: a server can't listen there; the message says why.

    """
    check_free(host, port)
    return _bound(host, port, _bind_shared)


def _bound(
    host: str, port: int, bind: Callable[..., socket.socket] | None = None
) -> list[socket.socket]:
    """Return a socket for each of a host's addresses.

    All that the machine has must be free: a server that gets but some would share its name with
    another, unseen.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (socket.gaierror, UnicodeError) as error:
        where = authority(host, port)
        raise OSError(f"cannot listen on {where}: there is no such host or interface") from error
    servers: list[socket.socket] = []
    absent: list[OSError] = []
    # A file of hosts may name one twice.
    for family, address in dict.fromkeys((family, address) for family, *_, address in found):
        # The first address chooses the port for all.
        chosen = servers[0].getsockname()[1] if servers else port
        try:
            each = (address[0], chosen, *address[2:])
            servers.append((bind or _bind)(family, each, both=host == _EVERY))
        except OSError as error:
            if error.errno not in _ABSENT:
                _close(servers)
                raise _refusal(host, port, error) from error
            absent.append(error)
    if not servers:
        raise _refusal(host, port, absent[0]) from absent[0]
    return servers


def _bind_shared(family: int, address: tuple[Any, ...], *, both: bool) -> socket.socket:
    """Bind as the only one, and share from then on: another group finds the port taken too."""
    try:
        server = _bind(family, address, both=both, reuse=False)
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        # Connections of a server that was here before are still ending.
        server = _bind(family, address, both=both)
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    return server


def _bind(
    family: int, address: tuple[Any, ...], *, both: bool, reuse: bool = True
) -> socket.socket:
    server = socket.socket(family, socket.SOCK_STREAM)
    try:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, reuse)
        if family == socket.AF_INET6:
            server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, not both)
        server.bind(address)
    except OSError:
        server.close()
        raise
    return server


def _close(servers: list[socket.socket]) -> None:
    for server in servers:
        server.close()


def _refusal(host: str, port: int, error: OSError) -> OSError:
    reason = _REASONS.get(error.errno or 0, error.strerror or str(error))
    return OSError(f"cannot listen on {authority(host, port)}: {reason}")


def tell_port(path: Path | None, port: int) -> None:
    """Write the port that is listened on to a file, whole or not at all; None is no file.

    Raises:
        OSError: it can't be written.

    """
    if path is not None:
        # Of no use after a loss of power.
        write_atomically(path, f"{port}\n", sync=False)
