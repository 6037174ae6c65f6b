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
