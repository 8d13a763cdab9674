"""Proxies: which servers are called through the one that the environment names.

gRPC sends every call through `grpc_proxy`, `https_proxy` or `http_proxy`, those to this very
machine too, and no proxy of an office knows its way back. So what is near is called directly,
whatever the environment says; what is far goes as the environment says.
"""

import ipaddress
import os
from urllib.request import proxy_bypass

# Names that resolve inside a machine, a network or a cluster alone: RFC 6761, 6762 and 8375,
# ICANN's `.internal`, and what Kubernetes calls a service.
_NEAR = (".localhost", ".local", ".home.arpa", ".lan", ".internal", ".svc")

# What gRPC reads; `no_proxy` alone names none.
_PROXIES = ("grpc_proxy", "https_proxy", "http_proxy")


def proxy_options(target: str) -> list[tuple[str, int | str]]:
    """Return the channel options that keep calls of a near target off any proxy."""
    return [("grpc.enable_http_proxy", 0)] if called_directly(target) else []


def called_directly(target: str) -> bool:
    """Tell whether all of a gRPC target's addresses are near, or excepted by `no_proxy`.

    Near are loopback, private and link-local addresses, sockets of this machine, names
    without a dot (a service in Compose) and those that end as private ones do.
    """
    scheme, colon, rest = target.partition(":")
    if not colon or scheme not in ("dns", "ipv4", "ipv6", "unix", "unix-abstract"):
        rest = target
    elif scheme.startswith("unix"):
        return True
    names = rest.rsplit("/", 1)[-1].split(",")
    hosts = [_host(name) for name in names]
    return all(is_near(host) or bool(proxy_bypass(host)) for host in hosts)


def is_proxied(target: str) -> bool:
    """Tell whether gRPC calls a target through a proxy that the environment names."""
    return not called_directly(target) and any(os.environ.get(name) for name in _PROXIES)


def _host(name: str) -> str:
    if name.startswith("["):
        return name[1:].partition("]")[0]
    return name if name.count(":") > 1 else name.partition(":")[0]


def is_near(host: str) -> bool:
    """Tell whether a host is of this machine, or of a network that only those inside reach."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        name = host.lower().rstrip(".")
        return "." not in name or name.endswith(_NEAR)
    return address.is_loopback or address.is_private or address.is_link_local
