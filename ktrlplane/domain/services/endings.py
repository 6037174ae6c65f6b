"""What ends with a scope: all that was granted on it and below, and what an organization
made for granting it (product.md R1.8)."""

from collections.abc import Sequence

from ktrlplane.domain.access import Scope, ScopeType
from ktrlplane.domain.ids import OrganizationId
from ktrlplane.ports.unit_of_work import UnitOfWork


def end_access(work: UnitOfWork, scope: Scope) -> None:
    work.assignments.remove_below(scope)
    work.invitations.remove_below(scope)
    if scope.scope_type is ScopeType.ORGANIZATION:
        org_id = OrganizationId(scope.scope_id)
        work.groups.remove_of(org_id)
        work.service_accounts.remove_of(org_id)
        work.roles.remove_of(org_id)


def end_access_on(work: UnitOfWork, scopes: Sequence[Scope]) -> None:
    """Of resources, which nothing is in."""
    work.assignments.remove_on(scopes)
    work.invitations.remove_on(scopes)
