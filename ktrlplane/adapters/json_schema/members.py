"""Keywords about which members an object or a list has."""

import difflib
from collections.abc import Iterator, Mapping, Sized
from itertools import islice
from typing import Any, Final

from ktrlplane.adapters.json_schema.breaches import Breach, Validator, because, breach
from ktrlplane.adapters.json_schema.scalars import Keyword
from ktrlplane.domain.errors import MAX_FAULTS
from ktrlplane.domain.patterns import compiled

_MOST_NAMES = 12


def _required(validator: Validator, names: Any, instance: Any, schema: Any) -> Iterator[Breach]:
    if validator.is_type(instance, "object"):
        for name in names:
            if name not in instance:
                yield Breach("required", "is required", path=(name,))


def _dependent_required(
    validator: Validator, dependents: Any, instance: Any, schema: Any
) -> Iterator[Breach]:
    if not validator.is_type(instance, "object"):
        return
    for given, names in dependents.items():
        if given in instance:
            for name in names:
                if name not in instance:
                    found = Breach("dependentRequired", "is required", path=(name,))
                    yield from because([found], [f"{given} is given"])


def _dependent_schemas(
    validator: Validator, dependents: Any, instance: Any, schema: Any
) -> Iterator[Breach]:
    if validator.is_type(instance, "object"):
        for given, subschema in dependents.items():
            if given in instance:
                yield from because(validator.descend(instance, subschema), [f"{given} is given"])


def _additional(validator: Validator, others: Any, instance: Any, schema: Any) -> Iterator[Breach]:
    if not validator.is_type(instance, "object"):
        return
    known = schema.get("properties", {})
    patterns = [compiled(pattern) for pattern in schema.get("patternProperties", ())]
    for name, member in islice(
        instance.items(), _looked_at(instance, schema.get("maxProperties"))
    ):
        if name in known or any(pattern.search(name) for pattern in patterns):
            continue
        if others is False:
            advice = _advice(name, known, instance)
            yield Breach("unknownField", "is not known here", path=(name,), advice=advice)
        else:
            yield from map(breach, validator.descend(member, others, path=name))


def _advice(name: str, known: Mapping[str, Any], instance: Mapping[str, Any]) -> str:
    """Names nobody used yet come first: the misspelt one stands for one of them."""
    free = [other for other in known if other not in instance]
    words = {word.lower(): word for word in (*known, *free)}
    # The comparison is quadratic in the length of the name.
    near = difflib.get_close_matches(name[:100].lower(), words, n=1)
    if near:
        return f"Did you mean {words[near[0]]}?"
    if not known:
        return "Nothing may stand here."
    names = ", ".join(free[:_MOST_NAMES])
    return f"What can still be set here: {names}{', …' if len(free) > _MOST_NAMES else ''}." * (
        len(free) > 0
    )


def _pattern_properties(
    validator: Validator, patterns: Any, instance: Any, schema: Any
) -> Iterator[Breach]:
    if validator.is_type(instance, "object"):
        for pattern, subschema in patterns.items():
            for name, member in instance.items():
                if compiled(pattern).search(name):
                    yield from map(breach, validator.descend(member, subschema, path=name))


def _property_names(
    validator: Validator, subschema: Any, instance: Any, schema: Any
) -> Iterator[Breach]:
    if not validator.is_type(instance, "object"):
        return
    for name in islice(instance, _looked_at(instance, schema.get("maxProperties"))):
        error = next(iter(validator.descend(name, subschema)), None)
        if error is not None:
            found = breach(error)
            predicate = f"is no name that may stand here: it {found.predicate}"
            yield Breach("propertyNames", predicate, path=(name,), advice=found.advice)


def _contains(validator: Validator, wanted: Any, instance: Any, schema: Any) -> Iterator[Breach]:
    if not validator.is_type(instance, "array"):
        return
    least, most = schema.get("minContains", 1), schema.get("maxContains", len(instance))
    fitting = validator.evolve(schema=wanted)
    count = sum(fitting.is_valid(member) for member in instance)
    what = f"of what fits {wanted['title']}" if "title" in wanted else "of the kind asked for"
    if count < least:
        code = "contains" if "minContains" not in schema else "minContains"
        yield Breach(code, f"must contain at least {least} {what}")
    if count > most:
        yield Breach("maxContains", f"must contain at most {most} {what}")


def _items(validator: Validator, subschema: Any, instance: Any, schema: Any) -> Iterator[Breach]:
    if not validator.is_type(instance, "array"):
        return
    before = len(schema.get("prefixItems", ()))
    if subschema is False:
        if len(instance) > before:
            yield Breach("maxItems", f"must have at most {before} items")
        return
    for index in range(before, _looked_at(instance, schema.get("maxItems"))):
        yield from map(breach, validator.descend(instance[index], subschema, path=index))


def _looked_at(instance: Sized, bound: int | None) -> int:
    """How many items or members are followed: of too many, which is told already, the first."""
    if bound is None or len(instance) <= bound:
        return len(instance)
    return min(len(instance), max(bound, MAX_FAULTS))


MEMBERS: Final[Mapping[str, Keyword]] = {
    "required": _required,
    "dependentRequired": _dependent_required,
    "dependentSchemas": _dependent_schemas,
    "additionalProperties": _additional,
    "patternProperties": _pattern_properties,
    "propertyNames": _property_names,
    "contains": _contains,
    "items": _items,
}
