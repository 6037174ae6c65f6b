"""What becomes of the former system's rows. Pure: the same for a look and for the deed."""

from datetime import datetime

from ktrlplane.adapters.postgres.adoption.findings import Findings
from ktrlplane.adapters.postgres.adoption.holdings import Holdings
from ktrlplane.adapters.postgres.adoption.ours import Ours
from ktrlplane.adapters.postgres.adoption.paying import billing_accounts_of, with_payers
from ktrlplane.adapters.postgres.adoption.people import People, people_of
from ktrlplane.adapters.postgres.adoption.roles import roles_of
from ktrlplane.adapters.postgres.adoption.tenants import Tenants, tenants_of
from ktrlplane.adapters.postgres.adoption.theirs import Theirs
from ktrlplane.domain.access import Scope
from ktrlplane.domain.paging import name_key
from ktrlplane.ports.adoption import Adoption, Kind


def judged(theirs: Theirs, adoption: Adoption, now: datetime) -> Ours:
    found, catalog = Findings(), adoption.catalog
    people = people_of(theirs.users, found, now)
    tenants = tenants_of(theirs, adoption, found, now)
    accounts = list(billing_accounts_of(theirs.billing_accounts, tenants, found, now))
    projects = with_payers(tenants, accounts, catalog, found)
    roles = roles_of(theirs.roles, catalog.system_roles())
    holdings = Holdings(
        people=people,
        roles=roles,
        tenants=tenants,
        found=found,
        now=now,
        invitation_ttl=adoption.invitation_ttl,
    )
    holdings.sort(theirs.assignments)
    _tell_who_was_invited(people, holdings, found)
    _tell_what_nobody_owns(tenants, holdings, found)
    used = {one.role_id for one in holdings.assignments}
    used |= {one.role_id for one in holdings.invitations}
    return Ours(
        users=list(people.users.values()),
        organizations=list(tenants.organizations.values()),
        projects=list(projects.values()),
        resources=list(tenants.resources.values()),
        roles=roles.to_write(used, found),
        assignments=holdings.assignments,
        invitations=holdings.invitations,
        billing_accounts=accounts,
        moment=now,
        report=found.report(),
    )


def _tell_who_was_invited(people: People, holdings: Holdings, found: Findings) -> None:
    addresses = {name_key(one.email) for one in holdings.invitations}
    for user_id, address in people.invited.items():
        if name_key(address) in addresses:
            found.invited(Kind.USERS)
        else:
            found.dropped(Kind.USERS, "invited_to_nothing", user_id)


def _tell_what_nobody_owns(tenants: Tenants, holdings: Holdings, found: Findings) -> None:
    """What is to have an Owner who is a user, always (R1.6)."""
    for organization in tenants.organizations.values():
        if not _has_lasting_owner(holdings, Scope.of(organization.org_id)):
            found.noted(Kind.ORGANIZATIONS, "no_owner", organization.org_id.value)
    for project in tenants.projects.values():
        if project.org_id is None and not _has_lasting_owner(holdings, project.path[-1]):
            found.noted(Kind.PROJECTS, "no_owner", project.project_id.value)


def _has_lasting_owner(holdings: Holdings, scope: Scope) -> bool:
    return any(one.expires_at is None for one in holdings.owners.get(scope, ()))
