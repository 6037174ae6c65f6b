"""What one user reads of the log of what happened, as methods."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from attrs import frozen

from ktrlplane.domain.audit import Retention
from ktrlplane.domain.chains import Entry
from ktrlplane.domain.errors import Fault, ValidationFailed
from ktrlplane.domain.events import is_a_pattern
from ktrlplane.domain.ids import EventId, OrganizationId, ProjectId, ResourceId
from ktrlplane.domain.paging import Page, PageRequest
from ktrlplane.domain.services import audit, exports, retention
from ktrlplane.entrypoints.exporting import portions
from ktrlplane.entrypoints.places import Place, id_of, id_or_none, scope_of
from ktrlplane.entrypoints.session_access import FIRST_PAGE
from ktrlplane.entrypoints.session_notifications import NotificationSession
from ktrlplane.ports.events import EventFilter


@frozen
class AuditSession(NotificationSession):
    def events(
        self,
        on: Place,
        page: PageRequest = FIRST_PAGE,
        *,
        types: Sequence[str] | None = None,
        actor: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        project: ProjectId | str | None = None,
        resource: ResourceId | str | None = None,
    ) -> Page[Entry]:
        """What happened there and below. ``types`` such as ``resource.created`` or
        ``resource.*``; ``since`` is included, ``until`` is not."""
        scope = scope_of(on)
        require_types(types)
        where = EventFilter(
            types=types,
            actor=actor,
            since=since,
            until=until,
            project_id=id_or_none(ProjectId, project),
            resource_id=id_or_none(ResourceId, resource),
        )
        return self._transact.read(
            lambda work: audit.list_events(work, scope, page, where, **self._by)
        )

    def event(self, event_id: EventId | str) -> Entry:
        wanted = id_of(EventId, event_id)
        return self._transact.read(lambda work: audit.read_event(work, wanted, **self._by))

    def export_events(
        self,
        on: Place,
        *,
        after: int | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> Iterator[str]:
        """A line an event, oldest first, read as they are asked for."""
        scope, wish = scope_of(on), exports.Wish(after=after, since=since, until=until)
        begun = self._transact.read(
            lambda work: exports.begin_export(work, scope, wish, **self._by)
        )
        for lines in portions(self._transact, begun, **self._by):
            yield from lines

    def audit_retention(self, org_id: OrganizationId | str) -> Retention:
        wanted = id_of(OrganizationId, org_id)
        return self._transact.read(lambda work: retention.read_retention(work, wanted, **self._by))

    def set_audit_retention(self, org_id: OrganizationId | str, *, days: int | None) -> Retention:
        """None keeps entries for ever."""
        wanted, kept = id_of(OrganizationId, org_id), Retention(days=days)
        return self._transact(lambda work: retention.set_retention(work, wanted, kept, **self._by))


def require_types(types: Sequence[str] | None) -> None:
    """Raises: ValidationFailed."""
    faults = [_no_type(one) for one in types or () if not is_a_pattern(one)]
    if faults:
        raise ValidationFailed(faults)


def _no_type(text: str) -> Fault:
    detail = f"{text!r} names no type of event: write resource.created, resource.* or *."
    return Fault("/types", "pattern", detail)
