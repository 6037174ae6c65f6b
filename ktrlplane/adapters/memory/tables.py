"""Rows of frozen values, and how a unit of work drafts the next state of them."""

from collections.abc import Callable, Collection, Hashable, Mapping
from datetime import datetime
from typing import Any, Final, Generic, Self, TypeVar

from attrs import evolve, fields, frozen

from ktrlplane.domain.access import PermissionEntry, Role, RoleAssignment
from ktrlplane.domain.billing_accounts import BillingAccount
from ktrlplane.domain.chains import Entry
from ktrlplane.domain.groups import Group, GroupMember
from ktrlplane.domain.ids import DeliveryId, MerchantId, PrincipalId
from ktrlplane.domain.invitations import Invitation
from ktrlplane.domain.jobs import JobRun
from ktrlplane.domain.limits import LimitOverride
from ktrlplane.domain.notifications import Letter, Notification, Preference
from ktrlplane.domain.organizations import Organization
from ktrlplane.domain.paging import name_key
from ktrlplane.domain.projects import Project
from ktrlplane.domain.resources import Resource
from ktrlplane.domain.transitions import Transition
from ktrlplane.domain.users import ServiceAccount, User
from ktrlplane.domain.webhook_deliveries import WebhookAttempt, WebhookDelivery
from ktrlplane.domain.webhooks import Webhook
from ktrlplane.ports.events import Chain
from ktrlplane.ports.reports import Refused, Waiting
from ktrlplane.ports.stores import Answer

Row = TypeVar("Row")


class ReadOnly(Exception):
    """Something was written where nothing can be: in a view, or after the unit of work."""


class Table(Generic[Row]):
    """Rows by key, and by what else they are looked up.

    A sealed table never changes again: views share it with the drafts made of it, which copy
    it when they first write.
    """

    def __init__(
        self, key: Callable[[Row], Hashable], **indexes: Callable[[Row], Hashable]
    ) -> None:
        self._key: Final = key
        self._indexes: Final = indexes
        self._rows: dict[Hashable, Row] = {}
        self._index: dict[tuple[str, Hashable], frozenset[Hashable]] = {}
        self._sealed = True
        self._shared = False

    def draft(self) -> Self:
        made = type(self)(self._key, **self._indexes)
        made._rows, made._index = self._rows, self._index  # noqa: SLF001
        made._sealed, made._shared = False, True  # noqa: SLF001
        return made

    def seal(self) -> None:
        self._sealed = True

    def find(self, key: Hashable) -> Row | None:
        return self._rows.get(key)

    def all(self) -> Collection[Row]:
        return self._rows.values()

    def where(self, **values: Hashable) -> list[Row]:
        """The rows that have the value in the named index; only one is looked at."""
        ((index, value),) = values.items()
        return [self._rows[key] for key in self._index.get((index, value), ())]

    def put(self, row: Row) -> None:
        """Adds the row, or replaces the one with its key."""
        self.drop(self._key(row))
        key = self._key(row)
        self._rows[key] = row
        for place in self._places(row):
            self._index[place] = self._index.get(place, frozenset()) | {key}

    def drop(self, key: Hashable) -> None:
        """A row that is not there is as good as dropped."""
        self._prepare()
        row = self._rows.pop(key, None)
        if row is None:
            return
        for place in self._places(row):
            left = self._index.pop(place) - {key}
            if left:
                self._index[place] = left

    def _places(self, row: Row) -> list[tuple[str, Hashable]]:
        return [(name, value_of(row)) for name, value_of in self._indexes.items()]

    def _prepare(self) -> None:
        if self._sealed:
            raise ReadOnly("Write in a unit of work that was begun and has not ended.")
        if self._shared:
            self._rows, self._index, self._shared = dict(self._rows), dict(self._index), False


@frozen
class Kept:
    """An answer and when it was kept."""

    principal: PrincipalId
    key: str
    answer: Answer
    at: datetime


@frozen
class KeptAttempt:
    """An attempt and of which delivery it was."""

    delivery_id: DeliveryId
    attempt: WebhookAttempt


@frozen
class Preferring:
    """What somebody has chosen."""

    user_id: PrincipalId
    preferences: tuple[Preference, ...]


@frozen
class Notice:
    """What the payment provider has told once."""

    notice_id: str
    noted_at: datetime


@frozen(kw_only=True)
class Tables:
    organizations: Table[Organization]
    projects: Table[Project]
    resources: Table[Resource]
    users: Table[User]
    service_accounts: Table[ServiceAccount]
    roles: Table[Role]
    permissions: Table[PermissionEntry]
    groups: Table[Group]
    members: Table[GroupMember]
    assignments: Table[RoleAssignment]
    invitations: Table[Invitation]
    limit_overrides: Table[LimitOverride]
    transitions: Table[Transition]
    reports: Table[Waiting]
    refused_reports: Table[Refused]
    events: Table[Entry]
    event_chains: Table[Chain]
    webhooks: Table[Webhook]
    webhook_deliveries: Table[WebhookDelivery]
    webhook_attempts: Table[KeptAttempt]
    job_runs: Table[JobRun]
    answers: Table[Kept]
    notable: Table[Entry]
    notifications: Table[Notification]
    preferences: Table[Preferring]
    letters: Table[Letter]
    billing_accounts: Table[BillingAccount]
    payment_notices: Table[Notice]
    merchants: Table[MerchantId]

    @classmethod
    def empty(cls) -> Self:
        return cls(
            organizations=Table(lambda row: row.org_id),
            projects=Table(lambda row: row.project_id, organization=lambda row: row.org_id),
            resources=Table(lambda row: row.resource_id, project=lambda row: row.project_id),
            users=Table(lambda row: row.user_id),
            service_accounts=Table(
                lambda row: (row.org_id, row.user_id), organization=lambda row: row.org_id
            ),
            roles=Table(lambda row: row.role_id, organization=lambda row: row.org_id),
            permissions=Table(lambda row: row.permission_id),
            groups=Table(lambda row: row.group_id, organization=lambda row: row.org_id),
            members=Table(
                lambda row: (row.group_id, row.user_id),
                group=lambda row: row.group_id,
                user=lambda row: row.user_id,
            ),
            assignments=Table(
                lambda row: row.assignment_id,
                holder=lambda row: row.holder,
                role=lambda row: row.role_id,
                scope=lambda row: row.scope,
            ),
            invitations=Table(
                lambda row: row.invitation_id,
                address=lambda row: name_key(row.email),
                role=lambda row: row.role_id,
                scope=lambda row: row.scope,
            ),
            limit_overrides=Table(lambda row: row.override_id, scope=lambda row: row.scope),
            transitions=Table(lambda row: row.transition_id, resource=lambda row: row.resource_id),
            reports=Table(lambda row: row.report_id, resource=lambda row: row.resource_id),
            refused_reports=Table(lambda row: (row.resource_id, row.health, row.code)),
            events=Table(
                lambda row: row.event.event_id,
                tenant=lambda row: row.event.tenant,
                actor=lambda row: row.event.actor.id,
                project=lambda row: row.event.project_id,
                resource=lambda row: row.event.resource_id,
            ),
            event_chains=Table(lambda row: row.tenant),
            webhooks=Table(lambda row: row.webhook_id, scope=lambda row: row.scope),
            webhook_deliveries=Table(
                lambda row: row.delivery_id,
                webhook=lambda row: row.webhook_id,
                event=lambda row: row.event_id,
            ),
            webhook_attempts=Table(
                lambda row: (row.delivery_id, row.attempt.number),
                delivery=lambda row: row.delivery_id,
            ),
            job_runs=Table(lambda row: row.job),
            answers=Table(lambda row: (row.principal, row.key)),
            notable=Table(lambda row: row.event.event_id),
            notifications=Table(
                lambda row: row.notification_id,
                user=lambda row: row.user_id,
                letter=lambda row: row.letter_id,
            ),
            preferences=Table(lambda row: row.user_id),
            letters=Table(lambda row: row.letter_id, user=lambda row: row.user_id),
            billing_accounts=Table(lambda row: row.scope, customer=lambda row: row.customer_id),
            payment_notices=Table(lambda row: row.notice_id),
            merchants=Table(lambda _: "the only one"),
        )

    def draft(self) -> Self:
        drafts: dict[str, Any] = {name: table.draft() for name, table in self._named().items()}
        return evolve(self, **drafts)

    def seal(self) -> None:
        for table in self._named().values():
            table.seal()

    def _named(self) -> Mapping[str, Table[object]]:
        return {column.name: getattr(self, column.name) for column in fields(Tables)}
