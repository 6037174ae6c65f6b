"""Settings of resources: defaults, tiers' overlays, and the rules a JSON Schema cannot say."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from attrs import field, frozen

from ktrlplane.domain.documents import escape, merge_patch, select
from ktrlplane.domain.errors import Fault

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
        known = [value for _, value in select(settings, self.target)]
        for at, value in select(settings, self.source):
            if value not in known:
                yield Fault(at, self.code, self.detail)


@frozen(kw_only=True)
class Unique:
    """No two values at ``at`` may be equal."""

    at: str
    code: str
    detail: str

    def faults(self, settings: object) -> Iterator[Fault]:
        seen: list[object] = []
        for at, value in select(settings, self.at):
            if value in seen:
                yield Fault(at, self.code, self.detail)
            seen.append(value)


@frozen(kw_only=True)
class AtMost:
    """The number at ``lesser`` must not be over the one at ``greater``, where both are."""

    lesser: str
    greater: str
    code: str
    detail: str

    def faults(self, settings: object) -> Iterator[Fault]:
        for (at, lesser), (_, greater) in zip(
            select(settings, self.lesser), select(settings, self.greater), strict=False
        ):
            both = isinstance(lesser, int | float) and isinstance(greater, int | float)
            if both and lesser > greater:
                yield Fault(at, self.code, self.detail)


Rule = References | Unique | AtMost
"""A kind of rule is a class here and a word in the manifest: this is where new kinds go."""


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

    @effective.default
    def _(self) -> Mapping[str, Any]:
        merged: Mapping[str, Any] = merge_patch(self.base, self.overlay)
        return merged

    def with_defaults(self, settings: object) -> Any:
        """``settings`` with every default of the schema that they leave open."""
        return _filled(settings, self.effective, self.effective)


def _resolved(schema: Any, root: Mapping[str, Any]) -> Mapping[str, Any]:
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


def _filled(value: Any, schema: Any, root: Mapping[str, Any]) -> Any:
    known = _resolved(schema, root)
    if isinstance(value, dict):
        properties = known.get("properties", {})
        filled = {
            key: _filled(member, properties.get(key, {}), root) for key, member in value.items()
        }
        for key, subschema in properties.items():
            if key not in filled:
                wanted = _resolved(subschema, root)
                if "default" in wanted:
                    filled[key] = _filled(wanted["default"], subschema, root)
        return filled
    if isinstance(value, list):
        return [_filled(member, known.get("items", {}), root) for member in value]
    return value


def secret_places(schema: Mapping[str, Any]) -> set[str]:
    """Where ``schema`` expects references to secrets, as patterns for ``select``."""
    places: set[str] = set()
    todo: list[tuple[str, Any, int]] = [("", schema, 0)]
    while todo:
        at, subschema, depth = todo.pop()
        known = _resolved(subschema, schema)
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
