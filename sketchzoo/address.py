"""Addresses: where a server listens and is called, IPv6 among them.

A host is written bare (`::1`) where it is a setting, and in brackets where a port follows
(`[::1]:50051`), as URLs and gRPC write it.
"""

import errno
import ipaddress
import socket
from contextlib import closing
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator

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

    A name's addresses must all be free: a server that gets but some would share its name with
    another, unseen.

    Raises:
        OSError: it can't; the message says why.

    """
    where = f"cannot listen on {authority(host, port)}"
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (socket.gaierror, UnicodeError) as error:
        raise OSError(f"{where}: there is no such host or interface") from error
    failed: list[OSError] = []
    for family, kind, protocol, _, address in found:
        try:
            with closing(socket.socket(family, kind, protocol)) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                if family == socket.AF_INET6:
                    probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, host != _EVERY)
                probe.bind(address)
        except OSError as error:
            failed.append(error)
    grave = [error for error in failed if error.errno not in _ABSENT]
    if grave or len(failed) == len(found):
        first = (grave or failed)[0]
        raise OSError(f"{where}: {_REASONS.get(first.errno or 0, first.strerror)}") from first


def listen(host: str, port: int, backlog: int) -> socket.socket:
    """Return a socket that listens; `::` takes IPv4 too, as gRPC's servers do.

    Raises:
        OSError: it can't; the message says why.

    """
    check_free(host, port)
    every = host == _EVERY and socket.has_dualstack_ipv6()
    family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
    return socket.create_server((host, port), family=family, backlog=backlog, dualstack_ipv6=every)


def tell_port(path: Path | None, port: int) -> None:
    """Write the port that is listened on to a file, whole or not at all; None is no file.

    Raises:
        OSError: it can't be written.

    """
    if path is not None:
        aside = path.with_name(f"{path.name}.new")
        aside.write_text(f"{port}\n")
        aside.replace(path)
