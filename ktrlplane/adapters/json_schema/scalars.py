"""Keywords that look at one value: each says whether it is broken, and how."""

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any, Final

from jsonschema import FormatChecker

from ktrlplane.adapters.json_schema.breaches import Breach, Validator
from ktrlplane.domain.documents import members
from ktrlplane.domain.patterns import compiled
from ktrlplane.domain.settings import SECRET_REF

Keyword = Callable[[Validator, Any, Any, Any], Iterator[Breach]]

_TYPES: Final = {
    "object": "an object",
    "array": "a list",
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "null": "null",
}
_FORMATS: Final = {
    "email": "an e-mail address",
    "ipv4": "an IPv4 address",
    "ipv6": "an IPv6 address",
    "date": "a date such as 2026-01-31",
    "uuid": "a UUID",
}
# Of the others, some are checked only where further packages happen to be installed.
_CHECKER: Final = FormatChecker(formats=list(_FORMATS))
_MOST_CHOICES, _LONGEST_EXAMPLE = 20, 120


def plain(value: Any) -> str:
    """A value of the schema for a sentence: text without quotation marks, where it is plain."""
    if isinstance(value, str) and value.strip() == value != "":
        return value
    return json.dumps(value, ensure_ascii=False)


def choices(values: Sequence[Any]) -> str:
    shown = ", ".join(plain(value) for value in values[:_MOST_CHOICES])
    return f"{shown}, …" if len(values) > _MOST_CHOICES else shown


def example(schema: Mapping[str, Any]) -> str:
    """An advice, empty where the schema has no example that is short enough."""
    for value in schema.get("examples", ()):
        text = plain(value)
        if len(text) <= _LONGEST_EXAMPLE:
            return f"Write it like {text}"
    return ""


def _sentence(text: str) -> str:
    return text and f"{text}."


def same(one: Any, other: Any) -> bool:
    """Equal as JSON: 1 is 1.0, and neither is true."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[k], other[k]) for k in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


def distinct(value: Any) -> Any:
    """Hashable, and equal where ``same`` is: comparing pairwise takes hours on long lists."""
    if isinstance(value, bool) or not isinstance(value, dict | list):
        return type(value) is bool, value
    kept = sorted if isinstance(value, dict) else list
    return type(value), tuple(kept((key, distinct(member)) for key, member in members(value)))


def _type(validator: Validator, types: Any, instance: Any, schema: Any) -> Iterator[Breach]:
    wanted = [types] if isinstance(types, str) else types
    if any(validator.is_type(instance, known) for known in wanted):
        return
    if schema.get("format") == SECRET_REF:
        predicate = "must be a reference to a secret, never the secret itself"
        yield Breach("type", predicate, advice=_sentence(example(schema)), allowed=wanted)
        return
    yield wrong_type(wanted, instance)


def wrong_type(wanted: Sequence[str], instance: Any) -> Breach:
    given = {dict: "object", list: "array", str: "string", bool: "boolean", type(None): "null"}
    names = " or ".join(_TYPES[known] for known in wanted)
    present = _TYPES[given.get(type(instance), "number")]
    return Breach("type", f"must be {names}, not {present}", allowed=wanted)


def _enum(validator: Validator, values: Any, instance: Any, schema: Any) -> Iterator[Breach]:
    if not any(same(value, instance) for value in values):
        yield wrong_choice("enum", values)


def _const(validator: Validator, value: Any, instance: Any, schema: Any) -> Iterator[Breach]:
    if not same(value, instance):
        yield wrong_choice("const", [value])


def wrong_choice(code: str, values: Sequence[Any]) -> Breach:
    one_of = "one of " if len(values) > 1 else ""
    return Breach(code, f"must be {one_of}{choices(values)}", allowed=values)


def _number(word: str, broken: Callable[[Any, Any], bool], code: str) -> Keyword:
    def check(validator: Validator, bound: Any, instance: Any, schema: Any) -> Iterator[Breach]:
        if validator.is_type(instance, "number") and broken(instance, bound):
            yield Breach(code, f"must be {word} {bound}")

    return check


def _counted(kind: str, code: str, noun: str, *, least: bool) -> Keyword:
    def check(validator: Validator, bound: Any, instance: Any, schema: Any) -> Iterator[Breach]:
        if not validator.is_type(instance, kind):
            return
        if len(instance) < bound if least else len(instance) > bound:
            yield Breach(code, _count(bound, noun, least=least))

    return check


def _count(bound: int, noun: str, *, least: bool) -> str:
    if not least and bound == 0:
        return "must be empty"
    if least and bound == 1:
        return "must not be empty"
    return f"must have at {'least' if least else 'most'} {bound} {noun}{'s' if bound > 1 else ''}"


def _pattern(validator: Validator, pattern: Any, instance: Any, schema: Any) -> Iterator[Breach]:
    # Text of a wrong length is told so already; the longest would cost the most here.
    lengths = schema.get("minLength", 0), schema.get("maxLength", math.inf)
    if not validator.is_type(instance, "string") or not lengths[0] <= len(instance) <= lengths[1]:
        return
    if compiled(pattern).search(instance) is None:
        yield Breach(
            "pattern", "does not have the form that it must have", advice=_form(pattern, schema)
        )


def _form(pattern: str, schema: Mapping[str, Any]) -> str:
    written = pattern if len(pattern) <= _LONGEST_EXAMPLE else f"{pattern[:_LONGEST_EXAMPLE]}…"
    hint = example(schema)
    if hint:
        return f"{hint}; the pattern is {written}."
    description = schema.get("description", "")
    hint = description if len(description) <= _LONGEST_EXAMPLE else ""
    return f"{hint} The pattern is {written}.".lstrip()


def _format(validator: Validator, name: Any, instance: Any, schema: Any) -> Iterator[Breach]:
    if name in _FORMATS and not _CHECKER.conforms(instance, name):
        yield Breach("format", f"must be {_FORMATS[name]}")


def _unique(validator: Validator, wanted: Any, instance: Any, schema: Any) -> Iterator[Breach]:
    if wanted and validator.is_type(instance, "array"):
        seen: set[Any] = set()
        for index, member in enumerate(instance):
            known = distinct(member)
            if known in seen:
                yield Breach("uniqueItems", "is in the list already", path=(index,))
            seen.add(known)


SCALARS: Final[Mapping[str, Keyword]] = {
    "type": _type,
    "enum": _enum,
    "const": _const,
    "minimum": _number("at least", lambda a, b: a < b, "minimum"),
    "maximum": _number("at most", lambda a, b: a > b, "maximum"),
    "exclusiveMinimum": _number("over", lambda a, b: a <= b, "exclusiveMinimum"),
    "exclusiveMaximum": _number("under", lambda a, b: a >= b, "exclusiveMaximum"),
    # By way of text, so that 0.3 is a multiple of 0.1.
    "multipleOf": _number(
        "a multiple of", lambda a, b: Fraction(str(a)) % Fraction(str(b)) != 0, "multipleOf"
    ),
    "minLength": _counted("string", "minLength", "character", least=True),
    "maxLength": _counted("string", "maxLength", "character", least=False),
    "minItems": _counted("array", "minItems", "item", least=True),
    "maxItems": _counted("array", "maxItems", "item", least=False),
    "minProperties": _counted("object", "minProperties", "member", least=True),
    "maxProperties": _counted("object", "maxProperties", "member", least=False),
    "pattern": _pattern,
    "format": _format,
    "uniqueItems": _unique,
}
