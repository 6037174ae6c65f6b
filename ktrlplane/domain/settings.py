"""Settings of resources: defaults, tiers' overlays, and the rules a JSON Schema cannot say."""

import json
import math
from collections.abc import Iterator, Mapping
from itertools import islice, takewhile
from typing import Any, Final

from attrs import field, frozen

from ktrlplane.domain.documents import escape, merge_patch, select
from ktrlplane.domain.errors import MAX_FAULTS, Fault

SECRET_REF: Final = "secret-ref"  # noqa: S105
"""The ``format`` of a value that refers to a secret and never is one (R3.4)."""


@frozen(kw_only=True)
class References:
    """Every text at ``source`` must be among the texts at ``target``."""

    source: str
    target: str
    code: str
    detail: str

    def faults(self, settings: object) -> Iterator[Fault]:
        known = {value for _, value in select(settings, self.target) if isinstance(value, str)}
        for at, value in select(settings, self.source):
            if isinstance(value, str) and value not in known:
                yield Fault(at, self.code, self.detail)


@frozen(kw_only=True)
class Unique:
    """No two values at ``at`` may be equal."""

    at: str
    code: str
    detail: str

    def faults(self, settings: object) -> Iterator[Fault]:
        seen: set[object] = set()
        for at, value in select(settings, self.at):
            known = _comparable(value)
            if known in seen:
                yield Fault(at, self.code, self.detail)
            seen.add(known)


@frozen(kw_only=True)
class AtMost:
    """The number at ``lesser`` must not be over the one at ``greater``, where both are.

    Where both pointers begin alike, each number is compared with those of the same parent.
    """

    lesser: str
    greater: str
    code: str
    detail: str

    def faults(self, settings: object) -> Iterator[Fault]:
        shared = _shared_steps(self.lesser, self.greater)
        for here, parent in select(settings, shared):
            bound = min(_numbers(parent, self.greater[len(shared) :]).values(), default=math.inf)
            for at, number in _numbers(parent, self.lesser[len(shared) :]).items():
                if number > bound:
                    yield Fault(here + at, self.code, self.detail)


def _shared_steps(one: str, other: str) -> str:
    both = zip(one.split("/")[:-1], other.split("/")[:-1], strict=False)
    return "/".join(mine for mine, _ in takewhile(lambda steps: steps[0] == steps[1], both))


def _numbers(document: object, pattern: str) -> dict[str, int | float]:
    return {
        at: value
        for at, value in select(document, pattern)
        if isinstance(value, int | float) and not isinstance(value, bool)
    }


def _comparable(value: object) -> object:
    """Hashable, and equal for what JSON calls equal: comparing values would take true for 1."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return ("number", value)
    return json.dumps(value, sort_keys=True)


Rule = References | Unique | AtMost
"""A kind of rule is a class here and a word in ``RULES``: this is where new kinds go."""

RULES: Final[Mapping[str, type[Rule]]] = {
    "references": References,
    "unique": Unique,
    "at_most": AtMost,
}
_FIELDS: Final = {"from": "source", "to": "target"}
"""``from`` is no name that Python allows."""


def rule_of(written: Mapping[str, str]) -> Rule:
    """The rule that a manifest, already found valid, writes down."""
    kind = RULES[written["rule"]]
    return kind(**{_FIELDS.get(key, key): at for key, at in written.items() if key != "rule"})


@frozen
class SettingsSchema:
    """What the settings of one resource type in one tier may be.

    ``effective`` is the type's schema with the tier's overlay merged in (RFC 7396); settings
    must satisfy both (R3.2).
    """

    base: Mapping[str, Any]
    overlay: Mapping[str, Any] = field(factory=dict)
    rules: tuple[Rule, ...] = ()
    effective: Mapping[str, Any] = field(init=False)
    _filling: "Filling" = field(init=False, repr=False, eq=False)

    @effective.default
    def _(self) -> Mapping[str, Any]:
        merged: Mapping[str, Any] = merge_patch(self.base, self.overlay)
        return merged

    @_filling.default
    def _(self) -> "Filling":
        return Filling(self.effective)

    def with_defaults(self, settings: object) -> Any:
        """``settings`` with every default of the schema that they leave open.

        Defaults are found by way of ``properties``, ``items``, ``additionalProperties`` and
        local ``$ref``; one in a condition or an alternative fills nothing in.
        """
        return self._filling.filled(settings, self.effective)

    def broken_rules(self, settings: object) -> list[Fault]:
        """At most ``MAX_FAULTS``."""
        faults = (fault for rule in self.rules for fault in rule.faults(settings))
        return list(islice(faults, MAX_FAULTS))


def resolved(schema: Any, root: Mapping[str, Any]) -> Mapping[str, Any]:
    """``schema`` with what its local ``$ref`` points at merged beneath it."""
    steps = 0
    while isinstance(schema, Mapping) and "$ref" in schema and steps < 16:  # noqa: PLR2004
        target: Any = root
        for step in str(schema["$ref"]).removeprefix("#").split("/")[1:]:
            name = step.replace("~1", "/").replace("~0", "~")
            target = target.get(name, {}) if isinstance(target, Mapping) else {}
        rest = {key: value for key, value in schema.items() if key != "$ref"}
        schema = merge_patch(target, rest)
        steps += 1
    return schema if isinstance(schema, Mapping) else {}


@frozen
class Filling:
    """Fills in the defaults of schemas whose references point into ``root``.

    Schemas are resolved once each: a hostile list has hundreds of thousands of items.
    """

    root: Mapping[str, Any]
    _resolved: dict[int, Mapping[str, Any]] = field(factory=dict, init=False, repr=False)

    def filled(self, value: Any, schema: Any) -> Any:
        """``value`` with the defaults of ``schema``, a part of ``root``.

        What has more items or members than it may is left as it is; it will be refused.
        """
        known = self._known(schema)
        if isinstance(value, dict) and len(value) <= known.get("maxProperties", math.inf):
            return self._object(value, known)
        if isinstance(value, list) and len(value) <= known.get("maxItems", math.inf):
            items = known.get("items", True)
            return [self.filled(member, items) for member in value]
        return value

    def _object(self, value: dict[str, Any], known: Mapping[str, Any]) -> dict[str, Any]:
        properties = known.get("properties", {})
        others = known.get("additionalProperties", True)
        whole = {
            key: self.filled(member, properties.get(key, others)) for key, member in value.items()
        }
        for key, subschema in properties.items():
            if key not in whole:
                wanted = self._known(subschema)
                if "default" in wanted:
                    whole[key] = self.filled(wanted["default"], subschema)
        return whole

    def _known(self, schema: Any) -> Mapping[str, Any]:
        # By identity: every schema lives as long as ``root`` or what was resolved from it.
        known = self._resolved.get(id(schema))
        if known is None:
            known = self._resolved[id(schema)] = resolved(schema, self.root)
        return known


def secret_places(schema: Mapping[str, Any]) -> set[str]:
    """Where ``schema`` expects references to secrets, as patterns for ``select``."""
    places: set[str] = set()
    todo: list[tuple[str, Any, int]] = [("", schema, 0)]
    while todo:
        at, subschema, depth = todo.pop()
        known = resolved(subschema, schema)
        if known.get("format") == SECRET_REF:
            places.add(at)
            continue
        if depth < 16:  # noqa: PLR2004
            todo += [
                (f"{at}/{escape(key)}", member, depth + 1)
                for key, member in known.get("properties", {}).items()
            ]
            todo += [
                (f"{at}/*", known[key], depth + 1)
                for key in ("items", "additionalProperties")
                if isinstance(known.get(key), Mapping)
            ]
    return places
