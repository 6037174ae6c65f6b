"""What Kubernetes would say to an object."""

import json
from pathlib import Path
from typing import Any, Final

import kubernetes_validate
from jsonschema import Draft202012Validator

SCHEMAS: Final = Path(__file__).parent / "schemas"
OLDEST: Final = "1.28"
NEWEST: Final = "1.37"


def faults(thing: dict[str, Any]) -> list[str]:
    """By Kubernetes' own schemas, of an old and of a new version; by one of ours for what is not
    Kubernetes' own."""
    own = SCHEMAS / f"{thing['kind']}.schema.json"
    if own.exists():
        validator = Draft202012Validator(json.loads(own.read_text()))
        return [f"{one.json_path}: {one.message}" for one in validator.iter_errors(thing)]
    return [fault for version in (OLDEST, NEWEST) if (fault := _fault(thing, version))]


def _fault(thing: dict[str, Any], version: str) -> str | None:
    try:
        kubernetes_validate.validate(thing, version, strict=True)
    except kubernetes_validate.ValidationError as exc:
        return str(exc.message)
    return None
