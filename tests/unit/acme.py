"""Organization acme and the people in and around it, for tests of who may do what."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, TypeVar

import pytest

from ktrlplane.domain.access import Permission, RoleAssignment, Scope
from ktrlplane.domain.errors import ValidationFailed
from ktrlplane.domain.groups import Group
from ktrlplane.domain.ids import OrganizationId, PrincipalId, ProjectId
from ktrlplane.domain.invitations import Invitation
from ktrlplane.domain.paging import Page, PageRequest
from ktrlplane.domain.services.assignments import GrantRole, grant_role
from ktrlplane.ports.access import AssignmentView
from tests.builders import (
    ALICE,
    CAROL,
    NOW,
    OWNER,
    a_project,
    a_resource,
    a_role,
    a_user,
    an_assignment,
    an_organization,
    on,
)
from tests.platforms import Acting

T = TypeVar("T")

ACME, OTHER, WEB = OrganizationId("acme"), OrganizationId("other"), ProjectId("web")
DORA, ERIN = PrincipalId("auth0|dora"), PrincipalId("auth0|erin")
ORG, PROJECT, RESOURCE = SCOPES = ("organization acme", "project web", "resource kettle")
PAGE: Final = PageRequest(limit=200)

STEWARD: Final = a_role("Steward", "read", "manage_access")
"""May manage access, and not escalate."""
ESCALATOR: Final = a_role("Escalator", "read", "escalate")
MANAGER: Final = a_role("Manager", "manage_access", "escalate")
"""Who cannot see the thing cannot manage access to it either."""
ROLES: Final = (STEWARD, ESCALATOR, MANAGER)


def furnished(do: Acting) -> Acting:
    """Organization acme, which Alice owns, with project web with a kettle, and project app;
    other, which Carol owns. Dora and Erin are known, and may nothing."""
    with do.arranging() as work:
        work.roles.synchronize([*work.roles.system(), *ROLES], work.roles.permissions())
    do.keep(a_user(DORA), a_user(ERIN), an_organization(), an_organization("other"))
    do.keep(a_project(), a_resource(), a_project("app"))
    do.keep(an_assignment(ALICE, OWNER, ORG), an_assignment(CAROL, OWNER, "organization other"))
    return do


def picture(do: Acting) -> list[object]:
    """All that is kept about access in and around acme."""
    with do.units.view() as work:
        groups: Sequence[Group] = [
            group for org_id in (ACME, OTHER) for group in work.groups.of(org_id, PAGE).items
        ]
        return [
            work.assignments.of(None),
            *(work.roles.of(org_id) for org_id in (ACME, OTHER)),
            groups,
            *(work.groups.members(group.group_id, PAGE).items for group in groups),
            *(work.service_accounts.of(org_id, PAGE).items for org_id in (ACME, OTHER)),
            *(work.invitations.of(on(scope), PAGE).items for scope in SCOPES),
            *(work.projects.of(org_id) for org_id in (ACME, OTHER)),
        ]


def granted(do: Acting, scope: str, command: GrantRole, by: PrincipalId = ALICE) -> RoleAssignment:
    """What came of granting to somebody who is there."""
    view = do(grant_role, on(scope), command, by=by)
    assert isinstance(view, AssignmentView)
    return view.assignment


def held_by(do: Acting, who: PrincipalId) -> list[RoleAssignment]:
    with do.units.view() as work:
        return list(work.assignments.of(who))


def permissions(
    do: Acting, who: PrincipalId, scope: str, at: datetime = NOW
) -> set[Permission] | None:
    """What somebody holds there by whatever way; None where there is no such scope."""
    with do.units.view() as work:
        (standing,) = work.access.standings([(who, on(scope))], at)
    return None if standing is None else set(standing.permissions())


def invited(do: Acting, email: str) -> list[Invitation]:
    with do.units.view() as work:
        return list(work.invitations.to(email))


def faults(refused: pytest.ExceptionInfo[ValidationFailed]) -> list[tuple[str, str]]:
    return [(fault.pointer, fault.code) for fault in refused.value.faults]


def listed(page: Page[T]) -> list[T]:
    """All there is: no test has more than a page."""
    assert page.next is None
    return list(page.items)


def pairs(*places: tuple[PrincipalId, str]) -> list[tuple[PrincipalId, Scope]]:
    return [(who, on(scope)) for who, scope in places]


def role_named(do: Acting, name: str) -> Any:
    with do.units.view() as work:
        return work.roles.named(name, ACME)
