"""What strings mean, and what a matcher does with the empty value, which what lacks the label
has: the same in both languages."""

from ktrlplane.domain.observability.literals import unquoted
from ktrlplane.domain.observability.regex_characters import BadRegex
from ktrlplane.domain.observability.regexes import Regex, read_regex
from ktrlplane.domain.observability.words import Word, Words, refuse


def meaning(string: Word) -> str:
    """Raises: UnsafeQuery."""
    meant = unquoted(string.text)
    if meant is None:
        refuse("This string has an escape that is no character.", string.begin)
    return meant


def selects_something(words: Words, operator: str, value: str, position: int) -> bool:
    """Whether the empty value does not match. Raises: UnsafeQuery where ``value`` is not the
    regular expression that it should be, or too large a one beside the others."""
    if operator == "=":
        return bool(value)
    if operator == "!=":
        return not value
    takes_nothing = _read(words, value, position).takes_nothing
    return takes_nothing if operator == "!~" else not takes_nothing


def require_regex(words: Words, text: str, position: int) -> tuple[str | None, ...]:
    """The names of its groups, None where one has none. Raises: UnsafeQuery."""
    return _read(words, text, position).groups


def _read(words: Words, text: str, position: int) -> Regex:
    try:
        found = read_regex(text)
    except BadRegex as exc:
        refuse(f"This regular expression cannot be read. {exc.args[0]}", position)
    words.require_room(found.size, position)
    return found
