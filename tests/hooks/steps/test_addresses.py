from ipaddress import ip_address

import pytest

from hooks.steps.addresses import parse_networks, permitted_addresses, why_forbidden
from hooks.steps.failures import CannotBe, TryAgain

FORBIDDEN = {
    "0.0.0.0": "unspecified",  # noqa: S104  (nothing listens)
    "10.1.2.3": "private",
    "100.64.0.1": "special-purpose",
    "127.0.0.1": "loopback",
    "169.254.169.254": "link-local",
    "172.16.0.1": "private",
    "192.168.0.1": "private",
    "192.0.2.1": "documentation",
    "198.18.0.1": "special-purpose",
    "224.0.0.1": "multicast",
    "240.0.0.1": "reserved",
    "255.255.255.255": "reserved",
    "::": "unspecified",
    "::1": "loopback",
    "::7f00:1": "special-purpose",
    "fe80::1": "link-local",
    "fe80::1%eth0": "link-local",
    "fec0::1": "special-purpose",
    "fd00::1": "private",
    "ff02::1": "multicast",
    "2001:db8::1": "documentation",
    "64:ff9b:1::1": "special-purpose",
    "::ffff:10.0.0.1": "private",
    "::ffff:127.0.0.1": "loopback",
    "64:ff9b::a9fe:a9fe": "link-local",
    "2002:a00:1::1": "private",
    "2001:0:1::f5ff:fffe": "private",
    "0.1.2.3": "special-purpose",
    "192.0.0.1": "special-purpose",
    "192.0.0.9": "special-purpose",
    "192.0.0.192": "special-purpose",
    "192.88.99.1": "special-purpose",
    "198.51.100.1": "documentation",
    "203.0.113.1": "documentation",
    "168.63.129.16": "platform",
    "::ffff:168.63.129.16": "platform",
    "64:ff9b::a83f:8110": "platform",
    "2001:2::1": "special-purpose",
    "3fff::1": "documentation",
    "5f00::1": "special-purpose",
}


@pytest.mark.parametrize(("address", "kind"), FORBIDDEN.items(), ids=FORBIDDEN)
def test_an_address_that_is_not_public_is_forbidden(address: str, kind: str) -> None:
    assert why_forbidden(ip_address(address)) == kind


@pytest.mark.parametrize(
    "address", ["1.1.1.1", "168.63.129.17", "192.0.1.1", "2606:4700::1111", "::ffff:8.8.8.8"]
)
def test_a_public_address_is_not(address: str) -> None:
    assert why_forbidden(ip_address(address)) is None


@pytest.mark.parametrize(
    ("network", "address", "kind"),
    [
        ("10.0.0.0/8", "10.1.2.3", None),
        ("10.0.0.0/8", "::ffff:10.1.2.3", None),
        ("10.0.0.0/8", "192.168.0.1", "private"),
        ("fd00::/8", "fd00::1", None),
        ("127.0.0.1", "127.0.0.1", None),
        ("127.0.0.1", "127.0.0.2", "loopback"),
    ],
)
def test_a_network_that_is_allowed_is_no_more_than_that(
    network: str, address: str, kind: str | None
) -> None:
    assert why_forbidden(ip_address(address), parse_networks([network])) == kind


@pytest.mark.parametrize("text", ["10.0.0.1/8", "ten", ""])
def test_a_network_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(CannotBe, match=r"^--allow-network: .*; write it as 10\.0\.0\.0/8"):
        parse_networks([text])


def test_of_many_addresses_the_permitted_ones_are_left() -> None:
    found = permitted_addresses("a.test", 443, (), lambda _host, _port: ["10.0.0.1", "1.1.1.1"])

    assert found == ["1.1.1.1"]


def test_a_name_that_leads_inside_only_is_refused_with_where() -> None:
    with pytest.raises(CannotBe) as refused:
        permitted_addresses("a.test", 443, (), lambda _host, _port: ["10.0.0.1", "::1"])

    assert str(refused.value).startswith("a.test leads to 10.0.0.1 (private), ::1 (loopback): ")


def test_a_name_without_an_address_may_have_one_later() -> None:
    def nothing(_host: str, _port: int) -> list[str]:
        raise OSError(-3, "Temporary failure in name resolution")

    with pytest.raises(TryAgain) as failed:
        permitted_addresses("a.test", 443, (), nothing)

    assert str(failed.value) == (
        "the name a.test has no address: Temporary failure in name resolution"
    )
