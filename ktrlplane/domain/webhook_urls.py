"""Which URLs a webhook may have, as far as their text tells. Names are judged again by the
addresses that they lead to, whenever something is sent there.

There is one reading of a URL, and a strict one: what a checker and a client read in different
ways is how people get where they must not. So no host is corrected, mapped or decoded here.
"""

import ipaddress
import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Final

from attrs import frozen

from ktrlplane.domain.addresses import Address, Reach
from ktrlplane.domain.errors import Fault, ValidationFailed
from ktrlplane.domain.naming import MAX_URL_LENGTH

HTTPS_PORT: Final = 443
HTTP_PORT: Final = 80
LEAST_FREE_PORT: Final = 1024
CLOSED_PORTS: Final = frozenset(
    (
        # Those that browsers keep away from: https://fetch.spec.whatwg.org/#bad-port
        *(1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, 6679, 6697, 10080),
        *range(6665, 6670),
        # Databases, caches and queues.
        *(1433, 1434, 1521, 2424, 3050, 3306, 5432, 5433, 5984, 6379, 6380, 6432, 7000, 7001),
        *(7474, 7687, 8086, 9042, 9160, 9200, 9300, 11211, 26257, 26379, 27017, 27018, 27019),
        *(1883, 4222, 4369, 5671, 5672, 6650, 8883, 9092, 15672, 25672, 28015, 61613, 61616),
        # What runs machines and clusters.
        *(2181, 2375, 2376, 2377, 2379, 2380, 3389, 4194, 4646, 5900, 5985, 5986, 6443, 8125),
        *(8500, 8501, 8600, 10248, 10249, 10250, 10255, 10256, 10257, 10259),
    )
)
"""None of a receiver of webhooks; what listens there is in the reach of far too many."""

LOOPBACK: Final[Sequence[Address]] = (
    ipaddress.IPv4Address("127.0.0.1"),
    ipaddress.IPv6Address("::1"),
)

_AT: Final = "/url"
_PARTS: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://([^/?#]*)([^#]*)(#.*)?")
_HOST_AND_PORT: Final = re.compile(r"(\[[^\[\]]*\]|[^:\[\]]*)(?::([^:]*))?")
_REST: Final = re.compile(r"(?:[A-Za-z0-9._~:/?@!$&'()*+,;=-]|%[0-9A-Fa-f]{2})*")
_LABEL: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_NUMBER: Final = re.compile(r"[0-9]+|0x[0-9a-f]*")
_PORT: Final = re.compile(r"[1-9][0-9]{0,4}")
_LONGEST_NAME: Final = 253
_MOST_PORTS: Final = 65535

_INSIDE: Final = (".local", ".internal", ".home.arpa")
"""Nobody has such a name in public (RFC 6762, ICANN 2024-07-29, RFC 8375)."""


@frozen
class Target:
    """Where a URL leads. ``host`` is in lower case, without brackets; ``address`` is there
    where the host is one."""

    secure: bool
    host: str
    port: int
    address: Address | None


def url_faults(url: str, reach: Reach) -> Sequence[Fault]:
    """What is wrong with it as the ``url`` of an endpoint. None of it repeats the URL, which
    may be a secret."""
    try:
        target_of(url, reach)
    except ValidationFailed as refused:
        return refused.faults
    return ()


@lru_cache(maxsize=4096)
def target_of(url: str, reach: Reach) -> Target:
    """Raises: ValidationFailed."""
    faults = list(_unreadable(url))
    if faults:
        raise ValidationFailed(faults)
    parts = _PARTS.fullmatch(url)
    assert parts is not None
    faults += _superfluous(parts)
    try:
        target, explicit_port = _read(parts[1].lower(), parts[2].rpartition("@")[2])
    except _Unlawful as wrong:
        raise ValidationFailed([*faults, Fault(_AT, wrong.code, str(wrong))]) from None
    faults += _out_of_reach(target, reach, explicit_port=explicit_port)
    if faults:
        raise ValidationFailed(faults)
    return target


class _Unlawful(Exception):
    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


def _unreadable(url: str) -> Iterator[Fault]:
    if len(url) > MAX_URL_LENGTH:
        detail = f"A URL has at most {MAX_URL_LENGTH} characters."
        yield Fault(_AT, "max_length", detail)
    if not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        detail = (
            "A URL has only visible ASCII characters, without spaces and backslashes: write "
            "others in the host as xn--..., and in the rest as %XX."
        )
        yield Fault(_AT, "url_characters", detail)
    elif _PARTS.fullmatch(url) is None:
        yield Fault(_AT, "url_scheme", "A URL begins with https:// and names a host.")


def _superfluous(parts: re.Match[str]) -> Iterator[Fault]:
    _, authority, rest, fragment = parts.groups()
    if "@" in authority:
        detail = (
            "A URL has no user and no password: whoever may see the endpoint would see them. "
            "Deliveries are signed instead."
        )
        yield Fault(_AT, "url_credentials", detail)
    if fragment is not None:
        detail = "A URL of an endpoint has no fragment: what comes after # is never sent."
        yield Fault(_AT, "url_fragment", detail)
    if _REST.fullmatch(rest) is None:
        detail = 'In a path and a query, write "<>[]{}|^` and a % that stands for itself as %XX.'
        yield Fault(_AT, "url_characters", detail)


def _read(scheme: str, place: str) -> tuple[Target, bool]:
    """The target, and whether the URL names the port. Raises: _Unlawful."""
    if scheme not in ("https", "http"):
        raise _Unlawful("url_scheme", "A URL begins with https:// and names a host.")
    found = _HOST_AND_PORT.fullmatch(place)
    if found is None or not found[1]:
        detail = "A URL names a host, and maybe a port after it; an IPv6 address is in brackets."
        raise _Unlawful("url_host", detail)
    secure = scheme == "https"
    port = HTTPS_PORT if secure else HTTP_PORT
    if found[2] is not None:
        if _PORT.fullmatch(found[2]) is None or int(found[2]) > _MOST_PORTS:
            raise _Unlawful("url_port", f"A port is a number from 1 to {_MOST_PORTS}.")
        port = int(found[2])
    address = _address(found[1].lower())
    host = found[1].lower().strip("[]")
    return Target(secure, host, port, address), found[2] is not None


def _address(host: str) -> Address | None:
    """None for a name. Raises: _Unlawful."""
    if host.startswith("["):
        try:
            return ipaddress.IPv6Address(host[1:-1])
        except ValueError:
            raise _Unlawful("url_host", "An IPv6 address is written as [2001:db8::1].") from None
    if host.endswith("."):
        raise _Unlawful("url_host", "Write the host without the dot at its end.")
    labels = host.split(".")
    if _NUMBER.fullmatch(labels[-1]):
        # What ends in a number is an address to some and a name to others.
        try:
            return ipaddress.IPv4Address(host)
        except ValueError:
            detail = "An IPv4 address is written as four decimal numbers, such as 192.0.2.1."
            raise _Unlawful("url_host", detail) from None
    if len(host) > _LONGEST_NAME or not all(map(_LABEL.fullmatch, labels)):
        detail = "A host is a name of letters, digits and dashes with dots, or an address."
        raise _Unlawful("url_host", detail)
    return None


def _out_of_reach(target: Target, reach: Reach, *, explicit_port: bool) -> Iterator[Fault]:
    use = _refusal(target, reach)
    if use is not None:
        detail = (
            f"Webhooks do not go there: it is {use}. Whoever runs this service can allow the "
            "network that it is in."
        )
        yield Fault(_AT, "address_refused", detail)
        return
    if _is_opened(target, reach):
        return
    if not target.secure:
        detail = "Write https://, since what goes out over http:// can be read on the way."
        yield Fault(_AT, "https_required", detail)
    if explicit_port and not _is_free(target.port):
        detail = (
            f"Webhooks do not go to port {target.port}; take {HTTPS_PORT}, or one from "
            f"{LEAST_FREE_PORT} on that is not in use for something else, such as 8443."
        )
        yield Fault(_AT, "url_port", detail)


def _is_free(port: int) -> bool:
    return port == HTTPS_PORT or (port >= LEAST_FREE_PORT and port not in CLOSED_PORTS)


def _refusal(target: Target, reach: Reach) -> str | None:
    if target.address is not None:
        return reach.refusal(target.address)
    if _is_opened(target, reach):
        return None
    if is_this_machine(target.host):
        return "a name of the machine itself"
    return "a name inside a private network" if _is_inside(target.host) else None


def _is_opened(target: Target, reach: Reach) -> bool:
    """Whether an operator's word is needed for it, and given. For a name inside a network it
    is, if any network but the machine itself is open: which one it is in, only asking tells."""
    if target.address is not None:
        return reach.opens(target.address)
    if is_this_machine(target.host):
        return any(map(reach.opens, LOOPBACK))
    return _is_inside(target.host) and not all(one.is_loopback for one in reach.opened)


def is_this_machine(host: str) -> bool:
    """``LOOPBACK``, without asking anybody (RFC 6761 section 6.3)."""
    return host == "localhost" or host.endswith(".localhost")


def _is_inside(host: str) -> bool:
    return "." not in host or host.endswith(_INSIDE)
