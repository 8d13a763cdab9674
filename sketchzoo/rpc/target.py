"""Targets: how a server's address is written."""

import re

# gRPC's own schemes (grpc/grpc doc/naming.md); what follows is theirs to judge.
_SCHEMES = ("dns:", "ipv4:", "ipv6:", "unix:", "unix-abstract:", "xds:")
_HOST_PORT = re.compile(
    r"(?:\[(?P<v6>[0-9A-Fa-f:.]+(?:%[\w.-]+)?)\]|(?P<host>[^\s:/\[\]]+)):(?P<port>\d{1,5})"
)
_MOST = 65535


def check_target(target: str) -> str:
    """Return a target that names a server: `host:port`, `[::1]:port` or `dns:///name:port`.

    Raises:
        ValueError: it names none; the message says what would.

    """
    scheme = next((each for each in _SCHEMES if target.startswith(each)), None)
    if scheme is not None and target.removeprefix(scheme).strip("/"):
        return target
    found = _HOST_PORT.fullmatch(target)
    if found is None or not 1 <= int(found["port"]) <= _MOST:
        raise ValueError(
            f"target must be host:port, for instance 127.0.0.1:50052 or [::1]:50052, not {target!r}"
        )
    return target
