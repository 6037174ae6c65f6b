"""Defaults and examples that their own schema refuses."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

from attrs import frozen

from ktrlplane.domain.documents import faults_of
from ktrlplane.domain.errors import Fault
from ktrlplane.domain.schema_faults import subschemas
from ktrlplane.domain.settings import Filling, SettingsSchema
from ktrlplane.ports.schemas import SettingsValidator

_ROOT: Final = "urn:ktrlplane:settings"
_IT: Final = "It"
"""What sentences call the sample."""
_SAMPLES: Final = "urn:ktrlplane:samples"
_LEFT_OPEN: Final = {"required", "dependent_required", "any_of", "one_of"}


@frozen
class _Sample:
    """A ``value`` of the file at ``at``, for the schema at ``place``."""

    word: str
    at: str
    value: Any
    place: str
    schema: Mapping[str, Any]


def sample_faults(schema: Mapping[str, Any], validator: SettingsValidator) -> Iterator[Fault]:
    # The deepest first: what holds a faulty default is faulty by it alone.
    samples = sorted(_samples(schema), key=lambda known: -known.place.count("/"))
    told: list[str] = []
    for number, fault in _faults(samples, schema, validator):
        sample = samples[number]
        inner = any(place.startswith(f"{sample.place}/") for place in told)
        # A default may leave out what is required: that is for people to give.
        left_open = sample.word == "default" and fault.code in _LEFT_OPEN
        if not inner and not left_open:
            told.append(sample.place)
            detail = f"This {sample.word} is refused by its own schema. {fault.detail}"
            yield Fault(sample.at, fault.code, detail)


def _faults(
    samples: Sequence[_Sample], schema: Mapping[str, Any], validator: SettingsValidator
) -> Iterator[tuple[int, Fault]]:
    """What is wrong with each sample, by its number.

    All are checked at once, as items of one list by a schema that is put among the
    ``$defs``, since a validator takes its time to be made.
    """
    items = [{"properties": {_IT: {"$ref": f"#{quote(sample.place)}"}}} for sample in samples]
    definitions = {**schema.get("$defs", {}), _SAMPLES: {"prefixItems": items}}
    bundled = {**schema, "$id": _ROOT, "$defs": definitions}
    bundled.pop("$schema", None)
    probe = SettingsSchema({"$ref": f"{_ROOT}#/$defs/{_SAMPLES}", "$defs": {"": bundled}})
    filling = Filling(schema)
    whole: Any = [{_IT: filling.filled(sample.value, sample.schema)} for sample in samples]
    for fault in faults_of(whole) or validator.violations(probe, whole):
        number = fault.pointer.split("/")[1:2]
        if number:
            yield int(number[0]), fault


def _samples(schema: Mapping[str, Any]) -> Iterator[_Sample]:
    if "default" not in schema:
        yield _Sample("default", "", {}, "", schema)
    for place, known in subschemas(schema):
        if "default" in known:
            yield _Sample("default", f"{place}/default", known["default"], place, known)
        for number, value in enumerate(known.get("examples", ())):
            yield _Sample("example", f"{place}/examples/{number}", value, place, known)
