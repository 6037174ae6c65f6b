"""What one user does about paying, as methods."""

from collections.abc import Sequence
from uuid import uuid4

from attrs import frozen

from ktrlplane.domain.access import Scope
from ktrlplane.domain.billing import Interval, PaymentMethod, Setup, Subscription
from ktrlplane.domain.events import EventType
from ktrlplane.domain.ids import InvoiceId, ProjectId, ResourceId
from ktrlplane.domain.invoices import Invoice
from ktrlplane.domain.projects import Project
from ktrlplane.domain.services import billing, estimates, inheritance, subscribing
from ktrlplane.domain.services import billing_views as views
from ktrlplane.domain.services.billing_views import BillingStatus, BillingView
from ktrlplane.domain.services.estimates import Estimate
from ktrlplane.entrypoints.places import Place, id_of, id_or_none, scope_of
from ktrlplane.entrypoints.session_webhooks import WebhookSession
from ktrlplane.ports.unit_of_work import UnitOfWork


@frozen
class BillingSession(WebhookSession):
    """Of organizations and projects. ``UpstreamError`` says that the payment provider fails."""

    def billing(self, on: Place) -> BillingView:
        """Who pays, and how."""
        scope = scope_of(on)
        return self._transact.read(
            lambda work: views.read_billing(work, scope, **self._by), fresh=True
        )

    def billing_status(self, on: Place) -> BillingStatus:
        scope = scope_of(on)
        return self._transact.read(lambda work: views.read_billing_status(work, scope, **self._by))

    def invoices(
        self, on: Place, *, limit: int = 20, after: InvoiceId | None = None
    ) -> Sequence[Invoice]:
        """Newest first, of those older than ``after``."""
        scope = scope_of(on)
        return self._transact.read(
            lambda work: views.list_invoices(work, scope, limit=limit, after=after, **self._by)
        )

    def payment_methods(self, on: Place) -> Sequence[PaymentMethod]:
        """The default first."""
        scope = scope_of(on)
        return self._transact.read(
            lambda work: views.list_payment_methods(work, scope, **self._by)
        )

    def estimate(
        self,
        on: Place,
        *,
        type: str | None = None,  # noqa: A002
        sku: str | None = None,
        resource_id: ResourceId | str | None = None,
    ) -> Estimate:
        """With one more of a tier, with that tier in place of a resource's, or without it."""
        scope, resource = scope_of(on), id_or_none(ResourceId, resource_id)
        asked = estimates.EstimateOf(type=type, sku=sku, resource_id=resource)
        return self._transact.read(lambda work: estimates.estimate(work, scope, asked, **self._by))

    def open_customer(self, on: Place) -> BillingView:
        """Has a customer at the payment provider made, of the scope itself."""
        scope = scope_of(on)
        self._transact(lambda work: billing.open_customer(work, scope, **self._by))
        return self._own(scope)

    def begin_subscription(
        self, on: Place, *, currency: str | None = None, interval: Interval | str | None = None
    ) -> BillingView:
        """Again, after one that has ended; or has what is open paid once more."""
        scope = scope_of(on)
        command = subscribing.Subscribe(
            currency=currency, interval=None if interval is None else Interval(interval)
        )
        self._transact(lambda work: subscribing.subscribe(work, scope, command, **self._by))
        return self._own(scope)

    def _own(self, scope: Scope) -> BillingView:
        return self._transact.read(
            lambda work: views.read_own_billing(work, scope, **self._by), fresh=True
        )

    def add_payment_method(self, on: Place) -> Setup:
        """About to be added, in the browser."""
        scope, key = scope_of(on), uuid4().hex
        self._about_to(scope, EventType.BILLING_SETUP_STARTED)
        return self._transact.read(
            lambda work: billing.start_setup(work, scope, key=key, **self._by), fresh=True
        )

    def open_portal(self, on: Place, *, return_url: str) -> str:
        """Its URL, for this user alone."""
        command = billing.OpenPortal(return_url=return_url)
        billing.require_return(return_url, self._platform)
        scope, key = scope_of(on), uuid4().hex
        self._about_to(scope, EventType.BILLING_PORTAL_OPENED)
        return self._transact.read(
            lambda work: billing.open_portal(work, scope, command, key=key, **self._by), fresh=True
        )

    def _about_to(self, scope: Scope, kind: EventType) -> None:
        def act(work: UnitOfWork) -> None:
            billing.open_customer(work, scope, **self._by)
            billing.tell_started(work, scope, kind, **self._by)

        self._transact(act)

    def cancel_subscription(self, on: Place) -> Subscription:
        """At the end of what is paid for."""
        scope, key = scope_of(on), uuid4().hex
        return self._transact(lambda work: billing.cancel(work, scope, key=key, **self._by))

    def resume_subscription(self, on: Place) -> Subscription:
        """Undoes ``cancel_subscription``, while the period lasts."""
        scope, key = scope_of(on), uuid4().hex
        return self._transact(lambda work: billing.resume(work, scope, key=key, **self._by))

    def set_billing_inheritance(self, project_id: ProjectId | str, *, inherits: bool) -> Project:
        """Whether the project's organization pays for it."""
        wanted = id_of(ProjectId, project_id)
        command = inheritance.SetInheritance(inherits=inherits)
        return self._transact(
            lambda work: inheritance.set_inheritance(work, wanted, command, **self._by)
        )
