"""The machines that an organization works with."""

from collections.abc import Iterator
from datetime import datetime
from itertools import islice

from attrs import evolve, field, frozen

from ktrlplane.domain.access import Scope
from ktrlplane.domain.events import EventType
from ktrlplane.domain.ids import OrganizationId, PrincipalId
from ktrlplane.domain.naming import is_a_name
from ktrlplane.domain.paging import MAX_LIMIT, Page, PageRequest
from ktrlplane.domain.services.commands import apart
from ktrlplane.domain.services.platform import Expectation, Platform, expect
from ktrlplane.domain.services.previews import MAX_EFFECTS, Affected
from ktrlplane.domain.services.standings import hold_to_manage, standing_on
from ktrlplane.domain.services.telling import tell, tell_taken_back
from ktrlplane.domain.services.users import announce
from ktrlplane.domain.users import MACHINE, ServiceAccount, principal_of
from ktrlplane.ports.access import AssignmentView
from ktrlplane.ports.unit_of_work import UnitOfWork


def _is_a_client_id(_: object, __: object, value: str) -> None:
    principal_of(value)
    bare = value.removesuffix(MACHINE)
    if not bare or bare.endswith(MACHINE):
        raise ValueError(f"Write the client's id, with {MACHINE} after it once or not at all.")


@frozen(kw_only=True)
class RegisterServiceAccount:
    """``client_id`` is the client's at the identity provider. Whatever the client does, it does
    by what is granted to it."""

    client_id: str = field(validator=_is_a_client_id)
    name: str = field(validator=is_a_name, metadata=apart("unnamed"))


def register_service_account(
    work: UnitOfWork,
    org_id: OrganizationId,
    command: RegisterServiceAccount,
    *,
    actor: PrincipalId,
    platform: Platform,
) -> ServiceAccount:
    """It can be granted roles from now on, whether it has called or not.

    Raises: NotFound, Forbidden, AlreadyExists.
    """
    now = platform.now()
    standing = hold_to_manage(work, Scope.of(org_id), actor, now)
    user_id = principal_of(command.client_id)
    announce(work, user_id, actor=actor, platform=platform)
    account = ServiceAccount(
        org_id=org_id, user_id=user_id, name=command.name, created_by=actor, created_at=now
    )
    work.service_accounts.add(account)
    kind = EventType.SERVICE_ACCOUNT_CREATED
    tell(work, kind, standing.path, None, account, actor=actor, platform=platform)
    return account


def list_service_accounts(
    work: UnitOfWork,
    org_id: OrganizationId,
    page: PageRequest,
    *,
    actor: PrincipalId,
    platform: Platform,
) -> Page[ServiceAccount]:
    """Raises: NotFound."""
    standing_on(work, Scope.of(org_id), actor, platform.now()).require()
    return work.service_accounts.of(org_id, page)


def read_service_account(
    work: UnitOfWork,
    org_id: OrganizationId,
    user_id: PrincipalId,
    *,
    actor: PrincipalId,
    platform: Platform,
) -> ServiceAccount:
    """Raises: NotFound."""
    standing_on(work, Scope.of(org_id), actor, platform.now()).require()
    return work.service_accounts.get(org_id, user_id)


def remove_service_account(
    work: UnitOfWork,
    org_id: OrganizationId,
    user_id: PrincipalId,
    *,
    as_seen: Expectation[ServiceAccount] | None = None,
    actor: PrincipalId,
    platform: Platform,
) -> None:
    """With every role that it has in the organization, its own or by groups.

    Raises: NotFound, Forbidden, PreconditionFailed.
    """
    scope = Scope.of(org_id)
    standing = hold_to_manage(work, scope, actor, platform.now())
    account = work.service_accounts.get(org_id, user_id)
    expect(account, as_seen)
    work.service_accounts.remove(org_id, user_id)
    held = work.assignments.of_below(user_id, scope)
    tell_taken_back(work, held, actor=actor, platform=platform)
    for assignment in held:
        work.assignments.remove(assignment.assignment_id)
    work.groups.leave(user_id, org_id)
    kind = EventType.SERVICE_ACCOUNT_DELETED
    tell(work, kind, standing.path, account, actor=actor, platform=platform)


def affected_by_removal(
    work: UnitOfWork, org_id: OrganizationId, user_id: PrincipalId, at: datetime
) -> Affected:
    """Where the standing of the service account would change: where it has a role of its own,
    and where groups of the organization have one."""
    scope = Scope.of(org_id)
    held = work.assignments.of_below(user_id, scope)
    lent = (
        view.assignment.scope
        for view in _reached(work, user_id, at)
        if view.group is not None and view.group.org_id == org_id
    )
    scopes = [scope, *(one.scope for one in held), *islice(lent, MAX_EFFECTS)]
    return [(user_id, one) for one in scopes]


def _reached(work: UnitOfWork, user_id: PrincipalId, at: datetime) -> Iterator[AssignmentView]:
    page: PageRequest | None = PageRequest(limit=MAX_LIMIT)
    while page is not None:
        found = work.assignments.reach(user_id, at, page)
        yield from found.items
        page = None if found.next is None else evolve(page, after=found.next)
