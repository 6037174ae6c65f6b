"""What is wrong with a settings schema although it is valid JSON Schema.

A settings schema is drawn as a form, filled with defaults and narrowed by tiers, so it keeps
to a part of JSON Schema 2020-12 in which all of that has one answer (docs/catalog.md).
"""

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from ktrlplane.domain.documents import escape, members
from ktrlplane.domain.errors import Fault
from ktrlplane.domain.patterns import compiled
from ktrlplane.domain.settings import SECRET_REF, resolved

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"

_ONE: Final = ("additionalProperties", "items", "contains", "propertyNames", "not",
               "if", "then", "else")  # fmt: skip
_MANY: Final = ("prefixItems", "allOf", "anyOf", "oneOf")
_NAMED: Final = ("properties", "patternProperties", "dependentSchemas", "$defs")
_UNSUPPORTED: Final = frozenset((
    "$anchor", "$dynamicAnchor", "$dynamicRef", "$vocabulary",
    "unevaluatedItems", "unevaluatedProperties",
    "contentEncoding", "contentMediaType", "contentSchema", "definitions", "dependencies",
))  # fmt: skip
"""Keywords of JSON Schema that have no one answer here, or are gone from it."""

_IN_PLACE: Final = ("allOf", "anyOf", "oneOf", "then", "else")

_PARTIAL: Final = re.compile(
    r"(?<!/properties)/(if|then|else|not|allOf|contains|dependentSchemas)\b"
)
"""Pointers of schemas that look at a part of what another one declares."""

_KNOWN: Final = frozenset((
    *_ONE, *_MANY, *_NAMED,
    "$schema", "$id", "$ref", "$comment",
    "type", "enum", "const", "multipleOf", "maximum", "exclusiveMaximum", "minimum",
    "exclusiveMinimum", "maxLength", "minLength", "pattern", "maxItems", "minItems",
    "uniqueItems", "maxContains", "minContains", "maxProperties", "minProperties",
    "required", "dependentRequired", "format", "title", "description", "default",
    "deprecated", "readOnly", "writeOnly", "examples",
))  # fmt: skip


def subschemas(schema: Any, at: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every object schema in ``schema``, itself first, with its pointer."""
    if not isinstance(schema, Mapping):
        return
    yield at, schema
    for key in schema:
        if key in _ONE:
            yield from subschemas(schema[key], f"{at}/{key}")
        elif key in _MANY or key in _NAMED:
            for name, member in members(schema[key]):
                yield from subschemas(member, f"{at}/{key}/{escape(name)}")


def schema_faults(schema: Mapping[str, Any]) -> Iterator[Fault]:
    """``schema`` is valid by the meta-schema. Pointers are into ``schema``."""
    if schema.get("$schema", DIALECT) != DIALECT:
        yield Fault("/$schema", "dialect", f"The only dialect is {DIALECT}.")
    lost = list(_reference_faults(schema))
    yield from lost
    for at, subschema in subschemas(schema):
        yield from _keyword_faults(at, subschema)
        yield from _pattern_faults(at, subschema)
        if not lost:
            yield from _object_faults(at, subschema, schema)


def _keyword_faults(at: str, subschema: Mapping[str, Any]) -> Iterator[Fault]:
    for key in subschema:
        here = f"{at}/{escape(key)}"
        if at and key in ("$id", "$schema"):
            yield Fault(here, "unsupported_keyword", f"{key} may stand at the top only.")
        elif key in _UNSUPPORTED:
            detail = f"{key} is not among the keywords that settings schemas may use."
            yield Fault(here, "unsupported_keyword", detail)
        elif key not in _KNOWN and not key.startswith("x-"):
            near = difflib.get_close_matches(key, _KNOWN, n=1)
            advice = f"Did you mean {near[0]}?" if near else "Words of your own begin with x-."
            detail = f"This is no keyword that settings schemas may use. {advice}"
            yield Fault(here, "unknown_keyword", detail)


def _pattern_faults(at: str, subschema: Mapping[str, Any]) -> Iterator[Fault]:
    named = subschema.get("patternProperties", {})
    patterns = [(f"{at}/patternProperties/{escape(pattern)}", pattern) for pattern in named]
    if "pattern" in subschema:
        patterns.append((f"{at}/pattern", subschema["pattern"]))
    for here, pattern in patterns:
        try:
            compiled(pattern)
        except ValueError as exc:
            yield Fault(here, "bad_pattern", str(exc))


def _reference_faults(schema: Mapping[str, Any]) -> Iterator[Fault]:
    known = dict(subschemas(schema))
    for at, subschema in known.items():
        ref = subschema.get("$ref")
        here = f"{at}/$ref"
        if ref is None:
            continue
        if not ref.startswith("#/"):
            detail = "Refer to a schema in the same file, such as #/$defs/Name."
            yield Fault(here, "foreign_ref", detail)
        elif ref[1:] not in known:
            yield Fault(here, "unknown_ref", "No object schema stands where this points.")
        elif _leads_to(at, ref[1:], known):
            detail = "This leads back to itself. Settings have an end, and so must their schema."
            yield Fault(here, "recursive_ref", detail)


def _leads_to(goal: str, start: str, known: Mapping[str, Mapping[str, Any]]) -> bool:
    """Whether whoever follows references from ``start`` comes by ``goal``."""
    seen: set[str] = set()
    todo = [start]
    while todo:
        here = todo.pop()
        if here not in seen:
            seen.add(here)
            below = [at for at in known if at == here or at.startswith(f"{here}/")]
            if goal in below:
                return True
            refs = [str(known[at]["$ref"]) for at in below if "$ref" in known[at]]
            todo += [ref[1:] for ref in refs if ref[1:] in known]
    return False


def _object_faults(
    at: str, subschema: Mapping[str, Any], root: Mapping[str, Any]
) -> Iterator[Fault]:
    whole = resolved(subschema, root)
    if subschema.get("format") == SECRET_REF and whole.get("type") != "object":
        detail = "A reference to a secret is an object; say so with type, and say its members."
        yield Fault(f"{at}/format", "secret_ref", detail)
    if not at and whole.get("type") != "object":
        yield Fault("", "not_an_object", "Settings are an object: write type: object.")
    closed = {"additionalProperties", "anyOf", "oneOf", "$ref"} & subschema.keys()
    if subschema.get("type") == "object" and not closed and _PARTIAL.search(at) is None:
        detail = (
            "Say additionalProperties: false, so that misspelt settings are refused, "
            "or the schema of further members."
        )
        yield Fault(at, "open_object", detail)


def names_something(schema: Mapping[str, Any], pattern: str) -> bool:
    """Whether settings that satisfy ``schema`` can have a value at ``pattern``."""
    found: list[Any] = [schema]
    for step in pattern.split("/")[1:]:
        found = [
            below
            for parent in found
            for part in _parts(parent, schema)
            for below in _below(part, step)
        ]
    return bool(found)


def _parts(schema: Any, root: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """``schema`` and what applies to the same value."""
    whole = resolved(schema, root)
    yield whole
    for key in _IN_PLACE:
        if key in whole:
            for part in whole[key] if isinstance(whole[key], list) else [whole[key]]:
                yield from _parts(part, root)


def _below(schema: Mapping[str, Any], step: str) -> Iterator[Any]:
    for key, member in schema.get("properties", {}).items():
        if step in ("*", escape(key)) and member is not False:
            yield member
    yield from schema.get("patternProperties", {}).values()
    if isinstance(schema.get("additionalProperties"), Mapping):
        yield schema["additionalProperties"]
    if step == "*" or step.isdecimal():
        yield from schema.get("prefixItems", [])
        if isinstance(schema.get("items"), Mapping):
            yield schema["items"]


def nulls(overlay: Mapping[str, Any], at: str = "") -> Iterator[Fault]:
    """An overlay only narrows: it takes nothing away."""
    for key, value in overlay.items():
        here = f"{at}/{escape(key)}"
        if value is None:
            detail = "null would take this away, but a tier can only narrow what the type allows."
            yield Fault(here, "null_in_overlay", detail)
        elif isinstance(value, Mapping):
            yield from nulls(value, here)


def strangers(
    overlay: Any, narrowed: Sequence[Any], root: Mapping[str, Any], at: str = ""
) -> Iterator[Fault]:
    """Properties of ``overlay`` that no schema it narrows has: misspelt, they cap nothing."""
    if not isinstance(overlay, Mapping):
        return
    parts = [part for schema in narrowed for part in _parts(schema, root)]
    for name, member in overlay.get("properties", {}).items():
        below = [found for part in parts for found in _below(part, escape(name))]
        yield from _strangers_below(member, below, root, f"{at}/properties/{escape(name)}")
    for key in ("items", "additionalProperties"):
        below = [found for part in parts for found in _below(part, "*")]
        yield from strangers(overlay.get(key), below, root, f"{at}/{key}")
    for name, member in overlay.get("$defs", {}).items():
        below = [part["$defs"][name] for part in parts if name in part.get("$defs", {})]
        yield from _strangers_below(member, below, root, f"{at}/$defs/{escape(name)}")


def _strangers_below(
    overlay: Any, narrowed: Sequence[Any], root: Mapping[str, Any], at: str
) -> Iterator[Fault]:
    if narrowed:
        yield from strangers(overlay, narrowed, root, at)
    else:
        detail = "The type's settings schema has nothing of this name to narrow."
        yield Fault(at, "unknown_setting", detail)
