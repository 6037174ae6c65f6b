"""Names that people give to things."""

from typing import Final

MAX_NAME_LENGTH: Final = 255
NAME_RULE: Final = (
    f"A name has 1 to {MAX_NAME_LENGTH} characters, is not blank at either end "
    "and has no control characters."
)


def name_is_lawful(name: str) -> bool:
    return (
        0 < len(name) <= MAX_NAME_LENGTH
        and name == name.strip()
        and not any(ord(character) < ord(" ") or character == "\x7f" for character in name)
    )


def is_a_name(_: object, __: object, value: str) -> None:
    """An attrs validator. Raises ValueError."""
    if not name_is_lawful(value):
        raise ValueError(NAME_RULE)


def is_no_name_or_a_name(_: object, __: object, value: str | None) -> None:
    """An attrs validator. Raises ValueError."""
    if value is not None and not name_is_lawful(value):
        raise ValueError(NAME_RULE)
