"""Cursors as text: what a caller hands back to go on where a page ended."""

import base64
import hashlib
from collections.abc import Mapping
from typing import Final

import orjson
from attrs import frozen

from ktrlplane.domain.paging import Cursor, PageRequest, Sort
from ktrlplane.entrypoints.http.wire import Unfit

_SIZE: Final = 4


@frozen
class Place:
    """Where a page ended, in which list (see ``listing``)."""

    sort: Sort
    after: Cursor
    listing: bytes


def listing(address: str, filters: Mapping[str, str]) -> bytes:
    """Tells lists apart. No secret: it is there for callers who take one for another."""
    asked = orjson.dumps([address, filters], option=orjson.OPT_SORT_KEYS)
    return hashlib.blake2b(asked, digest_size=_SIZE).digest()


def write_cursor(place: Place) -> str:
    packed = orjson.dumps([place.sort.value, place.after.key, place.after.id])
    return base64.urlsafe_b64encode(place.listing + packed).rstrip(b"=").decode()


def read_cursor(text: str, _: object = None) -> Place:
    """Raises: Unfit."""
    try:
        packed = base64.urlsafe_b64decode(text.encode() + b"=" * (-len(text) % 4))
        word, key, identity = orjson.loads(packed[_SIZE:])
        sort, after = Sort(word), Cursor(key + "", identity + "")
        PageRequest(sort=sort, after=after)
    except (ValueError, TypeError) as exc:
        raise _unfit() from exc
    if "\0" in key + identity:
        raise _unfit()
    return Place(sort, after, packed[:_SIZE])


def _unfit() -> Unfit:
    return Unfit("cursor", "Send next_cursor of the page before, as it came.")
