"""Calls to addresses that a person gave us: https only, and never into our own network (X3).

The host's name is resolved once; every address it has must be reachable by anybody, and the call goes to the address
that was looked at, so that a name cannot lead elsewhere a moment later.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from ..errors import InvalidInput
from . import wire
from .urls import origin

DEADLINE_S = 10
LARGEST = 64 * 1024
LONGEST = 2000  # characters of an address
_UNFIT = re.compile(r"[\x00-\x20\x7f\\#]|[^\x00-\x7f]")

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_LAST_32 = 0xFFFF_FFFF


class Refused(InvalidInput):
    """The address is not one that may be called."""


@dataclass(frozen=True)
class Place:
    """An address that was looked at, and where it leads."""

    url: str
    address: str  # the IP address to connect to


def look(url: str, *, insecure: bool = False) -> Place:
    """Check an address and resolve its name.

    insecure: the test setting; plain http, other ports and this machine itself are fine then.
    Raises Refused with a sentence for the person who entered it.
    """
    host, port = _checked(url, insecure)
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise Refused("The host of this address cannot be found.") from None
    addresses = list(dict.fromkeys(str(entry[4][0]).partition("%")[0] for entry in found))
    if not addresses or not all(_open_to_all(address, insecure) for address in addresses):
        raise Refused("This address leads into a private network. It must be one that anybody can reach.")
    return Place(url, addresses[0])


def request(
    method: str, place: Place, headers: Mapping[str, str], body: bytes | None = None, *, largest: int = LARGEST
) -> wire.Reply:
    """One call to a place that was just looked at. No redirect is followed.

    Raises wire.NotSent, wire.Lost, wire.TooLong.
    """
    return wire.request(
        method, place.url, headers, body, deadline_s=DEADLINE_S, max_bytes=largest, address=place.address
    )


def _checked(url: str, insecure: bool) -> tuple[str, int]:
    if len(url) > LONGEST or _UNFIT.search(url):
        raise Refused("The address must not hold spaces, # or letters beyond ASCII.")
    try:
        scheme, host, port = origin(url)
    except InvalidInput as error:
        raise Refused(str(error)) from None
    if not insecure and (scheme != "https" or port != 443 or urlsplit(url).netloc.endswith(":")):
        raise Refused("The address must begin with https:// and use the usual port, 443.")
    return host, port


def _open_to_all(text: str, insecure: bool) -> bool:
    address = ipaddress.ip_address(text)
    if insecure and address.is_loopback:
        return True
    return all(each.is_global and not each.is_multicast for each in _unwrapped(address))


def _unwrapped(address: IpAddress) -> list[IpAddress]:
    """The address and every IPv4 address it carries inside: mapped, NAT64, 6to4 and Teredo forms.

    >>> [str(each) for each in _unwrapped(ipaddress.ip_address("64:ff9b::a00:1"))]
    ['64:ff9b::a00:1', '10.0.0.1']
    """
    if not isinstance(address, ipaddress.IPv6Address):
        return [address]
    if address.ipv4_mapped:
        return [address.ipv4_mapped]
    inside: list[IpAddress | None] = [address, address.sixtofour, *(address.teredo or ())]
    if address in _NAT64 or int(address) >> 32 == 0:  # the second: the old "compatible" form
        inside.append(ipaddress.IPv4Address(int(address) & _LAST_32))
    return [each for each in inside if each is not None]
