"""Which addresses may be reached on behalf of people who say where.

The blocks are those of IANA's registries of special-purpose addresses (RFC 6890; IPv4 as of
2024-08, IPv6 as of 2025-10), of multicast, and of the metadata services of clouds. They are
written out, since ``is_global`` of the standard library knows other ones in each version. Of
IPv6 only what IANA gives out for global unicast counts as public: what is not there yet is
nobody's.
"""

import ipaddress
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Final

from attrs import frozen

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@frozen
class Block:
    """``use`` completes "It is ..."."""

    network: Network
    use: str
    source: str


def _blocks(*rows: tuple[str, str, str]) -> tuple[Block, ...]:
    return tuple(Block(ipaddress.ip_network(text), use, by) for text, use, by in rows)


_OWN_NETWORK: Final = "an address of a private network"
_LINK: Final = "an address of the own link"
_EXAMPLE: Final = "an address for documentation"
_SINK: Final = "an address of the sinks for reverse lookups"
_RESERVED: Final = "a reserved address"

METADATA: Final = _blocks(
    ("169.254.169.254/32", "a cloud's metadata service", "AWS, Azure, Google, OpenStack, Oracle"),
    ("169.254.170.2/32", "a cloud's metadata service", "AWS ECS, task credentials"),
    ("169.254.170.23/32", "a cloud's metadata service", "AWS EKS, pod identity"),
    ("169.254.42.42/32", "a cloud's metadata service", "Scaleway"),
    ("169.254.0.23/32", "a cloud's metadata service", "Tencent"),
    ("100.100.100.200/32", "a cloud's metadata service", "Alibaba"),
    ("168.63.129.16/32", "a cloud's metadata service", "Azure WireServer, a public address"),
    ("192.0.0.192/32", "a cloud's metadata service", "Oracle, classic"),
    ("fd00:ec2::254/128", "a cloud's metadata service", "AWS"),
    ("fd00:ec2::23/128", "a cloud's metadata service", "AWS EKS, pod identity"),
    ("fd20:ce::254/128", "a cloud's metadata service", "Google"),
    ("fd00:42::42/128", "a cloud's metadata service", "Scaleway"),
    ("fd00:c1::a9fe:a9fe/128", "a cloud's metadata service", "Oracle"),
)
"""Each is opened by its own address alone: who opens the network around one wants something
else there."""

SPECIAL: Final = _blocks(
    ("0.0.0.0/8", "no address of anybody", "RFC 791"),
    ("10.0.0.0/8", _OWN_NETWORK, "RFC 1918"),
    ("100.64.0.0/10", "an address behind a provider's NAT", "RFC 6598"),
    ("127.0.0.0/8", "an address of the machine itself", "RFC 1122"),
    ("169.254.0.0/16", _LINK, "RFC 3927"),
    ("172.16.0.0/12", _OWN_NETWORK, "RFC 1918"),
    ("192.0.0.0/24", "an address for protocols", "RFC 6890"),
    ("192.0.2.0/24", _EXAMPLE, "RFC 5737"),
    ("192.31.196.0/24", _SINK, "RFC 7535"),
    ("192.52.193.0/24", "an address of multicast tunnels", "RFC 7450"),
    ("192.88.99.0/24", "an address of 6to4", "RFC 7526"),
    ("192.168.0.0/16", _OWN_NETWORK, "RFC 1918"),
    ("192.175.48.0/24", _SINK, "RFC 7534"),
    ("198.18.0.0/15", "an address for benchmarks", "RFC 2544"),
    ("198.51.100.0/24", _EXAMPLE, "RFC 5737"),
    ("203.0.113.0/24", _EXAMPLE, "RFC 5737"),
    ("224.0.0.0/4", "a multicast address", "RFC 5771"),
    ("255.255.255.255/32", "the broadcast address", "RFC 919"),
    ("240.0.0.0/4", _RESERVED, "RFC 1112"),
    ("::/128", "no address of anybody", "RFC 4291"),
    ("::1/128", "an address of the machine itself", "RFC 4291"),
    ("::ffff:0:0/96", "an IPv4 address written as IPv6", "RFC 4291"),
    ("::ffff:0:0:0/96", "an address translated from IPv4", "RFC 2765"),
    ("::/96", "an IPv4 address written as IPv6", "RFC 4291"),
    ("64:ff9b::/96", "an address translated from IPv4", "RFC 6052"),
    ("64:ff9b:1::/48", "an address translated from IPv4", "RFC 8215"),
    ("100::/64", "an address that discards everything", "RFC 6666"),
    ("100:0:0:1::/64", "an address that stands for none", "RFC 9780"),
    ("2001::/32", "an address of Teredo", "RFC 4380"),
    ("2001:2::/48", "an address for benchmarks", "RFC 5180"),
    ("2001:3::/32", "an address of multicast tunnels", "RFC 7450"),
    ("2001:4:112::/48", _SINK, "RFC 7535"),
    ("2001:10::/28", "a name of a host and no address", "RFC 4843"),
    ("2001:20::/28", "a name of a host and no address", "RFC 7343"),
    ("2001:30::/28", "a name of a drone and no address", "RFC 9374"),
    ("2001::/23", "an address for protocols", "RFC 2928"),
    ("2001:db8::/32", _EXAMPLE, "RFC 3849"),
    ("2002::/16", "an address of 6to4", "RFC 3056"),
    ("2620:4f:8000::/48", _SINK, "RFC 7534"),
    ("3fff::/20", _EXAMPLE, "RFC 9637"),
    ("5f00::/16", "an identifier of a segment", "RFC 9602"),
    ("fc00::/7", _OWN_NETWORK, "RFC 4193"),
    ("fe80::/10", _LINK, "RFC 4291"),
    ("fec0::/10", _OWN_NETWORK, "RFC 3879"),
    ("ff00::/8", "a multicast address", "RFC 4291"),
)
"""A narrow block comes before the one around it."""

_GLOBAL_UNICAST: Final = ipaddress.IPv6Network("2000::/3")
_LOCAL_NAT64: Final = ipaddress.IPv6Network("64:ff9b:1::/48")
_WITH_IPV4_AT_THE_END: Final = (
    *map(ipaddress.IPv6Network, ("::/96", "::ffff:0:0/96", "::ffff:0:0:0/96", "64:ff9b::/96")),
    _LOCAL_NAT64,
)


@frozen
class Reach:
    """Where one may go: what is public, and the networks that an operator opens beside it."""

    opened: tuple[Network, ...] = ()

    def refusal(self, address: Address) -> str | None:
        """What the address is, as the end of "It is ...", where it may not be reached.

        An IPv4 address inside of an IPv6 one has to be within reach by itself, whoever may
        translate it on the way. ``::ffff:a.b.c.d`` is as good as the one inside: the machine
        itself speaks IPv4 to it.
        """
        return _refusal(address, self.opened)

    def opens(self, address: Address) -> bool:
        """Whether it is within reach because the operator says so."""
        found = _mapped(address) or address
        return self.refusal(found) is None and _is_opened(found, self.opened)


@lru_cache(maxsize=4096)
def _refusal(address: Address, opened: tuple[Network, ...]) -> str | None:
    if isinstance(address, ipaddress.IPv6Address) and address.scope_id is not None:
        return "an address with a zone, which means something on one machine alone"
    mapped = _mapped(address)
    if mapped is not None:
        return _refusal(mapped, opened)
    if not _is_opened(address, opened):
        use = _special_use(address)
        if use is not None:
            return use
    inside = (_refusal(inner, opened) for inner in embedded(address))
    return next((use for use in inside if use is not None), None)


def _mapped(address: Address) -> ipaddress.IPv4Address | None:
    return address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None


def _is_opened(address: Address, opened: Sequence[Network]) -> bool:
    if any(address in block.network for block in METADATA):
        return any(one.num_addresses == 1 and address in one for one in opened)
    return any(address in network for network in opened)


def _special_use(address: Address) -> str | None:
    for block in (*METADATA, *SPECIAL):
        if address in block.network:
            return block.use
    if isinstance(address, ipaddress.IPv6Address) and address not in _GLOBAL_UNICAST:
        return _RESERVED
    return None


def embedded(address: Address) -> Iterator[ipaddress.IPv4Address]:
    """The IPv4 addresses that something on the way may take the place of ``address``."""
    if not isinstance(address, ipaddress.IPv6Address):
        return
    if any(address in network for network in _WITH_IPV4_AT_THE_END):
        octets = address.packed
        # :: and ::1 are addresses of their own.
        if int(address) > 1:
            yield ipaddress.IPv4Address(octets[12:])
        # Of the prefixes of RFC 6052 section 2.2, that of 64 bits has it before the end, the
        # shorter ones leave nothing but zeros there, which are no address of anybody.
        if address in _LOCAL_NAT64 and not any(octets[13:]):
            yield ipaddress.IPv4Address(octets[9:13])
    elif address.sixtofour is not None:
        yield address.sixtofour
    elif address.teredo is not None:
        yield from address.teredo
