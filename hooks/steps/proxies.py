"""
Which proxy stands between the step and a server.

HTTPS_PROXY, HTTP_PROXY and NO_PROXY name it: in a shell, or in a Pod's image. Our Jobs set none.
"""

from contextlib import suppress
from ipaddress import ip_address, ip_network
from ssl import SSLContext
from urllib.parse import unquote
from urllib.request import getproxies_environment, proxy_bypass

import urllib3
from urllib3.util import Timeout, make_headers, parse_url

BLOCK = 16384
"""That of urllib3 itself."""


def proxy_for(scheme: str, host: str) -> str | None:
    """Return the URL of the proxy for requests to a host; None where they go straight."""
    proxies = getproxies_environment()
    proxy = proxies.get(scheme) or proxies.get("all")
    name = host.strip("[]")
    if not proxy or is_loopback(name) or proxy_bypass(name) or in_networks(name, proxies):
        return None
    return proxy if "://" in proxy else f"http://{proxy}"


def way_through(
    proxy: str, trust: SSLContext, timeout: Timeout, *, blocksize: int = BLOCK
) -> urllib3.ProxyManager:
    """
    Return connections through a proxy, to which the credentials in its URL are told.

    Args:
        proxy: Its URL.
        trust: Whom the servers behind it are trusted by.
        timeout: Of each connection.
        blocksize: How much is sent at a time, in bytes.

    """
    auth = parse_url(proxy).auth
    return urllib3.ProxyManager(
        proxy,
        proxy_headers=make_headers(proxy_basic_auth=unquote(auth)) if auth else None,
        ssl_context=trust,
        timeout=timeout,
        blocksize=blocksize,
    )


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
