"""One transaction over all stores."""

from abc import abstractmethod
from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Protocol

from ktrlplane.domain.access import Scope
from ktrlplane.domain.ids import PrincipalId
from ktrlplane.domain.standings import Standing
from ktrlplane.ports.access import Access, Assignments, Roles
from ktrlplane.ports.billing import BillingAccounts
from ktrlplane.ports.events import Events
from ktrlplane.ports.groups import Groups
from ktrlplane.ports.invitations import Invitations
from ktrlplane.ports.jobs import JobRuns
from ktrlplane.ports.limits import LimitOverrides
from ktrlplane.ports.notifications import Notifications
from ktrlplane.ports.payment_questions import Known
from ktrlplane.ports.reports import Inbox, Transitions
from ktrlplane.ports.stores import Answers, Organizations, Projects, Resources
from ktrlplane.ports.users import ServiceAccounts, Users
from ktrlplane.ports.webhooks import Webhooks


class UnitOfWork(Protocol):
    """Commits on a clean exit; on an exception, leaves no trace.

    Serial in effect: a service that changes a tenant (an organization with all in it, or a
    project without one) calls ``access.hold`` first, and two units of work that hold the
    same tenant run one after the other, the second seeing all that the first did.
    """

    organizations: Organizations
    projects: Projects
    resources: Resources
    limit_overrides: LimitOverrides
    transitions: Transitions
    inbox: Inbox
    events: Events
    job_runs: JobRuns
    users: Users
    service_accounts: ServiceAccounts
    roles: Roles
    groups: Groups
    assignments: Assignments
    invitations: Invitations
    access: Access
    answers: Answers
    webhooks: Webhooks
    notifications: Notifications
    billing: BillingAccounts

    known: Known
    """What the payment provider has said to whoever began this unit of work (see ``learn``)."""


class UnitsOfWork(Protocol):
    """Where units of work come from."""

    @abstractmethod
    def begin(self) -> AbstractContextManager[UnitOfWork]:
        """For changes. Raises: Interrupted when it collided with others and can be retried."""

    @abstractmethod
    def view(self, *, fresh: bool = False) -> AbstractContextManager[UnitOfWork]:
        """For reading only, each read as of its own moment: what changes nothing needs no
        transaction. Writing raises some exception.

        Who may do what is as of a second ago at the earliest, or of now with ``fresh``, and
        never older than what these units of work have changed themselves.
        """

    def remembered(
        self, asked: Sequence[tuple[PrincipalId, Scope]], at: datetime
    ) -> Sequence[Standing] | None:
        """What ``access.standings`` would say in a view that is not fresh, if it would ask
        nobody for any of it; else None, as always where nothing is remembered."""
        return None
