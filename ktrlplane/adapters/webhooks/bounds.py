"""How much anybody gets of this process."""

import resource
from typing import Final

from attrs import field, frozen

_MOST_AT_ONCE: Final = 2000
_LEAST_AT_ONCE: Final = 50
_FILES_OF_OTHERS: Final = 200


def _at_once() -> int:
    """As many as there may be files, with one connection kept open for each under way."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return _MOST_AT_ONCE
    return max(_LEAST_AT_ONCE, min(_MOST_AT_ONCE, (soft - _FILES_OF_OTHERS) // 2))


@frozen(kw_only=True)
class Bounds:
    """``whole_s`` is for everything from the name to the last byte of the answer.
    ``head_bytes`` is for what comes before a body, interim responses included: a
    receiver can have a thousand of those read for as much as ten requests cost. The time that an
    idle connection is kept is short, and so is the whole life of one in use, since a
    name's new address is noticed only by who connects. ``lookups`` are for names that are new
    here, and as many more for those that answered lately; a name waits ``room_s`` for its turn."""

    whole_s: float = 15.0
    room_s: float = 4.0
    lookup_s: float = 8.0
    lookups: int = 32
    lookups_below_one_domain: int = 8
    lookup_kept_s: int = 5
    silent_name_s: float = 60.0
    connects: int = 8
    idle_s: float = 4.0
    connection_s: float = 60.0
    body_bytes: int = 64 * 1024
    head_bytes: int = 16 * 1024
    around_body_bytes: int = 64 * 1024
    at_once: int = field(factory=_at_once)
