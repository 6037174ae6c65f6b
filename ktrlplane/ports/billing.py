"""Billing accounts, and what they are to pay for."""

from abc import abstractmethod
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Protocol

from attrs import frozen

from ktrlplane.domain.access import Scope
from ktrlplane.domain.billing_accounts import BillingAccount, PaidChange
from ktrlplane.domain.ids import CustomerId, MerchantId, PriceId
from ktrlplane.domain.resources import Resource


@frozen(kw_only=True)
class Paid:
    """So many resources of a tier, at a price; None is one that has not been looked up."""

    type: str
    sku: str
    price_id: PriceId | None
    count: int


class BillingAccounts(Protocol):
    """One of a scope, an organization or a project, made when it is first needed.

    What a scope pays for are resources neither Deleting nor Deleted: an organization for those
    of its projects that inherit its billing, a project for its own where it does not.
    """

    @abstractmethod
    def find(self, scope: Scope) -> BillingAccount | None: ...

    @abstractmethod
    def of_customer(self, customer_id: CustomerId) -> BillingAccount | None: ...

    @abstractmethod
    def have_subscribed(self, scope: Scope) -> bool:
        """Whether there was ever a subscription of the organization that the scope is or is in,
        or of a project there; of a project in none, of its own."""

    @abstractmethod
    def with_customers(self) -> Sequence[Scope]:
        """All that have one."""

    @abstractmethod
    def change(self, account: BillingAccount) -> None:
        """Kept as it is here but for ``revision`` and what belongs to who looks at it:
        ``touched_at``, ``due_at``, ``leased_until``, ``attempts``. Added where there is none."""

    @abstractmethod
    def touch(
        self, scopes: Collection[Scope], at: datetime, *, paid: PaidChange | None = None
    ) -> None:
        """Somebody is to look at these (see ``BillingAccount.touched``). Made where they are
        not there."""

    @abstractmethod
    def look_at(self, scope: Scope, at: datetime) -> None:
        """As ``touch``, of one that is there, where nothing else is wanted than before: only
        what it has at the provider may be something else, be it by what was done there for it."""

    @property
    @abstractmethod
    def touched(self) -> Collection[Scope]:
        """What this unit of work has touched, or has somebody look at."""

    @abstractmethod
    def claim(
        self, now: datetime, until: datetime, *, limit: int, among: Collection[Scope] | None = None
    ) -> Sequence[BillingAccount]:
        """Those due and not leased, as ``claimed``, longest due first; of ``among``, where that
        is given. What others claim at this moment is passed over."""

    @abstractmethod
    def settle(self, claimed: BillingAccount, account: BillingAccount, due_at: datetime) -> bool:
        """``account`` is what ``claimed`` has become, kept where the lease is still the same:
        whether it was. Its lease ends; it is due at ``due_at``, or when somebody was to look
        at it again since; ``touched_at`` stays if it was touched since."""

    @abstractmethod
    def paid_for(self, scope: Scope) -> Sequence[Paid]:
        """In the order of type, sku and price."""

    @abstractmethod
    def resources_of(self, scope: Scope, *, unpaid: bool | None = None) -> Sequence[Resource]:
        """All that ``paid_for`` counts, one by one, by id; with ``unpaid`` those that are held
        for want of payment (``Hold.PAYMENT``), or that are not."""

    @abstractmethod
    def unpriced(self, scope: Scope) -> Sequence[Resource]:
        """Those of them that ``came_unpriced``, by id."""

    # -- whose customers they are --------------------------------------------------------------

    @abstractmethod
    def merchant(self) -> MerchantId | None:
        """None until there is one."""

    @abstractmethod
    def set_merchant(self, merchant_id: MerchantId) -> None:
        """In the place of another one, where there is one."""

    @abstractmethod
    def some_customers(self, limit: int) -> Sequence[CustomerId]:
        """The last that changed first."""

    # -- what the provider tells ---------------------------------------------------------------

    @abstractmethod
    def note(self, notice_id: str, at: datetime) -> bool:
        """Whether it is the first time that this is told."""

    @abstractmethod
    def forget_notices(self, before: datetime, limit: int) -> int:
        """How many."""
