"""Names that people give to things."""

import re
from typing import Final

MAX_NAME_LENGTH: Final = 255
NAME_RULE: Final = (
    f"A name has 1 to {MAX_NAME_LENGTH} characters, is not blank at either end "
    "and has no control characters."
)
# A lone surrogate is no character: no encoding has it.
_LAWFUL: Final = re.compile(rf"(?=\S)[^\x00-\x1f\x7f\ud800-\udfff]{{1,{MAX_NAME_LENGTH}}}(?<=\S)")


def name_is_lawful(name: str) -> bool:
    return _LAWFUL.fullmatch(name) is not None


def is_a_name(_: object, __: object, value: str) -> None:
    """An attrs validator. Raises ValueError."""
    if not name_is_lawful(value):
        raise ValueError(NAME_RULE)


def is_no_name_or_a_name(_: object, __: object, value: str | None) -> None:
    """An attrs validator. Raises ValueError."""
    if value is not None and not name_is_lawful(value):
        raise ValueError(NAME_RULE)


MAX_DESCRIPTION_LENGTH: Final = 1000


def is_a_description(_: object, __: object, value: str) -> None:
    """An attrs validator. Raises ValueError."""
    if len(value) > MAX_DESCRIPTION_LENGTH or not value.replace("\n", "").isprintable():
        raise ValueError(
            f"A description has at most {MAX_DESCRIPTION_LENGTH} characters "
            "and no control characters but line breaks."
        )


MAX_EMAIL_LENGTH: Final = 254
"""RFC 5321 section 4.5.3.1.3, without the angle brackets."""


def is_an_email(_: object, __: object, value: str) -> None:
    """An attrs validator: one line that shows as it is written; only a message sent there
    proves more. Raises ValueError."""
    name, at, host = value.rpartition("@")
    lawful = name and at and host and value.isprintable() and " " not in value
    if not lawful or len(value) > MAX_EMAIL_LENGTH:
        raise ValueError(
            f"An e-mail address has at most {MAX_EMAIL_LENGTH} visible characters around an @."
        )


MAX_URL_LENGTH: Final = 2048
# RFC 3986 without user information: whom a link leads to must not be hidden in it.
WEB_ADDRESS: Final = (
    r"https?://([A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?"
    r"([/?#]([A-Za-z0-9._~:/?#@!$&'()*+,;=-]|%[0-9A-Fa-f]{2})*)?"
)
_WEB_ADDRESS: Final = re.compile(WEB_ADDRESS)


def is_web_address(value: str) -> bool:
    """Whether people may be shown ``value`` as a link: nothing that a browser would run."""
    return len(value) <= MAX_URL_LENGTH and _WEB_ADDRESS.fullmatch(value) is not None


def is_no_url_or_a_web_address(_: object, __: object, value: str | None) -> None:
    """An attrs validator. Raises ValueError."""
    if value and not is_web_address(value):
        raise ValueError(
            "An address begins with http:// or https://, names a host and no user, and has at "
            f"most {MAX_URL_LENGTH} characters."
        )
