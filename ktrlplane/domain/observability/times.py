"""Moments and spans of time as the APIs of Loki and Prometheus write them, in nanoseconds since
1970 (https://grafana.com/docs/loki/latest/reference/loki-http-api/#timestamps,
https://prometheus.io/docs/prometheus/latest/querying/api/)."""

import enum
import re
from datetime import datetime
from typing import Final

from ktrlplane.domain.observability.literals import DURATION, milliseconds

SECOND: Final = 1_000_000_000
MILLISECOND: Final = 1_000_000
LATEST: Final = 2**63 - 1

_NUMBER: Final = re.compile(r"([0-9]{1,19})(?:\.([0-9]{0,9})[0-9]{0,9})?")
_TIME: Final = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2})(?:\.([0-9]{1,9}))?"
    r"([Zz]|[+-][0-9]{2}:[0-9]{2})"
)
_SPAN: Final = re.compile(DURATION)
_DIGITS_OF_SECONDS: Final = 10
_DIGITS_OF_NANOSECONDS: Final = 18
"""Since 1973: what has fewer is in milliseconds or microseconds, which nobody here reads."""


class Unit(enum.Enum):
    """Of a whole number that is a moment. Loki takes one of up to ten digits for seconds, and a
    longer one for nanoseconds; Prometheus always for seconds."""

    OF_LOKI = "loki"
    SECONDS = "seconds"


def moment(text: str, unit: Unit) -> int:
    """Raises: ValueError, with a sentence."""
    if found := _NUMBER.fullmatch(text):
        whole, fraction = found.groups()
        if fraction is None and unit is Unit.OF_LOKI and len(whole) > _DIGITS_OF_SECONDS:
            at = int(whole)
            if len(whole) < _DIGITS_OF_NANOSECONDS:
                raise ValueError(
                    "Write a time in seconds since 1970 (10 digits) or nanoseconds (19), or as in "
                    "2026-01-31T12:00:00Z."
                )
        else:
            at = int(whole) * SECOND + int((fraction or "").ljust(9, "0"))
    elif found := _TIME.fullmatch(text):
        day, fraction, zone = found.groups()
        try:
            whole_seconds = int(datetime.fromisoformat(f"{day}{zone.upper()}").timestamp())
        except (ValueError, OverflowError):
            raise ValueError("There is no such time.") from None
        at = whole_seconds * SECOND + int((fraction or "").ljust(9, "0"))
    else:
        raise ValueError(
            "Write a time in seconds since 1970, or as in 2026-01-31T12:00:00Z; the plus sign of "
            "a zone is %2B in an address."
        )
    if not 0 <= at <= LATEST:
        raise ValueError(
            "This is too early or too late: a time is in seconds since 1970, which has 10 digits "
            "by now."
        )
    return at


def span(text: str) -> int:
    """A length of time, longer than nothing. Raises: ValueError, with a sentence."""
    length: int | None
    if found := _NUMBER.fullmatch(text):
        whole, fraction = found.groups()
        length = int(whole) * SECOND + int((fraction or "").ljust(9, "0"))
    elif _SPAN.fullmatch(text):
        counted = milliseconds(text)
        length = None if counted is None else counted * MILLISECOND
    else:
        raise ValueError("Write a duration in seconds, or as in 30s, 5m or 1h30m.")
    if length is None or length > LATEST:
        raise ValueError("This is too long.")
    if length < MILLISECOND:
        raise ValueError("This is too short: a millisecond is the least.")
    return length


def in_seconds(nanoseconds: int) -> str:
    """To the millisecond."""
    whole, rest = divmod(nanoseconds // MILLISECOND, 1000)
    return f"{whole}.{rest:03d}" if rest else str(whole)
