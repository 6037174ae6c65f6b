"""Billing over HTTP: below organizations and projects, and what the payment provider tells."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final

from attrs import field, frozen

from ktrlplane.domain import errors
from ktrlplane.domain.access import Action
from ktrlplane.domain.billing import Subscription
from ktrlplane.domain.events import EventType
from ktrlplane.domain.ids import InvoiceId, ResourceId
from ktrlplane.domain.services import billing as service
from ktrlplane.domain.services import billing_views as views
from ktrlplane.domain.services import estimates, subscribing
from ktrlplane.domain.services.inheritance import SetInheritance, set_inheritance
from ktrlplane.entrypoints.http.billing_shapes import (
    Billing,
    EffectiveScope,
    OwnSubscription,
    ShownEstimate,
    ShownMethod,
    ShownPortal,
    ShownSetup,
    ShownStatus,
)
from ktrlplane.entrypoints.http.invoice_shapes import ShownInvoice
from ktrlplane.entrypoints.http.operations import Call, Needs, Operation, Reply, needs
from ktrlplane.entrypoints.http.pages import whole
from ktrlplane.entrypoints.http.parameters import Parameters, between, said
from ktrlplane.ports.unit_of_work import UnitOfWork


@frozen(kw_only=True)
class InvoiceParameters(Parameters):
    """Newest first."""

    limit: int = field(
        default=20,
        validator=between(1, 100, "Ask for 1 to 100 invoices."),
        metadata=said("Invoices, at most.", minimum=1, maximum=100),
    )
    cursor: str | None = field(
        default=None, metadata=said("next_cursor of the page before, as it came.")
    )


@frozen(kw_only=True)
class EstimateParameters(Parameters):
    type: str | None = field(default=None, metadata=said("Of what is bought, with sku."))
    sku: str | None = field(default=None, metadata=said("The tier, with type."))
    resource_id: ResourceId | None = field(
        default=None, metadata=said("What is to have that tier in place of its own, or to go.")
    )


def read(work: UnitOfWork, call: Call) -> Reply:
    view = views.read_billing(work, call.scope(), **call.asked)
    return Reply(content=Billing.of(view))


def read_own(work: UnitOfWork, call: Call) -> Reply:
    view = views.read_own_billing(work, call.scope(), **call.asked)
    return Reply(content=Billing.of(view))


def status(work: UnitOfWork, call: Call) -> Reply:
    found = views.read_billing_status(work, call.scope(), **call.asked)
    return Reply(content=ShownStatus.of(found))


def invoices(work: UnitOfWork, call: Call) -> Reply:
    query: InvoiceParameters = call.query
    after = None if query.cursor is None else _invoice(query.cursor)
    found = views.list_invoices(
        work, call.scope(), limit=query.limit + 1, after=after, **call.asked
    )
    shown = [ShownInvoice.of(one) for one in found[: query.limit]]
    cursor = str(shown[-1].invoice_id) if len(found) > query.limit else None
    return Reply(content={"items": shown, "next_cursor": cursor}, next_cursor=cursor)


def _invoice(cursor: str) -> InvoiceId:
    """Raises: ValidationFailed."""
    try:
        return InvoiceId(cursor)
    except ValueError:
        raise errors.ValidationFailed([views.NO_SUCH_INVOICE]) from None


def methods(work: UnitOfWork, call: Call) -> Reply:
    found = views.list_payment_methods(work, call.scope(), **call.asked)
    return whole([ShownMethod.of(one) for one in found])


def estimate(work: UnitOfWork, call: Call) -> Reply:
    query: EstimateParameters = call.query
    asked = estimates.EstimateOf(type=query.type, sku=query.sku, resource_id=query.resource_id)
    found = estimates.estimate(work, call.scope(), asked, **call.asked)
    return Reply(content=ShownEstimate.of(found))


def customer(work: UnitOfWork, call: Call) -> Reply:
    service.open_customer(work, call.scope(), **call.asked)
    return Reply()


def subscription(work: UnitOfWork, call: Call) -> Reply:
    subscribing.subscribe(work, call.scope(), call.body or subscribing.Subscribe(), **call.asked)
    return Reply()


def setup(work: UnitOfWork, call: Call) -> Reply:
    return _about_to(work, call, EventType.BILLING_SETUP_STARTED)


def portal(work: UnitOfWork, call: Call) -> Reply:
    service.require_return(call.body.return_url, call.platform)
    return _about_to(work, call, EventType.BILLING_PORTAL_OPENED)


def _about_to(work: UnitOfWork, call: Call, kind: EventType) -> Reply:
    service.open_customer(work, call.scope(), **call.asked)
    service.tell_started(work, call.scope(), kind, **call.asked)
    return Reply()


def set_up(work: UnitOfWork, call: Call) -> Reply:
    made = service.start_setup(work, call.scope(), key=call.key, **call.asked)
    shown = ShownSetup(client_secret=made.client_secret, effective_scope=_payer(work, call))
    return Reply(content=shown)


def opened(work: UnitOfWork, call: Call) -> Reply:
    url = service.open_portal(work, call.scope(), call.body, key=call.key, **call.asked)
    whole = call.origin() + url if url.startswith("/") else url
    return Reply(content=ShownPortal(url=whole, effective_scope=_payer(work, call)))


def _payer(work: UnitOfWork, call: Call) -> EffectiveScope:
    return EffectiveScope.of(views.who_pays(work, call.scope(), **call.asked))


def cancel(work: UnitOfWork, call: Call) -> Reply:
    return _changed(work, call, service.cancel)


def resume(work: UnitOfWork, call: Call) -> Reply:
    return _changed(work, call, service.resume)


def _changed(work: UnitOfWork, call: Call, change: Callable[..., Subscription]) -> Reply:
    subscription = change(work, call.scope(), key=call.key, **call.asked)
    payer = views.who_pays(work, call.scope(), **call.asked)
    return Reply(content=OwnSubscription.beside(payer, subscription))


def inheritance(work: UnitOfWork, call: Call) -> Reply:
    set_inheritance(work, call.project(), call.body, **call.asked)
    return Reply()


_TAG: Final = "Billing"
_REFUSALS: Final = (errors.NotFound, errors.Forbidden, errors.UpstreamError)
_WRITES: Final = (
    *_REFUSALS,
    errors.OutcomeUnknown,
    errors.PaymentRequired,
    errors.Conflict,
    errors.LimitExceeded,
)

Handle = Callable[[UnitOfWork, Call], Reply]


@frozen
class _Family:
    """The operations of one kind of scope; ``{}`` in their names is its noun."""

    scope: str
    noun: str

    @property
    def manages(self) -> Needs:
        other = "" if self.noun == "Organization" else "and where another scope pays, there"
        return needs(Action.MANAGE_BILLING, on=self.noun.lower(), note=other)

    def get(self, path: str, name: str, summary: str, handle: Handle, **but: Any) -> Operation:
        return self._operation(path, name, {"method": "GET", "refusals": _REFUSALS} | but)(
            summary=summary, handle=handle
        )

    def post(self, path: str, name: str, summary: str, handle: Handle, **but: Any) -> Operation:
        """Answers with what ``get`` of the whole does, unless it is told otherwise."""
        given = {"method": "POST", "refusals": _WRITES, "then": read, "answer": Billing} | but
        return self._operation(path, name, given)(summary=summary, handle=handle)

    def _operation(self, path: str, name: str, given: dict[str, Any]) -> Callable[..., Operation]:
        common: dict[str, Any] = {"needs": self.manages, "tag": _TAG} | given
        path, name = f"{self.scope}/billing{path}", name.format(self.noun)
        return partial(Operation, path=path, name=name, **common)


def _on(scope: str, noun: str) -> Iterator[Operation]:
    of = _Family(scope, noun)
    yield of.get("", "get{}Billing", "Read who pays, and how", read, answer=Billing)
    yield of.get(
        "/status",
        "get{}BillingStatus",
        "Read whether it is paid for",
        status,
        answer=ShownStatus,
        needs=needs(Action.READ, on=noun.lower()),
    )
    yield of.get(
        "/invoices",
        "list{}Invoices",
        "List invoices, newest first",
        invoices,
        answer=ShownInvoice,
        listed=True,
        query=InvoiceParameters,
    )
    yield of.get(
        "/payment-methods",
        "list{}PaymentMethods",
        "List payment methods, the default first",
        methods,
        answer=ShownMethod,
        listed=True,
    )
    yield of.get(
        "/estimate",
        "estimate{}Billing",
        "Read what will be paid, with something bought, changed or given up",
        estimate,
        answer=ShownEstimate,
        query=EstimateParameters,
    )
    yield of.post(
        "/customer",
        "open{}Customer",
        "Have a customer at the payment provider",
        customer,
        then=read_own,
    )
    yield of.post(
        "/subscription",
        "begin{}Subscription",
        "Begin a subscription again, or have what is open paid once more",
        subscription,
        then=read_own,
        body=subscribing.Subscribe,
        body_may_be_left_out=True,
    )
    yield of.post(
        "/setup-intent",
        "add{}PaymentMethod",
        "Begin to add a payment method",
        setup,
        then=set_up,
        answer=ShownSetup,
    )
    yield of.post(
        "/portal",
        "open{}BillingPortal",
        "Open the billing portal",
        portal,
        then=opened,
        answer=ShownPortal,
        body=service.OpenPortal,
    )
    yield of.post(
        "/cancel",
        "cancel{}Subscription",
        "Cancel the subscription at the end of what is paid for",
        cancel,
        then=None,
        acts_elsewhere=True,
        answer=OwnSubscription,
    )
    yield of.post(
        "/resume",
        "resume{}Subscription",
        "Undo a cancellation, while the period lasts",
        resume,
        then=None,
        acts_elsewhere=True,
        answer=OwnSubscription,
    )
    if noun == "Project":
        yield of.post(
            "/inheritance",
            "set{}BillingInheritance",
            "Say whether the organization pays",
            inheritance,
            body=SetInheritance,
        )


OPERATIONS: Final = (
    *_on("/organizations/{org_id}", "Organization"),
    *_on("/projects/{project_id}", "Project"),
)
