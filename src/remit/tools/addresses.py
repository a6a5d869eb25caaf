"""Which hosts an HTTP tool may reach, decided on the address that is then connected to.

Without a list of allowed hosts: public addresses only. With one: only what it names. A pattern is a host
(`api.example.com`), a host and port (`localhost:8080`), a wildcard (`*.example.com`, `*` for any public host), an
address, or a network (`10.1.0.0/16`). A private address is reached only where a host is named in full, or an
address or network covers it; a wildcard never opens one, since whoever owns a name below it chooses its address.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
import socket
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address
from urllib.parse import urlsplit

from remit.errors import Mend

Address = IPv4Address | IPv6Address
_NOT_PUBLIC = tuple(
    map(
        ipaddress.ip_network,
        (
            "168.63.129.16/32",  # Azure's machines ask their host there
            "192.0.0.0/24",  # protocols' own, and Oracle's metadata; which of it is global, versions of Python differ
            "192.88.99.0/24",  # relays of 6to4
            "64:ff9b::/96",  # NAT64: an IPv4 address is inside
            "2001::/23",  # protocols' own
            "3fff::/20",  # documentation
            "5f00::/16",  # segments of routes
        ),
    )
)


def public(address: Address) -> bool:
    """Whether an address is one of the public internet, also when it hides in IPv6."""
    if isinstance(address, IPv6Address):
        if inner := address.ipv4_mapped:
            return public(inner)
        if address.sixtofour or address.teredo or address.is_site_local or _isatap(address):
            return False
    if any(address in network for network in _NOT_PUBLIC):
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def _isatap(address: IPv6Address) -> bool:
    """Whether the lower half is `::5efe:a.b.c.d`, a tunnel to an IPv4 address."""
    return int(address) >> 32 & 0xFCFF_FFFF == 0x0000_5EFE


def leads_away(host: str, port: int, allowed: Sequence[str]) -> bool:
    """Whether nobody has named this host as one that may be reached: there is no list, or only one that means all."""
    return not any(
        _names(pattern, host, port) for pattern in allowed if pattern.partition(":")[0] != "*"
    ) and (not allowed or any(pattern.partition(":")[0] == "*" for pattern in allowed))


def reachable(url: str, destinations: str | Sequence[str]) -> tuple[str, ...]:
    """What may be reached for a connection to this address: a private address only where it stands there literally, or the
    agent's destinations name its host in full. Empty: any public address, since the connection itself names the host."""
    parts = urlsplit(url)
    host = (parts.hostname or "").lower()
    port = parts.port or (443 if parts.scheme == "https" else 80)
    named = re.split(r"[,\s]+", destinations) if isinstance(destinations, str) else destinations
    try:
        ipaddress.ip_address(host)
    except ValueError:
        found = tuple(one for one in named if one.lower() in (host, f"{host}:{port}"))
        return (host,) if host == "localhost" else found
    return (host,)


async def addresses_of(host: str, port: int, allowed: Sequence[str]) -> list[str]:
    """The checked addresses of `host`, to connect to. Raises Mend for a host that may not be reached or does not
    exist. If one of a name's addresses is refused, all are: the others may be there to get past this."""
    listed = [pattern for pattern in allowed if _names(pattern, host, port)]
    networks = [network for pattern in allowed if (network := _network(pattern)) is not None]
    if allowed and not listed and not networks:
        raise Mend(f"{host}:{port} is not among the hosts that this agent may reach: {', '.join(allowed)}")
    in_full = any("*" not in pattern for pattern in listed)
    found = await _resolve(host, port)
    for address in found:
        inside = any(address in network for network in networks)
        if inside or in_full:
            continue
        if allowed and not listed:
            raise Mend(
                f"{host} ({address}) is not among the hosts that this agent may reach: {', '.join(allowed)}"
            )
        if not public(address):
            raise Mend(f"{host} is at {address}, which is not a public address; this agent may not reach it")
    return [str(address) for address in found]


def _names(pattern: str, host: str, port: int) -> bool:
    name, _, only = pattern.lower().partition(":") if pattern.count(":") == 1 else (pattern.lower(), "", "")
    if only and only != str(port):
        return False
    if name == "*":
        return True
    if name.startswith("*."):
        return host.endswith(name[1:])
    return host == name.strip("[]")


def _network(pattern: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        return ipaddress.ip_network(pattern, strict=False)
    except ValueError:
        return None


async def _resolve(host: str, port: int) -> list[Address]:
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:  # UnicodeError: a label that IDNA cannot encode
        raise Mend(f"the host {host!r} cannot be found") from error
    texts = dict.fromkeys(str(info[4][0]).partition("%")[0] for info in found)
    return [ipaddress.ip_address(text) for text in texts]
