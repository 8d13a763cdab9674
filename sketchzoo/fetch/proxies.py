"""Proxies: what the environment says of the way to a host (`https_proxy`, `no_proxy`)."""

import ipaddress
from urllib.request import getproxies, proxy_bypass


def proxy_of(scheme: str, host: str) -> str | None:
    """Return the proxy's url for a host; None where there is none, and for this machine."""
    proxies = getproxies()
    proxy = proxies.get(scheme) or proxies.get("all")
    if not proxy or _is_here(host) or proxy_bypass(host):
        return None
    return proxy if "://" in proxy else f"http://{proxy}"


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.rstrip(".").lower() == "localhost"
