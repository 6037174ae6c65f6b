"""Events: immutable facts about changes. The audit log, webhooks and notifications read the
same ones (product.md R7)."""

import enum
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Self

from attrs import frozen

from ktrlplane.domain.access import GLOBAL, Scope, ScopeType
from ktrlplane.domain.canonical_json import canonical
from ktrlplane.domain.documents import Document
from ktrlplane.domain.ids import EventId, OrganizationId, PrincipalId, ProjectId, ResourceId

VERSION: Final = 1
"""Of what events say: ``schemas/events/`` has a schema for each type and version. Readers must
take members that they do not know; what is taken away or means something else is a new version."""

MAX_DATA: Final = 64 * 1024
"""Characters of JSON that the data of one event has at most."""


_TYPE: Final = re.compile(r"[a-z_]+\.[a-z_]+", re.ASCII)


class EventType(enum.StrEnum):
    """What happened to what. A new type may come with any release: one that a later release
    has told is one too, though not among those that are listed here."""

    ORGANIZATION_CREATED = "organization.created"
    ORGANIZATION_UPDATED = "organization.updated"
    ORGANIZATION_DELETED = "organization.deleted"
    PROJECT_CREATED = "project.created"
    PROJECT_UPDATED = "project.updated"
    PROJECT_MOVED = "project.moved"
    PROJECT_DELETION_STARTED = "project.deletion_started"
    PROJECT_DELETED = "project.deleted"
    RESOURCE_CREATED = "resource.created"
    RESOURCE_UPDATED = "resource.updated"
    RESOURCE_STATUS_CHANGED = "resource.status_changed"
    RESOURCE_OBSERVED = "resource.observed"
    RESOURCE_DELETION_STARTED = "resource.deletion_started"
    RESOURCE_DELETED = "resource.deleted"
    LIMIT_OVERRIDE_CREATED = "limit_override.created"
    LIMIT_OVERRIDE_ENDED = "limit_override.ended"
    ROLE_ASSIGNMENT_CREATED = "role_assignment.created"
    ROLE_ASSIGNMENT_UPDATED = "role_assignment.updated"
    ROLE_ASSIGNMENT_DELETED = "role_assignment.deleted"
    INVITATION_CREATED = "invitation.created"
    INVITATION_RESENT = "invitation.resent"
    INVITATION_ACCEPTED = "invitation.accepted"
    INVITATION_REVOKED = "invitation.revoked"
    GROUP_CREATED = "group.created"
    GROUP_UPDATED = "group.updated"
    GROUP_DELETED = "group.deleted"
    GROUP_MEMBER_ADDED = "group_member.added"
    GROUP_MEMBER_REMOVED = "group_member.removed"
    ROLE_CREATED = "role.created"
    ROLE_UPDATED = "role.updated"
    ROLE_DELETED = "role.deleted"
    SERVICE_ACCOUNT_CREATED = "service_account.created"
    SERVICE_ACCOUNT_DELETED = "service_account.deleted"
    USER_CREATED = "user.created"
    USER_UPDATED = "user.updated"
    CATALOG_UPDATED = "catalog.updated"
    ACCESS_DENIED = "access.denied"
    WEBHOOK_CREATED = "webhook.created"
    WEBHOOK_UPDATED = "webhook.updated"
    WEBHOOK_DELETED = "webhook.deleted"
    WEBHOOK_SECRET_ROTATED = "webhook.secret_rotated"  # noqa: S105 - no secret
    WEBHOOK_DISABLED = "webhook.disabled"
    WEBHOOK_TEST = "webhook.test"
    BILLING_CUSTOMER_OPENED = "billing.customer_opened"
    BILLING_CUSTOMER_LOST = "billing.customer_lost"
    BILLING_SETUP_STARTED = "billing.setup_started"
    BILLING_PORTAL_OPENED = "billing.portal_opened"
    BILLING_SUBSCRIPTION_STARTED = "billing.subscription_started"
    BILLING_SUBSCRIPTION_CANCELLED = "billing.subscription_cancelled"
    BILLING_SUBSCRIPTION_RESUMED = "billing.subscription_resumed"
    BILLING_SUBSCRIPTION_ENDED = "billing.subscription_ended"
    BILLING_PAYMENT_FAILED = "billing.payment_failed"
    BILLING_SUSPENDED = "billing.suspended"
    BILLING_PAYMENT_RECOVERED = "billing.payment_recovered"
    AUDIT_RETENTION_UPDATED = "audit.retention_updated"
    AUDIT_PRUNED = "audit.pruned"

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        if not isinstance(value, str) or _TYPE.fullmatch(value) is None:
            return None
        told = str.__new__(cls, value)
        told._name_ = value.upper().replace(".", "_")
        told._value_ = value
        return told


class ActorType(enum.StrEnum):
    """Who acts: people, machines, the operator at the command line, the platform itself."""

    USER = "user"
    SERVICE_ACCOUNT = "service_account"
    OPERATOR = "operator"
    PLATFORM = "platform"


@frozen
class Actor:
    type: ActorType
    id: str

    @classmethod
    def of(cls, principal: PrincipalId | None) -> Self:
        """None is the platform itself."""
        if principal is None:
            return cls(ActorType.PLATFORM, "ktrlplane")
        kind = ActorType.SERVICE_ACCOUNT if principal.is_service_account else ActorType.USER
        return cls(kind, principal.value)


OPERATOR: Final = Actor(ActorType.OPERATOR, "operator")
"""Who works at the platform's command line."""


@frozen(kw_only=True)
class Event:
    """``data`` is a JSON object in canonical form. ``occurred_at`` is when the change was
    decided upon."""

    event_id: EventId
    type: EventType
    occurred_at: datetime
    actor: Actor
    org_id: OrganizationId | None = None
    project_id: ProjectId | None = None
    resource_id: ResourceId | None = None
    request_id: str | None = None
    data: Document
    version: int = VERSION

    @classmethod
    def about(
        cls,
        path: Sequence[Scope],
        kind: EventType,
        *,
        actor: Actor,
        at: datetime,
        request_id: str | None = None,
        data: Mapping[str, Any],
    ) -> Self:
        """``path`` runs from the organization down to what it happened to; empty, or the
        global scope, is the platform as a whole."""
        ids = {scope.scope_type: scope.scope_id for scope in path}
        org_id = ids.get(ScopeType.ORGANIZATION)
        project_id = ids.get(ScopeType.PROJECT)
        resource_id = ids.get(ScopeType.RESOURCE)
        return cls(
            event_id=EventId.new(at),
            type=kind,
            occurred_at=at,
            actor=actor,
            org_id=None if org_id is None else OrganizationId(org_id),
            project_id=None if project_id is None else ProjectId(project_id),
            resource_id=None if resource_id is None else ResourceId(resource_id),
            request_id=request_id,
            data=Document(fitted(data)),
        )

    @property
    def tenant(self) -> Scope:
        """Whose log it is in: the organization's, or that of the project which has none, or the
        platform's."""
        if self.org_id is not None:
            return Scope.of(self.org_id)
        return GLOBAL if self.project_id is None else Scope.of(self.project_id)


def fitted(data: Mapping[str, Any]) -> str:
    """In canonical form, and within ``MAX_DATA``: the largest members of ``before`` and
    ``after`` are told as ``null`` where they must, and named in ``omitted``."""
    text = canonical(data)
    omitted: list[str] = []
    while len(text) > MAX_DATA:
        sizes = {
            (side, name): len(canonical(value))
            for side in ("before", "after")
            for name, value in (data.get(side) or {}).items()
            if value is not None
        }
        side, name = max(sizes, key=lambda place: (sizes[place], place))
        omitted.append(f"/{side}/{name}")
        data = {**data, side: {**data[side], name: None}, "omitted": omitted}
        text = canonical(data)
    return text


_PATTERN: Final = re.compile(r"\*|[a-z_]+\.\*|[a-z_]+\.[a-z_]+")


def is_a_pattern(text: str) -> bool:
    """Whether it names types of events: all by ``*``, those of one noun by ``resource.*``, or one.
    Types that are not there yet are welcome."""
    return len(text) <= MAX_PATTERN and _PATTERN.fullmatch(text) is not None


def unknown_among(patterns: Sequence[str]) -> Sequence[str]:
    """Those that no type of event matches, as far as this release knows."""
    known = {one for kind in EventType for one in patterns_for(kind)}
    return [one for one in patterns if one not in known]


MAX_PATTERN: Final = 100


def patterns_for(kind: str) -> tuple[str, ...]:
    """All the patterns that an event of this type matches."""
    noun, _, _ = kind.partition(".")
    return ("*", f"{noun}.*", kind)
