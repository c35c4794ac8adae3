"""Which addresses belong to hosts on the public internet, and to no network here."""

import socket
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

IPAddress = IPv4Address | IPv6Address

# The one block of IPv6 that public hosts have; what lies outside is local, reserved or a mapping.
UNICAST = IPv6Network("2000::/3")
# The well-known prefix by which a network without IPv4 reaches hosts that have nothing else.
NAT64 = IPv6Network("64:ff9b::/96")


def resolve(host: str, port: int) -> tuple[IPAddress, ...]:
    """Every address of a host, in the system's order of preference; none twice.

    Addresses in any notation that the system's resolver reads, such as 2130706433 and 0x7f.1, come
    out as what they mean. Raises OSError where the host has none.
    """
    answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(ip_address(answer[4][0]) for answer in answers))


def is_public(address: IPAddress) -> bool:
    """Whether an address is that of a host on the public internet.

    An IPv6 address that stands for one of IPv4 is as public as that one.
    """
    if isinstance(address, IPv4Address):
        return address.is_global and not address.is_multicast
    behind = _ipv4_behind(address)
    if behind is not None:
        return is_public(behind)
    # Teredo is not global, and neither are the other special blocks within 2000::/3.
    return address in UNICAST and address.is_global


def _ipv4_behind(address: IPv6Address) -> IPv4Address | None:
    if address in NAT64:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour
