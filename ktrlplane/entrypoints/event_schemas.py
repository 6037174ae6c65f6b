"""``python -m ktrlplane.entrypoints.event_schemas schemas/events`` writes a JSON Schema (2020-12)
for each type of event, derived from what the services tell."""

import enum
import json
import sys
import types
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Union, get_args, get_origin, get_type_hints

from attrs import AttrsInstance, fields_dict, has

from ktrlplane.domain.access import Permission, Role, RoleAssignment, Scope, ScopeType
from ktrlplane.domain.documents import Document
from ktrlplane.domain.events import VERSION, ActorType, EventType
from ktrlplane.domain.groups import Group, GroupMember
from ktrlplane.domain.ids import Identity
from ktrlplane.domain.invitations import Invitation
from ktrlplane.domain.limits import LimitOverride
from ktrlplane.domain.organizations import Organization
from ktrlplane.domain.projects import Project
from ktrlplane.domain.resources import Resource
from ktrlplane.domain.services.telling import SUBJECTS, UNTOLD
from ktrlplane.domain.snapshots import UNTOLD_TIMES
from ktrlplane.domain.users import ServiceAccount, User
from ktrlplane.domain.webhooks import Webhook

Schema = dict[str, Any]

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_TEXT: Final[Schema] = {"type": "string"}
_TIME: Final[Schema] = {"type": "string", "format": "date-time"}
_HASH: Final[Schema] = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
_NOUNS: Final[Mapping[str, type[AttrsInstance]]] = {
    "organization": Organization,
    "project": Project,
    "resource": Resource,
    "limit_override": LimitOverride,
    "role_assignment": RoleAssignment,
    "invitation": Invitation,
    "group": Group,
    "group_member": GroupMember,
    "role": Role,
    "service_account": ServiceAccount,
    "user": User,
    "webhook": Webhook,
}
_MAKES: Final = frozenset({"created", "added"})
_ENDS: Final = frozenset({"deleted", "removed", "revoked", "accepted"})


def schema_of(kind: EventType) -> Schema:
    """Of the whole event, as the audit log and webhooks show it."""
    nullable = {"type": ["string", "null"]}
    properties: dict[str, Schema] = {
        "event_id": {"type": "string", "pattern": "^evt_[0-9a-f]{32}$"},
        "type": {"const": kind.value},
        "version": {"const": VERSION},
        "occurred_at": _TIME,
        "actor": _object({"type": _words(ActorType), "id": _TEXT}),
        "org_id": nullable,
        "project_id": nullable,
        "resource_id": nullable,
        "request_id": nullable,
        "sequence": {"type": "integer", "minimum": 1},
        "data": _data(kind),
    }
    hashes = {"previous_hash": _HASH, "hash": _HASH}
    return {
        "$schema": DIALECT,
        "$id": f"urn:ktrlplane:event:{kind}:{VERSION}",
        "title": kind.value,
        "type": "object",
        "properties": properties | hashes,
        "required": list(properties),
    }


def _data(kind: EventType) -> Schema:
    if kind in _OWN_DATA:
        return _OWN_DATA[kind]
    noun, _, verb = kind.partition(".")
    told = _told(_NOUNS[noun])
    whole, nothing = _object(told), {"type": "null"}
    some: Schema = {"type": "object", "properties": {k: _or_null(v) for k, v in told.items()}}
    before, after = some, some
    if verb in _MAKES:
        before, after = nothing, whole
    elif verb in _ENDS:
        before, after = whole, nothing
    subject = {name: told[name] for name in SUBJECTS[_NOUNS[noun]]}
    return _changes(before, after, {"subject": _object(subject)})


def _changes(before: Schema, after: Schema, beside: Mapping[str, Schema]) -> Schema:
    members: dict[str, Schema] = {"before": before, "after": after, **beside}
    omitted = {"type": "array", "items": _TEXT, "description": "Pointers to what was too long."}
    return _object(members) | {"properties": members | {"omitted": omitted}}


def _told(noun: type[AttrsInstance]) -> dict[str, Schema]:
    """What ``snapshot`` tells of such a thing."""
    hints = get_type_hints(noun)
    told: dict[str, Schema] = {}
    for name in fields_dict(noun):
        if name in UNTOLD_TIMES or name in UNTOLD or name.startswith("_"):
            continue
        if hints[name] is Scope:
            told |= {"scope_type": _words(ScopeType), "scope_id": _TEXT}
        else:
            told[name] = _or_null(_typed(hints[name]))
    if noun is RoleAssignment:
        del told["holder"]
        told |= {"principal_type": {"enum": ["user", "group"]}, "principal_id": _TEXT}
    return told


def _typed(hint: Any) -> Schema:
    if get_origin(hint) in (Union, types.UnionType):
        (first, *_) = [one for one in get_args(hint) if one is not types.NoneType]
        return _typed(first)
    if get_origin(hint) is tuple:
        return {"type": "array", "items": _typed(get_args(hint)[0])}
    if issubclass(hint, enum.Enum):
        return _words(hint)
    for kind, schema in _SCALARS:
        if issubclass(hint, kind):
            return schema
    assert has(hint), hint
    return _object(_told(hint))


_SCALARS: Final[Sequence[tuple[type, Schema]]] = (
    (str, _TEXT),
    (bool, {"type": "boolean"}),
    (int, {"type": ["integer", "string"], "description": "Text where it has over 53 bits."}),
    (Identity, _TEXT),
    (Permission, _TEXT),
    (datetime, _TIME),
    (Document, {"type": "object"}),
)


def _words(words: type[enum.Enum]) -> Schema:
    return {"enum": [word.value for word in words]}


def _object(members: Mapping[str, Schema]) -> Schema:
    return {"type": "object", "properties": dict(members), "required": list(members)}


def _or_null(schema: Schema) -> Schema:
    return schema if schema == {} else {"anyOf": [schema, {"type": "null"}]}


_RETENTION: Final = _object({"days": {"type": ["integer", "null"]}})

_PAYING: Final[Schema] = {
    "type": "object",
    "properties": {
        "fault": {"type": ["string", "null"]},
        "has_lapsed": {"type": "boolean"},
        "grace_until": _or_null(_TIME),
    },
}
_ACCOUNT: Final = {"billing_account_id": _TEXT, "scope_type": _words(ScopeType), "scope_id": _TEXT}
_BILLING: Final = _changes(_PAYING, _PAYING, {"subject": _object(_ACCOUNT)})

_OWN_DATA: Final[Mapping[EventType, Schema]] = {
    EventType.ACCESS_DENIED: _object(
        {
            "attempt": _TEXT,
            "code": {"enum": ["forbidden", "not_found", "unsafe_query"]},
            "reason": _TEXT,
            "scope_type": {"type": ["string", "null"]},
            "scope_id": {"type": ["string", "null"]},
            "more_may_follow_unrecorded": {"type": "boolean"},
        }
    ),
    EventType.CATALOG_UPDATED: _changes(
        {"type": "null"},
        _object({"platform": _TEXT, "roles": {"type": "array", "items": _object(_told(Role))}}),
        {},
    ),
    **dict.fromkeys((one for one in EventType if one.startswith("billing.")), _BILLING),
    EventType.WEBHOOK_TEST: _object({"webhook_id": _TEXT}),
    EventType.AUDIT_RETENTION_UPDATED: _changes(_RETENTION, _RETENTION, {}),
    EventType.AUDIT_PRUNED: _object(
        {
            "through_sequence": {"type": "integer", "minimum": 1},
            "through_hash": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
            "count": {"type": "integer", "minimum": 1},
        }
    ),
    EventType.WEBHOOK_TEST: _object(
        {"subject": _object({name: _told(Webhook)[name] for name in SUBJECTS[Webhook]})}
    ),
}


def files() -> Iterator[tuple[str, str]]:
    """By name, below the folder."""
    for kind in EventType:
        text = json.dumps(schema_of(kind), indent=2)
        yield f"v{VERSION}/{kind}.json", f"{text}\n"


def write(folder: Path) -> None:
    for name, text in files():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


if __name__ == "__main__":
    write(Path(sys.argv[1]))
