"""
Which proxy stands between the step and a server.

Whoever runs the cluster names it in HTTPS_PROXY, HTTP_PROXY and NO_PROXY; users cannot.
"""

from contextlib import suppress
from ipaddress import ip_address, ip_network
from urllib.request import getproxies_environment, proxy_bypass


def proxy_for(scheme: str, host: str) -> str | None:
    """Return the URL of the proxy for requests to a host; None where they go straight."""
    proxies = getproxies_environment()
    proxy = proxies.get(scheme) or proxies.get("all")
    name = host.strip("[]")
    if not proxy or is_loopback(name) or proxy_bypass(name) or in_networks(name, proxies):
        return None
    return proxy if "://" in proxy else f"http://{proxy}"


def is_loopback(host: str) -> bool:
    """Whether a host is this machine by its name or address; a proxy's would be another one."""
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def in_networks(host: str, proxies: dict[str, str]) -> bool:
    """Whether an address is in a network that NO_PROXY has; the standard library knows names."""
    with suppress(ValueError):
        address = ip_address(host)
        for entry in proxies.get("no", "").split(","):
            with suppress(ValueError):
                if address in ip_network(entry.strip(), strict=False):
                    return True
    return False
