"""What a receiver's answer means to us. Nothing of it need be right, or harmless."""

import codecs
import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

MAX_SHOWN_BYTES: Final = 1024
MAX_RETRY_AFTER: Final = timedelta(days=1)
"""As long as the longest pause between two attempts."""

_SECONDS: Final = re.compile(r"[0-9]{1,20}")
_LONGEST_HEADER: Final = 100
# Control characters but tabs and line breaks, and what turns the direction of a text.
_HARMFUL: Final = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u061c\u2028-\u202e\u2066-\u2069\ufeff]"
)
_REPLACEMENT: Final = "\ufffd"


def shown(body: bytes) -> str:
    """The beginning of ``body`` as people may see it and every database keeps it: what is not
    UTF-8 or not harmless is replaced, and a character that does not fit is left out."""
    head = body[:MAX_SHOWN_BYTES]
    decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
    text = decoder.decode(head, final=len(head) == len(body))
    return _HARMFUL.sub(_REPLACEMENT, text.replace("\r\n", "\n"))


def retry_after(value: str | None, now: datetime) -> timedelta | None:
    """How long a receiver asks us to wait (RFC 9110 section 10.2.3), in seconds or until a
    time: none of it is more than ``MAX_RETRY_AFTER``, or less than nothing. None where it does
    not say."""
    text = (value or "").strip()
    if _SECONDS.fullmatch(text):
        return timedelta(seconds=min(int(text), MAX_RETRY_AFTER.total_seconds()))
    if not text or len(text) > _LONGEST_HEADER:
        return None
    try:
        until = parsedate_to_datetime(text)
        if until.tzinfo is None:
            until = until.replace(tzinfo=UTC)
        pause = until - now
    except (ValueError, OverflowError, TypeError, IndexError):
        return None
    return max(timedelta(), min(pause, MAX_RETRY_AFTER))
