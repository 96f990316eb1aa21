"""
Which network addresses data may come from.

An address of the data is text of a user, and the Pod that follows it stands inside the cluster:
without a check it would reach the cloud's metadata server, the API server and what else listens on
private addresses. So names are resolved here, once, and a connection goes to what was checked.
Source: https://cheatsheetseries.owasp.org/cheatsheets/Server_Side_Request_Forgery_Prevention_Cheat_Sheet.html
"""

import socket
from collections.abc import Callable, Iterable
from contextlib import suppress
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

from hooks.steps.failures import CannotBe, TryAgain

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
Lookup = Callable[[str, int], Iterable[str]]

# All that is routed in public; the rest of IPv6 is for something else.
# https://www.iana.org/assignments/ipv6-address-space/ipv6-address-space.xhtml
GLOBAL_UNICAST = IPv6Network("2000::/3")
# A translator makes IPv4 connections of these. https://www.rfc-editor.org/rfc/rfc6052#section-2.1
NAT64 = IPv6Network("64:ff9b::/96")
IPV4_BITS = 32

# Written out, for what Python calls private differs from one patch version to the next. What the
# registries list as reachable from everywhere is not here, but for two addresses of 192.0.0.0/24.
# https://www.iana.org/assignments/iana-ipv4-special-registry/iana-ipv4-special-registry.xhtml
# https://www.iana.org/assignments/iana-ipv6-special-registry/iana-ipv6-special-registry.xhtml
SPECIAL: dict[Network, str] = {
    ip_network(text): kind
    for text, kind in (
        ("0.0.0.0/32", "unspecified"),
        ("0.0.0.0/8", "special-purpose"),
        ("10.0.0.0/8", "private"),
        ("100.64.0.0/10", "special-purpose"),  # carriers', and Alibaba's metadata server
        ("127.0.0.0/8", "loopback"),
        ("169.254.0.0/16", "link-local"),
        ("172.16.0.0/12", "private"),
        ("192.0.0.0/24", "special-purpose"),  # Oracle's metadata server answers in it
        ("192.0.2.0/24", "documentation"),
        ("192.88.99.0/24", "special-purpose"),
        ("192.168.0.0/16", "private"),
        ("198.18.0.0/15", "special-purpose"),
        ("198.51.100.0/24", "documentation"),
        ("203.0.113.0/24", "documentation"),
        # https://www.iana.org/assignments/multicast-addresses/multicast-addresses.xhtml
        ("224.0.0.0/4", "multicast"),
        ("240.0.0.0/4", "reserved"),
        # https://learn.microsoft.com/en-us/azure/virtual-network/what-is-ip-address-168-63-129-16
        ("168.63.129.16/32", "platform"),
        ("::/128", "unspecified"),
        ("::1/128", "loopback"),
        ("2001::/23", "special-purpose"),
        ("2001:db8::/32", "documentation"),
        ("3fff::/20", "documentation"),
        ("fc00::/7", "private"),
        ("fe80::/10", "link-local"),
        # https://www.iana.org/assignments/ipv6-multicast-addresses/ipv6-multicast-addresses.xhtml
        ("ff00::/8", "multicast"),
    )
}


def parse_networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """
    Return networks such as 10.0.0.0/8 and fd00::/8.

    Raises:
        CannotBe: One is no network.

    """
    return tuple(parse_network(text) for text in texts)


def parse_network(text: str) -> Network:
    """
    Return one network; an address alone is the network of just that address.

    Raises:
        CannotBe: It is none.

    """
    try:
        return ip_network(text.strip())
    except ValueError as error:
        raise CannotBe(f"--allow-network: {error}; write it as 10.0.0.0/8 or fd00::/8") from None


def embedded(address: Address) -> Address:
    """Return the IPv4 address that an IPv6 address leads to, or else the address itself."""
    if isinstance(address, IPv4Address):
        return address
    if address in NAT64:
        return IPv4Address(int(address) & (2**IPV4_BITS - 1))
    teredo = address.teredo
    return address.ipv4_mapped or address.sixtofour or (teredo[1] if teredo else address)


def why_forbidden(address: Address, allowed: Iterable[Network] = ()) -> str | None:
    """Return the kind of an address that is not public, such as "link-local"; None if it may be."""
    meant = embedded(address)
    if any(found in network for network in allowed for found in (address, meant)):
        return None
    for network, kind in SPECIAL.items():
        if meant in network:
            return kind
    routed = isinstance(meant, IPv4Address) or meant in GLOBAL_UNICAST
    return None if routed else "special-purpose"


def system_lookup(host: str, port: int) -> list[str]:
    """Return the addresses of a name, in the system's order of preference."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def permitted_addresses(
    host: str, port: int, allowed: Iterable[Network], lookup: Lookup = system_lookup
) -> list[str]:
    """
    Return the addresses of a host that may be connected to.

    Raises:
        CannotBe: It has none of these.
        TryAgain: The name has no address now.

    """
    try:
        found = [ip_address(text) for text in lookup(host, port)]
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise TryAgain(f"the name {host} has no address: {reason}") from None
    kinds = {address: why_forbidden(address, allowed) for address in found}
    permitted = [str(address) for address, kind in kinds.items() if kind is None]
    if not permitted:
        raise CannotBe(forbidden_words(host, {a: k for a, k in kinds.items() if k is not None}))
    return permitted


def forbidden_words(host: str, kinds: dict[Address, str]) -> str:
    """Return why a host is not connected to, and who can change that."""
    listed = ", ".join(f"{address} ({kind})" for address, kind in kinds.items())
    what = f"{host} leads to {listed}"
    with suppress(ValueError):
        what = f"{host} is a {kinds[ip_address(host)]} address"
    return (
        f"{what}: data is fetched from public addresses only; whoever runs the cluster can allow "
        "a network with --allow-network or METAKAITO_FETCH_ALLOW_NETWORKS"
    )
