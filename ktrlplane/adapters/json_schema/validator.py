"""Checks settings with validators that are built once a schema."""

import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from attrs import frozen
from jsonschema import Draft202012Validator, validators
from jsonschema.exceptions import ValidationError
from jsonschema_specifications import REGISTRY  # type: ignore[import-untyped]
from referencing.jsonschema import DRAFT202012, SchemaRegistry

from ktrlplane.adapters.json_schema.alternatives import ALTERNATIVES
from ktrlplane.adapters.json_schema.breaches import Breach, breach
from ktrlplane.adapters.json_schema.members import MEMBERS
from ktrlplane.adapters.json_schema.scalars import SCALARS
from ktrlplane.domain.errors import MAX_FAULTS, Fault
from ktrlplane.domain.settings import SettingsSchema
from ktrlplane.ports.schemas import SettingsValidator

Check = Callable[[Any], Iterator[ValidationError]]
Found = dict[tuple[str, str], Breach]
"""By pointer and code."""


def _offline() -> SchemaRegistry:
    """The meta-schemas alone: a registry without ``retrieve`` never fetches anything.

    Without their ``$schema``, since jsonschema goes on with its own validator below one.
    """
    resources = [
        (uri, DRAFT202012.create_resource(_without_dialect(REGISTRY[uri].contents)))
        for uri in REGISTRY
        if "/draft/2020-12/" in uri
    ]
    return SchemaRegistry().with_resources(resources).crawl()


def _without_dialect(schema: Any) -> dict[str, Any]:
    return {key: value for key, value in schema.items() if key != "$schema"}


_REGISTRY: Final = _offline()
_KEYWORDS: Final = {**SCALARS, **MEMBERS, **ALTERNATIVES}
_Validator: Final = validators.extend(  # type: ignore[no-untyped-call]
    Draft202012Validator, _KEYWORDS
)


@frozen
class _Checks:
    """``effective`` is None where the tier has no overlay: it would only repeat ``base``."""

    base: Check
    effective: Check | None

    @classmethod
    def of(cls, schema: SettingsSchema) -> "_Checks":
        effective = _check(schema.effective) if schema.overlay else None
        return cls(_check(schema.base), effective)


def _check(schema: Mapping[str, Any]) -> Check:
    check: Check = _Validator(_without_dialect(schema), registry=_REGISTRY).iter_errors
    return check


class JsonSchemaValidator(SettingsValidator):
    """Serves any number of threads. Tells at most ``MAX_FAULTS`` faults."""

    def __init__(self) -> None:
        self._checks: dict[int, _Checks] = {}

    def violations(self, schema: SettingsSchema, settings: Mapping[str, Any]) -> Sequence[Fault]:
        checks = self._checks_of(schema)
        base = _found(checks.base(settings))
        if checks.effective is None:
            return [found.fault(tier=False) for found in base.values()]
        effective = _found(checks.effective(settings))
        # A list that was cut short does not tell what the type allows.
        whole = len(base) < MAX_FAULTS
        faults = [
            found.fault(tier=whole and not _same(found, base.get(place)))
            for place, found in effective.items()
        ]
        faults += [found.fault(tier=False) for at, found in base.items() if at not in effective]
        return faults[:MAX_FAULTS]

    def _checks_of(self, schema: SettingsSchema) -> _Checks:
        # By identity: a schema holds dictionaries, which have no hash. Two threads may both
        # build one; either will do.
        known = self._checks.get(id(schema))
        if known is None:
            known = self._checks[id(schema)] = _Checks.of(schema)
            weakref.finalize(schema, self._checks.pop, id(schema), None).atexit = False
        return known


def _found(errors: Iterator[ValidationError]) -> Found:
    found: Found = {}
    for error in errors:
        one = breach(error)
        found.setdefault((one.pointer, one.code), one)
        if len(found) == MAX_FAULTS:
            break
    return found


def _same(one: Breach, other: Breach | None) -> bool:
    return other is not None and one.predicate == other.predicate
