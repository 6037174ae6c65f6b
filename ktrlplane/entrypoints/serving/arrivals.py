"""How much of a request must be there before somebody is made to read it."""

import re
from typing import Final

MOST_WAITED_FOR: Final = 32 * 1024
"""Bytes of head and body. A head may not be larger; of a larger request the rest is read
while it comes."""

_END: Final = b"\r\n\r\n"
_LENGTH: Final = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]{1,9})[ \t]*\r\n", re.IGNORECASE)
_EXPECTS: Final = re.compile(rb"\r\nexpect:", re.IGNORECASE)


class HeadTooLarge(Exception):
    """The head of a request has no end within what is waited for."""


def still_missing(arrived: bytes) -> int:
    """How many bytes at least must follow ``arrived``, the beginning of a request, before it is
    worth reading; 0 if it is. Raises: HeadTooLarge."""
    end = arrived.find(_END)
    if end < 0:
        if len(arrived) >= MOST_WAITED_FOR:
            raise HeadTooLarge
        return 1
    whole = end + len(_END) + _body_length(arrived[: end + len(_END)])
    return max(0, whole - len(arrived)) if whole <= MOST_WAITED_FOR else 0


def _body_length(head: bytes) -> int:
    """0 also for who waits to be told before sending it, and for a body that says its length
    only as it comes."""
    found = _LENGTH.search(head)
    if found is None or _EXPECTS.search(head):
        return 0
    return int(found[1])
