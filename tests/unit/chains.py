"""Chains to tamper with, and an oracle that reads what was exported and shares no code with what
it judges."""

import hashlib
import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import rfc8785

from ktrlplane.domain.access import Scope
from ktrlplane.domain.chains import Entry, Head, chained
from ktrlplane.domain.events import OPERATOR, Event, EventType
from ktrlplane.domain.ids import OrganizationId
from tests.builders import NOW

ACME, GLOBEX = Scope.of(OrganizationId("acme")), Scope.of(OrganizationId("globex"))


def a_chain(length: int, tenant: Scope = ACME, word: object = "name") -> Sequence[Entry]:
    events = [
        Event.about(
            [tenant],
            EventType.ORGANIZATION_UPDATED,
            actor=OPERATOR,
            at=NOW + timedelta(seconds=number),
            request_id="req-1",
            data={"before": {"name": number}, "after": {"name": word}},
        )
        for number in range(length)
    ]
    return chained(Head(), events)


def is_whole(lines: Sequence[str]) -> bool:
    """By RFC 8785 and SHA-256 alone: the definition of a chain."""
    previous, sequence, times = "0" * 64, 0, ""
    for line in lines:
        said = json.loads(line)
        own = said.pop("hash")
        if said["previous_hash"] != previous or said["sequence"] != sequence + 1:
            return False
        if hashlib.sha256(rfc8785.dumps(said)).hexdigest() != own:
            return False
        if said["occurred_at"] <= times or (said["org_id"] or "") != "acme":
            return False
        previous, sequence, times = own, said["sequence"], said["occurred_at"]
    return True


def hashed(said: dict[str, Any]) -> dict[str, Any]:
    """With the hash that it would have: anybody can compute one."""
    rest = {name: value for name, value in said.items() if name != "hash"}
    return rest | {"hash": hashlib.sha256(rfc8785.dumps(rest)).hexdigest()}


def written(said: dict[str, Any]) -> str:
    return rfc8785.dumps(said).decode()
