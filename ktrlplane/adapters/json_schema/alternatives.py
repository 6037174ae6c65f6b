"""Keywords that combine schemas: what to tell where none of several fits."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Final

from ktrlplane.adapters.json_schema.breaches import Breach, Validator, because, breach
from ktrlplane.adapters.json_schema.scalars import Keyword, plain, wrong_choice, wrong_type

_ENOUGH = 20
"""Breaches of one alternative that are looked at: hostile settings have them without end."""


def _any_of(validator: Validator, schemas: Any, instance: Any, schema: Any) -> Iterator[Breach]:
    branches = []
    for subschema in schemas:
        branches.append(_breaches(validator, subschema, instance))
        if not branches[-1]:
            return
    yield from _explained("anyOf", "at least one", branches, instance)


def _one_of(validator: Validator, schemas: Any, instance: Any, schema: Any) -> Iterator[Breach]:
    branches = [_breaches(validator, subschema, instance) for subschema in schemas]
    fitting = [subschema for subschema, found in zip(schemas, branches, strict=True) if not found]
    if len(fitting) > 1:
        names = [name for subschema in fitting for name in _only_required(subschema)]
        predicate = (
            f"must have only one of {', '.join(dict.fromkeys(names))}"
            if names
            else "fits more than one of the forms that it may have; keep what belongs to one"
        )
        yield Breach("oneOf", predicate)
    elif not fitting:
        yield from _explained("oneOf", "one", branches, instance)


def _only_required(subschema: Any) -> list[str]:
    known = isinstance(subschema, Mapping) and subschema.keys() == {"required"}
    return list(subschema["required"]) if known else []


def _breaches(validator: Validator, subschema: Any, instance: Any) -> list[Breach]:
    return [breach(error) for error in islice(validator.descend(instance, subschema), _ENOUGH)]


def _explained(
    code: str, how_many: str, branches: Sequence[Sequence[Breach]], instance: Any
) -> Iterator[Breach]:
    """The breaches of the alternative that was meant, or what tells the alternatives apart."""
    missing = [_missing(branch) for branch in branches]
    if all(missing):
        names = ", ".join(" and ".join(names) for names in missing)
        yield Breach(code, f"must have {how_many} of {names}")
        return
    of_type = [branch for branch in branches if _wrong(branch, "type", 0) is None]
    if not of_type:
        types = [known for branch in branches for known in _allowed(branch, "type", 0)]
        yield wrong_type(list(dict.fromkeys(types)), instance)
        return
    meant = [branch for branch in of_type if _wrong_kind(branch) is None]
    apart = _told_apart(of_type) if not meant else None
    if apart is not None:
        yield apart
        return
    yield from min(meant or of_type, key=len)


def _missing(branch: Sequence[Breach]) -> list[str]:
    """The members that are all that this alternative misses."""
    only = all(found.code == "required" and len(found.path) == 1 for found in branch)
    return [str(found.path[0]) for found in branch] if only else []


def _wrong(branch: Sequence[Breach], code: str, depth: int) -> Breach | None:
    return next((b for b in branch if b.code == code and len(b.path) == depth), None)


def _allowed(branch: Sequence[Breach], code: str, depth: int) -> Sequence[Any]:
    found = _wrong(branch, code, depth)
    return found.allowed if found is not None else ()


def _wrong_kind(branch: Sequence[Breach]) -> Breach | None:
    """Where this alternative wants another word: ``kind: a`` against ``kind: b``."""
    return _wrong(branch, "const", 1) or _wrong(branch, "const", 0) or _wrong(branch, "enum", 0)


def _told_apart(branches: Sequence[Sequence[Breach]]) -> Breach | None:
    """One breach for all, where the same member tells every alternative from the others."""
    kinds = [kind for branch in branches if (kind := _wrong_kind(branch)) is not None]
    if len({tuple(kind.path) for kind in kinds}) != 1:
        return None
    allowed = [value for kind in kinds for value in kind.allowed]
    found = wrong_choice("enum", allowed)
    found.path.extend(kinds[0].path)
    return found


def _not(validator: Validator, unwanted: Any, instance: Any, schema: Any) -> Iterator[Breach]:
    if validator.evolve(schema=unwanted).is_valid(instance):
        names = _only_required(unwanted)
        if len(names) == 1:
            yield Breach("not", "is not allowed here", path=(names[0],))
        elif names:
            yield Breach("not", f"must not have all of {', '.join(names)}")
        else:
            yield Breach("not", "is not allowed as it is")


def _if(validator: Validator, condition: Any, instance: Any, schema: Any) -> Iterator[Breach]:
    if validator.evolve(schema=condition).is_valid(instance):
        if "then" in schema:
            reasons = list(_reasons(condition, instance))
            yield from because(validator.descend(instance, schema["then"]), reasons)
    elif "else" in schema:
        yield from map(breach, validator.descend(instance, schema["else"]))


def _reasons(condition: Any, instance: Any) -> Iterator[str]:
    """What the condition found, as far as it can be said in words of the schema."""
    if not isinstance(condition, Mapping):
        return
    said = set()
    for name, wanted in condition.get("properties", {}).items():
        if isinstance(wanted, Mapping) and {"const", "enum"} & wanted.keys() and name in instance:
            said.add(name)
            # It is one of the schema's own values, or the condition would not hold.
            yield f"{name} is {plain(instance[name])}"
    for name in condition.get("required", ()):
        if name not in said:
            yield f"{name} is given"
    absent = _only_required(condition.get("not", {}))
    if len(absent) == 1:
        yield f"{absent[0]} is not given"


ALTERNATIVES: Final[Mapping[str, Keyword]] = {
    "anyOf": _any_of,
    "oneOf": _one_of,
    "not": _not,
    "if": _if,
}
