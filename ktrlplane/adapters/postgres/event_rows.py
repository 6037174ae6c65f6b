"""Entries of the log as rows."""

from typing import Any

from ktrlplane.domain.chains import Entry
from ktrlplane.domain.documents import Document
from ktrlplane.domain.events import Actor, ActorType, Event, EventType
from ktrlplane.domain.ids import EventId, OrganizationId, ProjectId, ResourceId


def entry_of(
    *,
    sequence: int,
    previous_hash: str,
    hash: str,  # noqa: A002
    event_id: str,
    type: str,  # noqa: A002
    actor_type: str,
    actor_id: str,
    org_id: str | None,
    project_id: str | None,
    resource_id: str | None,
    said: str,
    **columns: Any,
) -> Entry:
    event = Event(
        event_id=EventId(event_id),
        type=EventType(type),
        actor=Actor(ActorType(actor_type), actor_id),
        org_id=None if org_id is None else OrganizationId(org_id),
        project_id=None if project_id is None else ProjectId(project_id),
        resource_id=None if resource_id is None else ResourceId(resource_id),
        data=Document(said),
        **columns,
    )
    return Entry(event=event, sequence=sequence, previous_hash=previous_hash, hash=hash)
