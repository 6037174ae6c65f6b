"""The query parameters of the audit log."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import attrs
from attrs import frozen

from ktrlplane.domain.errors import Fault
from ktrlplane.domain.events import is_a_pattern
from ktrlplane.domain.ids import ProjectId, ResourceId
from ktrlplane.domain.services.exports import Wish
from ktrlplane.entrypoints.http.parameters import PageParameters, Parameters, said
from ktrlplane.entrypoints.http.wire import Unfit
from ktrlplane.ports.events import EventFilter

MAX_PATTERNS: Final = 20
MAX_SEQUENCE: Final = 2**53 - 1

_SINCE: Final = said("Only what happened from then on (RFC 3339).")
_UNTIL: Final = said("Only what happened before then (RFC 3339).")


def _are_patterns(_: object, __: object, text: str | None) -> None:
    patterns = [] if text is None else text.split(",")
    for one in patterns:
        if not is_a_pattern(one):
            advice = "A type of event is resource.created, for one; resource.* is all of that noun"
            raise Unfit("pattern", f"{advice}, * is all there are, and a comma goes between two.")
    if len(patterns) > MAX_PATTERNS:
        raise Unfit("too_many", f"Ask for at most {MAX_PATTERNS} types at once, or for all.")


def _backwards(given: Mapping[str, Any]) -> Iterator[Fault]:
    since, until = given.get("since"), given.get("until")
    if since is not None and until is not None and since > until:
        yield Fault("/until", "range", "until is before since; exchange them.")


@frozen(kw_only=True)
class HappeningParameters(PageParameters):
    """Newest first."""

    type: str | None = attrs.field(
        default=None,
        validator=_are_patterns,
        metadata=said("Types of events, a comma between two; resource.* is all of that noun."),
    )
    since: datetime | None = attrs.field(default=None, metadata=_SINCE)
    until: datetime | None = attrs.field(default=None, metadata=_UNTIL)

    @classmethod
    def clashes(cls, given: Mapping[str, Any], listing: bytes | None) -> Iterator[Fault]:
        yield from super().clashes(given, listing)
        yield from _backwards(given)

    @property
    def types(self) -> Sequence[str] | None:
        return None if self.type is None else self.type.split(",")


@frozen(kw_only=True)
class EventParameters(HappeningParameters):
    """Newest first."""

    actor: str | None = attrs.field(default=None, metadata=said("Only what this one did, by id."))

    def where(self) -> EventFilter:
        return EventFilter(
            types=self.types,
            actor=self.actor,
            since=self.since,
            until=self.until,
            project_id=getattr(self, "project_id", None),
            resource_id=getattr(self, "resource_id", None),
        )


@frozen(kw_only=True)
class ProjectEventParameters(EventParameters):
    resource_id: ResourceId | None = None


@frozen(kw_only=True)
class OrganizationEventParameters(ProjectEventParameters):
    project_id: ProjectId | None = None


def _is_a_sequence(_: object, __: object, number: int | None) -> None:
    if number is not None and not 0 <= number <= MAX_SEQUENCE:
        raise Unfit("range", "Send the sequence of an entry, as the export has it.")


@frozen(kw_only=True)
class ExportParameters(Parameters):
    """Oldest first."""

    since: datetime | None = attrs.field(default=None, metadata=_SINCE)
    until: datetime | None = attrs.field(default=None, metadata=_UNTIL)

    @classmethod
    def clashes(cls, given: Mapping[str, Any], listing: bytes | None) -> Iterator[Fault]:
        return _backwards(given)

    def wish(self) -> Wish:
        after = getattr(self, "after", None)
        return Wish(after=after, since=self.since, until=self.until)


@frozen(kw_only=True)
class ChainParameters(ExportParameters):
    after: int | None = attrs.field(
        default=None,
        validator=_is_a_sequence,
        metadata=said(
            "Only what follows the entry with this sequence: the last one that one has.",
            minimum=0,
            maximum=MAX_SEQUENCE,
        ),
    )
