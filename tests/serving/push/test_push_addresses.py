"""Where webhooks may go: URLs, addresses, names."""

from __future__ import annotations

import asyncio
import socket
from ipaddress import ip_address, ip_network

import pytest

from serving.push.addresses import AddressRefusedError, AddressRules

PUBLIC = AddressRules()
AT_HOME = AddressRules(loopback=True)

REFUSED = (
    *("127.0.0.1", "127.8.9.10", "0.0.0.0", "10.0.0.1", "172.16.5.4", "192.168.1.1"),
    *("169.254.169.254", "100.64.0.1", "192.0.0.8", "198.18.0.1", "224.0.0.1", "240.0.0.1"),
    *("255.255.255.255", "192.0.2.7", "203.0.113.7"),
    *("::", "::1", "fe80::1", "fc00::1", "fd12:3456::1", "fec0::1", "ff02::1", "2001:db8::1"),
    # IPv4 in the clothes of IPv6: mapped, compatible, NAT64, 6to4, Teredo.
    *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::7f00:1"),
    *("64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::", "2002:a00:1::"),
    "2001:0:4136:e378:8000:63bf:80ff:fffe",
)
ALLOWED = ("1.1.1.1", "93.184.215.14", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808")


@pytest.mark.parametrize("address", REFUSED)
def test_inner_addresses_are_refused(address: str) -> None:
    assert not PUBLIC.allows(ip_address(address))
    host = f"[{address}]" if ":" in address else address
    with pytest.raises(AddressRefusedError):
        PUBLIC.target(f"https://{host}/hook")


@pytest.mark.parametrize("address", ALLOWED)
def test_public_addresses_are_allowed(address: str) -> None:
    assert PUBLIC.allows(ip_address(address))


@pytest.mark.parametrize(
    "host", ["127.1", "0x7f.1", "2130706433", "0177.0.0.1", "127.0.0.1.", "0", "[::ffff:7f00:1]"]
)
def test_other_spellings_of_this_machine_are_refused(host: str) -> None:
    with pytest.raises(AddressRefusedError):
        PUBLIC.target(f"https://{host}/")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "https://",
        "https:///hook",
        "ftp://example.com/",
        "file:///etc/passwd",
        "gopher://example.com/",
        "//example.com/",
        "http://example.com/",
        "https://user@example.com/",
        "https://user:word@example.com/",
        "https://example.com/#part",
        "https://example.com:0/",
        "https://example.com:99999/",
        "https://example.com:port/",
        "https://[::1/",
        "https://[fe80::1%25eth0]/",
        "https://example.com\\@127.0.0.1/",
        "https://exa mple.com/",
        "https://example.com/\r\nHost: other",
        "https://例子.cn/",
        "https://example.com/" + "a" * 2_000,
    ],
)
def test_urls_that_are_refused(url: str) -> None:
    for rules in (PUBLIC, AT_HOME):
        with pytest.raises(AddressRefusedError):
            rules.target(url)


def test_a_url_is_taken_apart() -> None:
    target = PUBLIC.target("https://CRM.Example.com:8443/hooks?a=1")
    assert (target.host, target.port, target.path) == ("crm.example.com", 8443, "/hooks?a=1")
    assert target.authority == "crm.example.com:8443"
    plain = PUBLIC.target("HTTPS://[2606:4700:4700::1111]")
    assert (plain.authority, plain.path) == ("[2606:4700:4700::1111]", "/")


def test_http_goes_to_this_machine_only_and_only_in_development() -> None:
    for host in ("localhost", "127.0.0.1", "[::1]"):
        assert AT_HOME.target(f"http://{host}:8080/").port == 8080
        with pytest.raises(AddressRefusedError):
            PUBLIC.target(f"http://{host}:8080/")
    with pytest.raises(AddressRefusedError):
        AT_HOME.target("http://10.0.0.1/")
    assert not AT_HOME.allows(ip_address("169.254.169.254"))


def test_a_company_may_allow_its_own_network() -> None:
    rules = AddressRules((ip_network("10.1.2.0/24"), ip_network("fd00::/16")))
    assert rules.target("https://10.1.2.3/").host == "10.1.2.3"
    assert rules.allows(ip_address("fd00::5"))
    assert rules.allows(ip_address("::ffff:10.1.2.3"))
    assert not rules.allows(ip_address("10.1.3.1"))


def test_a_name_is_checked_where_it_leads() -> None:
    """A public name that leads inside is refused after the look-up, not before."""
    target = PUBLIC.target("https://localhost:8443/")
    with pytest.raises(AddressRefusedError, match="leads"):
        asyncio.run(PUBLIC.resolve(target))
    assert ip_address(asyncio.run(AT_HOME.resolve(target))).is_loopback


def test_one_bad_address_of_a_name_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    def answers(*_: object, **__: object) -> list[tuple]:
        return [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 443))
            for address in ("93.184.215.14", "169.254.169.254")
        ]

    monkeypatch.setattr(socket, "getaddrinfo", answers)
    target = PUBLIC.target("https://rebinding.example.com/")
    with pytest.raises(AddressRefusedError):
        asyncio.run(PUBLIC.resolve(target))
