"""Reading the text of a setting, and writing it again.

A reader raises ValueError with the rule, as the end of a sentence that begins with
"KTRLPLANE_X must be".
"""

import ipaddress
import math
import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any, Final
from urllib.parse import SplitResult, unquote, urlsplit

from ktrlplane.domain.addresses import Network
from ktrlplane.ports.mail import Sender

MASK: Final = "********"
_HARMLESS: Final = frozenset(
    (
        *("application_name", "channel_binding", "client_encoding", "connect_timeout", "dbname"),
        *("gssencmode", "host", "hostaddr", "keepalives", "keepalives_count", "keepalives_idle"),
        *("keepalives_interval", "load_balance_hosts", "passfile", "port", "require_auth"),
        *("service", "sslcert", "sslcrl", "sslkey", "sslmode", "sslnegotiation", "sslrootcert"),
        *("ssl_min_protocol_version", "target_session_attrs", "tcp_user_timeout", "user"),
        "starttls",
    )
)
"""What libpq is told in an address (the keys and passwords among it are paths of files), and
what a mail server's address has."""


def whole_number(least: int, most: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if re.fullmatch(r"-?[0-9]{1,12}", text) and least <= int(text) <= most:
            return int(text)
        raise ValueError(f"a whole number from {least} to {most}")

    return read


def seconds(text: str) -> timedelta:
    try:
        amount = float(text)
    except ValueError:
        amount = math.nan
    if 0 <= amount <= timedelta(days=3650).total_seconds():
        return timedelta(seconds=amount)
    raise ValueError("a number of seconds, such as 3600")


def span(text: str) -> timedelta:
    """A minute at least."""
    with suppress(ValueError):
        if (found := seconds(text)) >= timedelta(minutes=1):
            return found
    raise ValueError("a number of seconds from 60 on, such as 2678400")


def one_of(*words: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text.lower() in words:
            return text.lower()
        raise ValueError(f"one of {', '.join(words)}")

    return read


def line(text: str) -> str:
    if text.isprintable():
        return text
    raise ValueError("one line of visible characters")


def secret_key(text: str) -> str:
    """Others of the provider's look alike, and are shown side by side."""
    if text.startswith(("pk_", "whsec_")):
        raise ValueError("a secret or restricted key, such as sk_test_...; this is another one")
    return line(text)


def signing_secret(text: str) -> str:
    if text.startswith(("pk_", "rk_", "sk_")):
        raise ValueError("the signing secret of an endpoint (whsec_...); this is a key")
    return line(text)


def label_name(text: str) -> str:
    # What Prometheus allows for the name of a label, Loki takes too; those with two underscores
    # first are its own.
    if re.fullmatch(r"(?!__)[A-Za-z_][A-Za-z0-9_]*", text):
        return text
    raise ValueError(
        "a label name: letters, digits and underscores, no digit and no two underscores first"
    )


def tenant(text: str) -> str:
    return one_of("project_id", "org_id")(text)


def path(text: str) -> Path:
    if "\0" in text:
        raise ValueError("a path")
    return Path(text).expanduser().absolute()


def rate(text: str) -> str:
    """Empty for none."""
    if text and re.fullmatch(r"[1-9][0-9]{0,8}/(second|minute|hour)", text) is None:
        raise ValueError('a rate such as "600/minute" (second, minute or hour), or empty for none')
    return text


def database_url(text: str) -> str:
    return _url(text, ("postgresql", "postgres"), "postgresql://user:password@host:5432/database")


_NEVER: Final = "starttls=never"


def smtp_url(text: str) -> str:
    """A password goes unencrypted to this machine alone."""
    url = _url(text, ("smtp", "smtps"), "smtps://user:password@host:465", needs_host=True)
    parts = urlsplit(url)
    if not _lawful_login(parts):
        raise ValueError(
            "an address with a user and a password, in UTF-8 where they are not ASCII, or "
            "without both"
        )
    if parts.path.strip("/") or parts.fragment or not _lawful_starttls(parts):
        raise ValueError(
            "an address that ends in the host and its port, where one that starts with smtp:// "
            "may have ?starttls=required behind it, or ?starttls=never"
        )
    if parts.query == _NEVER and parts.password and not is_loopback(parts.hostname or ""):
        raise ValueError(
            "an address without ?starttls=never, since it has a password, which goes "
            "unencrypted to this machine alone"
        )
    return url


def _lawful_login(parts: SplitResult) -> bool:
    try:
        user, password = (
            unquote(word or "", errors="strict") for word in (parts.username, parts.password)
        )
    except UnicodeDecodeError:
        return False
    return bool(user) == bool(password)


def _lawful_starttls(parts: SplitResult) -> bool:
    return not parts.query or (
        parts.scheme == "smtp" and parts.query in (_NEVER, "starttls=required")
    )


def mail_from(text: str) -> Sender:
    try:
        return Sender.read(line(text))
    except ValueError:
        raise ValueError(
            "an address in ASCII such as no-reply@example.com, or a name with it: "
            "Example <no-reply@example.com>"
        ) from None


def web_url(text: str) -> str:
    return _url(text, ("https", "http"), "https://host/path", needs_host=True)


def loki_url(text: str) -> str:
    return _backend_url(text, "/loki/api/v1")


def mimir_url(text: str) -> str:
    return _backend_url(text, "/prometheus/api/v1")


def _backend_url(text: str, behind: str) -> str:
    """Behind it comes ``behind``, which people know as part of the address."""
    url = web_url(text)
    parts = urlsplit(url)
    _, first, *_ = behind.split("/")
    path = parts.path.rstrip("/")
    if parts.query or parts.fragment or path.endswith((f"/{first}", "/api/v1")):
        raise ValueError(f"an address that ends before {behind}, which is put behind it")
    return url


def secure_url(text: str) -> str:
    """Plain http only on this machine: who can change the answer could sign in as anybody."""
    url = web_url(text)
    if urlsplit(url).scheme == "https" or is_loopback(urlsplit(url).hostname or ""):
        return url
    raise ValueError("an https:// address, since http:// is trusted on this machine alone")


def _url(text: str, schemes: tuple[str, ...], example: str, *, needs_host: bool = False) -> str:
    rule = f"an address such as {example}"
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        raise ValueError(rule) from None
    lawful = parts.scheme in schemes and text.isprintable() and " " not in text
    if not lawful or "://" not in text or (needs_host and not parts.hostname):
        raise ValueError(rule)
    return text


def origins(text: str) -> tuple[str, ...]:
    found = words(text)
    for origin in found:
        parts = urlsplit(origin)
        bare = parts.scheme in ("http", "https") and parts.netloc and not parts.path
        if origin != "*" and (not bare or parts.query or parts.fragment or "@" in parts.netloc):
            raise ValueError("a comma-separated list of origins such as https://app.example.com")
    return found


_MAPPED: Final = ipaddress.IPv6Network("::ffff:0:0/96")


def networks(text: str) -> tuple[Network, ...]:
    """IPv4 is written as IPv4: an address is judged as that, however it is written."""
    try:
        found = tuple(ipaddress.ip_network(word) for word in words(text))
    except ValueError:
        raise ValueError(
            "a comma-separated list of networks such as 127.0.0.0/8, with zeros after the prefix"
        ) from None
    if any(one.version == _MAPPED.version and one.subnet_of(_MAPPED) for one in found):
        raise ValueError("a list of networks, IPv4 ones such as 127.0.0.0/8 and not ::ffff:...")
    return found


def words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


def id_patterns(text: str) -> tuple[str, ...]:
    found = words(text)
    if all(re.fullmatch(r"[a-z0-9*-]{1,63}", word) for word in found):
        return found
    raise ValueError("a comma-separated list of ids, where * stands for any text (argocd,team-*)")


@lru_cache(maxsize=1024)
def is_loopback(host: str) -> bool:
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def written(value: Any) -> str:
    """The text that reads as ``value`` again."""
    if value is None:
        return ""
    if isinstance(value, timedelta):
        amount = value.total_seconds()
        return str(int(amount)) if amount.is_integer() else repr(amount)
    if isinstance(value, Iterable) and not isinstance(value, str):
        return ",".join(str(item) for item in value)
    return str(value)


def without_secrets(url: str) -> str:
    """``url`` fit for people to see: no password, no token that stands alone before the host,
    and of what comes after ``?`` only values that are known to be harmless."""
    scheme, slashes, rest = url.partition("://")
    address, question, query = rest.partition("?")
    address, number_sign, _ = address.partition("#")
    # The last one: a password with a bare / in it goes on in what looks like the path.
    user, at, place = address.rpartition("@")
    name, colon, _ = user.partition(":")
    hidden = f"{name}:{MASK}" if colon else MASK
    query, sign, _ = query.partition("#")
    shown = "&".join(map(_harmless, query.split("&"))) if query else ""
    fragment = f"#{MASK}" if number_sign or sign else ""
    return f"{scheme}{slashes}{hidden if at else ''}{at}{place}{question}{shown}{fragment}"


def _harmless(parameter: str) -> str:
    name, equals, value = parameter.partition("=")
    if unquote(name) in _HARMLESS and re.fullmatch(r"[\w.,:/%+*-]*", value):
        return parameter
    return f"{name}={MASK}" if equals else MASK
