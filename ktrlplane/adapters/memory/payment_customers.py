from abc import abstractmethod
from collections.abc import Sequence
from datetime import datetime

from attrs import evolve

from ktrlplane.adapters.memory.payment_ledger import Account
from ktrlplane.adapters.memory.payment_visits import MemoryVisits
from ktrlplane.domain.billing import Customer, PaymentMethod, Profile, Setup
from ktrlplane.domain.errors import PaymentRequired
from ktrlplane.domain.ids import CustomerId, PaymentMethodId
from ktrlplane.ports.payments import GONE, BillingChanged, Customers


class MemoryCustomers(MemoryVisits, Customers):
    def __init__(self) -> None:
        super().__init__()
        self._accounts: dict[CustomerId, Account] = {}
        self._pages = "https://payments.example/portal"

    @abstractmethod
    def _pass_time(self) -> None: ...

    @abstractmethod
    def _now_of(self, customer_id: CustomerId) -> datetime: ...

    def lead_to(self, pages: str) -> None:
        """Portals are there from now on."""
        self._pages = pages

    def add_method(self, customer_id: CustomerId, *, declined: bool = False) -> PaymentMethodId:
        """Raises: BillingChanged."""
        with self._lock:
            account = self._account(customer_id)
            method = PaymentMethod(
                payment_method_id=PaymentMethodId(self._new("pm")),
                kind="card",
                label="visa",
                last4="0341" if declined else "4242",
                exp_month=12,
                exp_year=2034,
                is_default=False,
                added_at=self._now_of(customer_id).replace(microsecond=0),
            )
            account.methods.append(method)
            if declined:
                account.declined.add(method.payment_method_id)
            return method.payment_method_id

    def remove_method(self, customer_id: CustomerId, payment_method_id: PaymentMethodId) -> None:
        """Raises: BillingChanged."""
        with self._lock:
            account = self._account(customer_id)
            account.methods[:] = [
                one for one in account.methods if one.payment_method_id != payment_method_id
            ]
            if account.customer.default_method == payment_method_id:
                account.customer = evolve(account.customer, default_method=None)

    def customer(self, customer_id: CustomerId) -> Customer | None:
        with self._lock:
            self._pass_time()
            account = self._accounts.get(customer_id)
            return None if account is None or account.is_gone else account.customer

    def open_customer(self, profile: Profile, *, key: str) -> Customer:
        def make() -> Customer:
            customer = Customer(
                customer_id=CustomerId(self._new("cus")),
                name=profile.name,
                email=profile.email,
                default_method=None,
            )
            self._accounts[customer.customer_id] = Account(customer)
            return customer

        return self._once(key, ("open", profile), make)

    def payment_methods(self, customer_id: CustomerId) -> Sequence[PaymentMethod]:
        with self._lock:
            account = self._accounts.get(customer_id)
            if account is None or account.is_gone:
                return ()
            default = account.customer.default_method
            methods = (
                evolve(method, is_default=method.payment_method_id == default)
                for method in account.methods
            )
            return sorted(methods, key=lambda method: not method.is_default)

    def set_up(self, customer_id: CustomerId, *, key: str) -> Setup:
        def make() -> Setup:
            self._account(customer_id)
            return Setup(client_secret=self._let_in("seti", customer_id, None))

        return self._once(key, ("set up", customer_id), make)

    def make_default(
        self, customer_id: CustomerId, payment_method_id: PaymentMethodId, *, key: str
    ) -> None:
        what = ("default", customer_id, payment_method_id)
        self._once(key, what, lambda: self.use(customer_id, payment_method_id))

    def use(self, customer_id: CustomerId, payment_method_id: PaymentMethodId) -> None:
        """By default. Raises: BillingChanged."""
        with self._lock:
            account = self._account(customer_id)
            if payment_method_id not in {one.payment_method_id for one in account.methods}:
                raise BillingChanged("The customer does not have this payment method any more.")
            account.customer = evolve(account.customer, default_method=payment_method_id)

    def portal(self, customer_id: CustomerId, *, return_url: str, key: str) -> str:
        def make() -> str:
            self._account(customer_id)
            return f"{self._pages}?visit={self._let_in('bps', customer_id, return_url)}"

        return self._once(key, ("portal", customer_id, return_url), make)

    def _account(self, customer_id: CustomerId) -> Account:
        self._pass_time()
        account = self._accounts.get(customer_id)
        if account is None or account.is_gone:
            raise BillingChanged(GONE)
        return account


def require_method(account: Account) -> None:
    if account.customer.default_method is None:
        raise PaymentRequired("Add a payment method first.")
