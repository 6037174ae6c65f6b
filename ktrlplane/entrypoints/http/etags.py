"""Entity tags (RFC 9110 section 8.8.3): strong, and of what a thing looks like on the wire."""

import hashlib
import re
from typing import Any, Final

from ktrlplane.domain.services.platform import Expectation
from ktrlplane.entrypoints.http import rendering
from ktrlplane.entrypoints.http.problems import EdgeError

_TAG: Final = re.compile(r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"')
_SIZE: Final = 12


def tag_of(body: bytes) -> str:
    return f'"{hashlib.blake2b(body, digest_size=_SIZE).hexdigest()}"'


def listed(header: str) -> list[str]:
    """The tags of If-Match or If-None-Match. Raises: EdgeError."""
    tags = _TAG.findall(header)
    if not tags or _TAG.sub("", header).replace(",", "").strip():
        raise EdgeError("malformed_request", 'Write entity tags as "tag", "tag" or *.')
    return tags


def unchanged(if_none_match: str, tag: str) -> bool:
    """Weak comparison, as RFC 9110 section 13.1.2 says."""
    if if_none_match.strip() == "*":
        return True
    return tag in [one.removeprefix("W/") for one in listed(if_none_match)]


def matches(if_match: str, tag: str) -> bool:
    """Strong comparison, as RFC 9110 section 13.1.1 says."""
    return if_match.strip() == "*" or tag in listed(if_match)


def expectation(if_match: str | None, if_none_match: str | None) -> Expectation[Any] | None:
    """Whether a thing that is there may be changed by the word of these headers.
    Raises: EdgeError."""
    if if_match is None and if_none_match is None:
        return None

    def is_met(tag: str) -> bool:
        wanted = if_match is None or matches(if_match, tag)
        unwanted = if_none_match is not None and unchanged(if_none_match, tag)
        return wanted and not unwanted

    is_met("")  # what is malformed is told before anything is looked up
    return lambda thing: is_met(tag_of(rendering.dump(thing)))
