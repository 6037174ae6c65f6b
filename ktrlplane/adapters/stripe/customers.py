from collections.abc import Sequence

from ktrlplane.adapters.stripe import reading
from ktrlplane.adapters.stripe.calls import Calls
from ktrlplane.domain.billing import Customer, PaymentMethod, Profile, Setup
from ktrlplane.domain.errors import PaymentRequired
from ktrlplane.domain.ids import CustomerId, MerchantId, PaymentMethodId
from ktrlplane.ports.payments import GONE, BillingChanged, Customers


class StripeCustomers(Customers):
    _calls: Calls

    def merchant(self) -> MerchantId | None:
        whose = self._calls.whose()
        return MerchantId(whose) if whose is not None and MerchantId.takes(whose) else None

    def customer(self, customer_id: CustomerId) -> Customer | None:
        return found_customer(self._calls, customer_id)

    def open_customer(self, profile: Profile, *, key: str) -> Customer:
        scope = profile.scope
        about = {"scope_type": scope.scope_type.value, "scope_id": scope.scope_id}
        answer = self._calls.write(
            key,
            lambda options: self._calls.v1.customers.create(
                {"name": profile.name, "email": profile.email, "metadata": about}, options
            ),
        )
        return reading.customer(answer)

    def payment_methods(self, customer_id: CustomerId) -> Sequence[PaymentMethod]:
        customer = self.customer(customer_id)
        if customer is None:
            return ()
        ask = self._calls.v1.customers.payment_methods.list
        answers = self._calls.read(
            lambda: [
                one.to_dict() for one in ask(str(customer_id), {"limit": 100}).auto_paging_iter()
            ]
        )
        default = customer.default_method
        methods = (reading.payment_method(answer, default) for answer in answers)
        return sorted(methods, key=lambda method: not method.is_default)

    def set_up(self, customer_id: CustomerId, *, key: str) -> Setup:
        answer = self._calls.write(
            key,
            lambda options: self._calls.v1.setup_intents.create(
                {"customer": str(customer_id), "usage": "off_session"}, options
            ),
        )
        return Setup(client_secret=answer["client_secret"])

    def make_default(
        self, customer_id: CustomerId, payment_method_id: PaymentMethodId, *, key: str
    ) -> None:
        self._calls.write(
            key,
            lambda options: self._calls.v1.customers.update(
                str(customer_id),
                {"invoice_settings": {"default_payment_method": str(payment_method_id)}},
                options,
            ),
        )

    def portal(self, customer_id: CustomerId, *, return_url: str, key: str) -> str:
        answer = self._calls.write(
            key,
            lambda options: self._calls.v1.billing_portal.sessions.create(
                {"customer": str(customer_id), "return_url": return_url}, options
            ),
        )
        return str(answer["url"])


def found_customer(calls: Calls, customer_id: CustomerId) -> Customer | None:
    answer = calls.find(lambda: calls.v1.customers.retrieve(str(customer_id)))
    return None if answer is None else reading.customer(answer)


def require_method(calls: Calls, customer_id: CustomerId) -> None:
    """Raises: PaymentRequired, BillingChanged."""
    customer = found_customer(calls, customer_id)
    if customer is None:
        raise BillingChanged(GONE)
    if customer.default_method is None:
        raise PaymentRequired("Add a payment method first.")
