"""Which addresses webhooks may reach: the open Internet, and networks that were allowed.

A URL comes from outside and the request starts inside: without this, a webhook could read
the cloud's metadata or knock at services that trust their neighbours. The name is resolved
once, every address is checked, and the connection goes to the address that was checked.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
)
from urllib.parse import urlsplit

LONGEST_URL = 2_000
_NAT64 = IPv6Network("64:ff9b::/96")
_COMPATIBLE = IPv6Network("::/96")
_NEVER = (
    # Not public, whatever the version of Python says: special uses, old relays, site-local.
    IPv4Network("192.0.0.0/24"),
    IPv4Network("192.88.99.0/24"),
    IPv6Network("fec0::/10"),
    IPv6Network("100::/64"),
)

Address = IPv4Address | IPv6Address


class AddressRefusedError(ValueError):
    """A URL that webhooks may not reach; the text says why, for a person."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where a webhook goes."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """Host and port as the Host header has them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"


_PORTS = {"https": 443, "http": 80}


@dataclass(frozen=True, slots=True)
class AddressRules:
    """Which addresses are allowed.

    Attributes
    ----------
    allow
        Networks that are allowed though they are not public.
    loopback
        Whether this machine is, with http as well: in development.
    """

    allow: Sequence[IPv4Network | IPv6Network] = ()
    loopback: bool = False

    def target(self, url: str) -> Target:
        """Return where a URL leads, as far as can be told without asking for its name.

        Raises
        ------
        AddressRefusedError
            If it is none of ours.
        """
        if len(url) > LONGEST_URL or not url.isascii() or not url.isprintable() or " " in url:
            raise AddressRefusedError("Not a URL of printable ASCII.")
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError as error:
            raise AddressRefusedError("Not a URL.") from error
        scheme, host = parts.scheme.lower(), (parts.hostname or "").rstrip(".")
        if scheme not in _PORTS:
            raise AddressRefusedError("The URL must begin with https://.")
        if not host or "%" in host or "\\" in url:
            raise AddressRefusedError("The URL names no host.")
        if parts.username is not None or parts.password is not None or parts.fragment:
            raise AddressRefusedError("The URL must have no user, password or fragment.")
        if port == 0:
            raise AddressRefusedError("There is no port 0.")
        literal = _literal(host)
        if scheme == "http" and not (self.loopback and _is_this_machine(host, literal)):
            raise AddressRefusedError("The URL must begin with https://.")
        if literal is not None and not self.allows(literal):
            raise AddressRefusedError("The address is not one that webhooks may reach.")
        path = parts.path or "/"
        query = f"?{parts.query}" if parts.query else ""
        return Target(scheme, host, port or _PORTS[scheme], f"{path}{query}")

    def allows(self, address: Address) -> bool:
        """Tell whether a connection to an address is allowed."""
        address = _meant(address)
        if _within(address, self.allow):
            return True
        if address.is_loopback:
            return self.loopback
        special = address.is_multicast or address.is_reserved or _within(address, _NEVER)
        return address.is_global and not special

    async def resolve(self, target: Target) -> str:
        """Return the address to connect to.

        Raises
        ------
        AddressRefusedError
            If any address of the name is not allowed: one that is could be answered first
            today and last tomorrow.
        OSError
            If the name is not known.
        """
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
        addresses = [str(info[4][0]) for info in found]
        for each in addresses:
            if not self.allows(ip_address(each)):
                raise AddressRefusedError("The name leads where webhooks may not go.")
        return addresses[0]


def _within(address: Address, networks: Sequence[IPv4Network | IPv6Network]) -> bool:
    return any(address.version == net.version and address in net for net in networks)


def _meant(address: Address) -> Address:
    """Return the IPv4 address that an IPv6 address stands for, if it does."""
    if isinstance(address, IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    low = int(address) & 0xFFFFFFFF
    if address in _NAT64 or (address in _COMPATIBLE and low > 1):
        return IPv4Address(low)
    return address


def _literal(host: str) -> Address | None:
    """Return the address a host is written as; also 127.1, 0x7f.1 or 2130706433 (inet_aton)."""
    try:
        return ip_address(host)
    except ValueError:
        pass
    try:
        return IPv4Address(socket.inet_aton(host))
    except (OSError, ValueError):
        return None


def _is_this_machine(host: str, literal: Address | None) -> bool:
    return host == "localhost" if literal is None else literal.is_loopback
