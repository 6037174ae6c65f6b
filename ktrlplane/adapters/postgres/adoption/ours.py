"""What the former system's rows become: our own nouns, which are lawful once they are made."""

from collections.abc import Sequence
from datetime import datetime

from attrs import field, frozen

from ktrlplane.domain.access import Role, RoleAssignment, Scope
from ktrlplane.domain.invitations import Invitation
from ktrlplane.domain.organizations import Organization
from ktrlplane.domain.projects import Project
from ktrlplane.domain.resources import Resource
from ktrlplane.domain.users import User
from ktrlplane.ports.adoption import AdoptionReport


@frozen(kw_only=True)
class BillingAccount:
    billing_account_id: str
    scope: Scope
    stripe_customer_id: str | None
    stripe_subscription_id: str | None
    created_at: datetime
    updated_at: datetime


@frozen(kw_only=True)
class Ours:
    """``roles`` are all of the catalog's, and those beside them that somebody still has."""

    users: Sequence[User]
    organizations: Sequence[Organization]
    projects: Sequence[Project]
    resources: Sequence[Resource]
    roles: Sequence[Role]
    assignments: Sequence[RoleAssignment]
    invitations: Sequence[Invitation]
    billing_accounts: Sequence[BillingAccount]
    moment: datetime
    report: AdoptionReport = field(repr=False)
