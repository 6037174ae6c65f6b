"""Organizations: the tenants."""

import enum
from datetime import datetime
from typing import Self

from attrs import evolve, field, frozen

from ktrlplane.domain.access import Scope
from ktrlplane.domain.ids import OrganizationId
from ktrlplane.domain.naming import is_a_name


class PurchasePolicy(enum.StrEnum):
    """Who may spend the organization's money (R5.2)."""

    BILLING_MANAGERS = "billing_managers"
    PROJECT_OWNERS = "project_owners"


@frozen(kw_only=True)
class Organization:
    """``deleted_at`` marks a tombstone: its id is never used again and nobody sees it."""

    org_id: OrganizationId
    name: str = field(validator=is_a_name)
    purchase_policy: PurchasePolicy = PurchasePolicy.BILLING_MANAGERS
    created_at: datetime
    updated_at: datetime
    deleted_at: datetime | None = None

    @property
    def path(self) -> tuple[Scope, ...]:
        return (Scope.of(self.org_id),)

    def changed(self, *, name: str, purchase_policy: PurchasePolicy, now: datetime) -> Self:
        changed = evolve(self, name=name, purchase_policy=purchase_policy)
        return self if changed == self else evolve(changed, updated_at=now)

    def deleted(self, now: datetime) -> Self:
        return evolve(self, deleted_at=now, updated_at=now)
