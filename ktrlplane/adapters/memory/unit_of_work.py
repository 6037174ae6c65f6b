from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

from ktrlplane.adapters.memory.access import MemoryAccess
from ktrlplane.adapters.memory.answers import MemoryAnswers
from ktrlplane.adapters.memory.assignments import MemoryAssignments
from ktrlplane.adapters.memory.billing import MemoryBillingAccounts
from ktrlplane.adapters.memory.events import MemoryEvents
from ktrlplane.adapters.memory.groups import MemoryGroups
from ktrlplane.adapters.memory.inbox import MemoryInbox
from ktrlplane.adapters.memory.invitations import MemoryInvitations
from ktrlplane.adapters.memory.job_runs import MemoryJobRuns
from ktrlplane.adapters.memory.limits import MemoryLimitOverrides
from ktrlplane.adapters.memory.notifications import MemoryNotifications
from ktrlplane.adapters.memory.organizations import MemoryOrganizations
from ktrlplane.adapters.memory.projects import MemoryProjects
from ktrlplane.adapters.memory.resources import MemoryResources
from ktrlplane.adapters.memory.roles import MemoryRoles
from ktrlplane.adapters.memory.service_accounts import MemoryServiceAccounts
from ktrlplane.adapters.memory.tables import Tables
from ktrlplane.adapters.memory.transitions import MemoryTransitions
from ktrlplane.adapters.memory.users import MemoryUsers
from ktrlplane.adapters.memory.webhooks import MemoryWebhooks
from ktrlplane.domain.errors import Interrupted
from ktrlplane.ports.unit_of_work import UnitOfWork, UnitsOfWork


class MemoryUnitOfWork(UnitOfWork):
    def __init__(self, tables: Tables) -> None:
        self.tables = tables
        self.organizations = MemoryOrganizations(tables)
        self.projects = MemoryProjects(tables)
        self.resources = MemoryResources(tables)
        self.limit_overrides = MemoryLimitOverrides(tables)
        self.transitions = MemoryTransitions(tables)
        self.inbox = MemoryInbox(tables)
        self.events = MemoryEvents(tables)
        self.webhooks = MemoryWebhooks(tables)
        self.notifications = MemoryNotifications(tables)
        self.job_runs = MemoryJobRuns(tables)
        self.users = MemoryUsers(tables)
        self.service_accounts = MemoryServiceAccounts(tables)
        self.roles = MemoryRoles(tables)
        self.groups = MemoryGroups(tables)
        self.assignments = MemoryAssignments(tables)
        self.invitations = MemoryInvitations(tables)
        self.access = MemoryAccess(tables)
        self.answers = MemoryAnswers(tables)
        self.billing = MemoryBillingAccounts(tables)
        self.known = {}


class MemoryUnitsOfWork(UnitsOfWork):
    """One unit of work at a time changes things; any number read meanwhile, all of them as of
    the moment when they began. Who has waited ``patience_s`` for its turn is interrupted."""

    def __init__(self, patience_s: float = 10.0) -> None:
        self._committed = Tables.empty()
        self._turn = Lock()
        self._patience_s = patience_s

    @contextmanager
    def begin(self) -> Iterator[UnitOfWork]:
        if not self._turn.acquire(timeout=self._patience_s):
            raise Interrupted("Others kept this waiting for too long; try again.")
        try:
            draft = self._committed.draft()
            try:
                work = MemoryUnitOfWork(draft)
                yield work
                work.events.finish()
            finally:
                draft.seal()
            self._committed = draft
        finally:
            self._turn.release()

    @contextmanager
    def view(self, *, fresh: bool = False) -> Iterator[UnitOfWork]:
        yield MemoryUnitOfWork(self._committed)
