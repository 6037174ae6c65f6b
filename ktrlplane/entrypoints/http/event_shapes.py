"""Events, as they go over the wire: to the letter what is hashed, and the hash."""

from datetime import datetime

from attrs import frozen

from ktrlplane.domain.chains import Entry
from ktrlplane.domain.documents import Document
from ktrlplane.domain.events import ActorType
from ktrlplane.domain.ids import EventId, OrganizationId, ProjectId, ResourceId


@frozen(kw_only=True)
class EventActor:
    """Who did it: the operator at the command line and the platform itself have an id too."""

    type: ActorType
    id: str


@frozen(kw_only=True)
class ShownEvent:
    """An entry of the log. ``schemas/events`` has what is in ``data``, by type and version. The
    organization, project or resource is where it happened; what is above a project or a
    resource is named too. ``hash`` is the SHA-256 of all the others in canonical form (RFC
    8785), as which this object is written; ``previous_hash`` is that of the entry before, in
    the chain of the same tenant."""

    event_id: EventId
    type: str
    version: int
    occurred_at: datetime
    actor: EventActor
    org_id: OrganizationId | None
    project_id: ProjectId | None
    resource_id: ResourceId | None
    request_id: str | None
    sequence: int
    data: Document
    previous_hash: str
    hash: str


def shown(entry: Entry) -> Document:
    return Document(entry.text)
