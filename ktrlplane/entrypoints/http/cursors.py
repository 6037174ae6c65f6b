"""Cursors as text: what a caller hands back to go on where a page ended."""

import base64
from typing import Final

import orjson

from ktrlplane.domain.errors import Fault, ValidationFailed
from ktrlplane.domain.paging import Cursor, Sort

CURSOR_ADVICE: Final = "Send next_cursor of the page before, as it came."


def write_cursor(sort: Sort, cursor: Cursor) -> str:
    packed = orjson.dumps([sort.value, cursor.key, cursor.id])
    return base64.urlsafe_b64encode(packed).rstrip(b"=").decode()


def read_cursor(text: str) -> tuple[Sort, Cursor]:
    """Raises: ValidationFailed."""
    try:
        packed = base64.urlsafe_b64decode(text.encode() + b"=" * (-len(text) % 4))
        sort, key, identity = orjson.loads(packed)
        cursor = Cursor(key + "", identity + "")
        place = Sort(sort), cursor
    except (ValueError, TypeError) as exc:
        raise bad_cursor(CURSOR_ADVICE) from exc
    if "\0" in key + identity:
        raise bad_cursor(CURSOR_ADVICE)
    return place


def bad_cursor(detail: str) -> ValidationFailed:
    return ValidationFailed([Fault("/cursor", "cursor", detail)])
