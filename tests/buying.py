"""Two organizations and two projects that buy, at a provider that may fail."""

from collections.abc import Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import Any, Final

from attrs import evolve

from ktrlplane.adapters.memory.clock import ManualClock
from ktrlplane.adapters.memory.unit_of_work import MemoryUnitsOfWork
from ktrlplane.domain.access import Scope
from ktrlplane.domain.billing import Subscription, SubscriptionState
from ktrlplane.domain.ids import PrincipalId, ProjectId
from ktrlplane.domain.offers import offers_of
from ktrlplane.domain.resources import Resource
from ktrlplane.domain.services import billing, inheritance
from ktrlplane.domain.services.estimates import Estimate, EstimateOf, estimate
from ktrlplane.entrypoints.library import ControlPlane
from ktrlplane.entrypoints.session import Session
from ktrlplane.ports.payments import Payments
from tests.builders import NOW, on
from tests.paying import a_provider
from tests.payment_faults import FaultyPayments
from tests.platforms import a_platform
from tests.stateful.test_billing import a_catalog

ADA: Final = PrincipalId("ada")
ACME, PLANT, MILL, OTHER = map(
    on, ("organization acme", "project plant", "project mill", "organization other")
)
TYPE: Final = "Acme.Kettle"
GOLD, GRAND, FEW = 1000, 2500, 400


class Scene:
    """Ada owns all. Who pays has a card."""

    def __init__(self, trials: Mapping[str, int] = MappingProxyType({})) -> None:
        """``trials`` in days, by tier."""
        self.clock = ManualClock(NOW)
        self.catalog = a_catalog(trials)
        self.there = a_provider(self.clock, self.catalog)
        self.payments = FaultyPayments(self.there)
        faulty: Any = self.payments
        given: dict[str, Payments] = {"payments": faulty}
        self.given: dict[str, Any] = {
            "units": MemoryUnitsOfWork(),
            "clock": self.clock,
            "validator": a_platform().validator,
            "deletion_grace": timedelta(0),
            **given,
        }
        self.serve()
        for org_id in ("acme", "other"):
            self.ada.create_organization(id=org_id, name=org_id)
        for project_id in ("plant", "mill"):
            self.ada.create_project(id=project_id, name="P", org_id="acme")
        for scope in (ACME, OTHER, PLANT, MILL):
            self.act(billing.open_customer, scope)
            customer_id = self.account(scope).customer_id
            method = self.there.add_method(customer_id)
            self.there.make_default(customer_id, method, key=f"{scope}")

    def serve(self) -> None:
        """The catalog as it is now."""
        self.control = ControlPlane(catalog=self.catalog, **self.given)
        self.ada: Session = self.control.sign_in(ADA, email="ada@example.com")

    def raise_prices(self, by: int) -> None:
        """Of the whole catalog, and at the provider."""
        kettle, *others = self.catalog.resource_types
        tiers = tuple(
            evolve(
                tier,
                prices=tuple(evolve(one, amount=one.amount + by) for one in tier.prices),
            )
            for tier in kettle.tiers
        )
        self.catalog = evolve(self.catalog, resource_types=(evolve(kettle, tiers=tiers), *others))
        for offer in offers_of(self.catalog):
            self.there.offer(offer, key=f"{offer}")
        self.serve()

    def act(self, service: Any, *args: Any) -> Any:
        asked = {"actor": ADA, "platform": self.control.platform}
        return self.control.transact(lambda work: service(work, *args, **asked))

    def account(self, scope: Scope) -> Any:
        with self.control.transact.units.view() as work:
            return work.billing.find(scope)

    def buy(self, name: str, sku: str, project: str = "plant") -> Resource:
        return self.ada.create_resource(project, id=name, name="R", type="Acme.Kettle", sku=sku)

    def inherit(self, project: str, *, inherits: bool) -> None:
        command = inheritance.SetInheritance(inherits=inherits)
        self.act(inheritance.set_inheritance, ProjectId(project), command)

    def pass_time(self, by: timedelta) -> None:
        self.clock.advance(by)
        self.control.catch_up()

    def living(self, scope: Scope = ACME) -> Subscription:
        (one,) = self.there.subscriptions(self.account(scope).customer_id)
        return one

    def state(self, scope: Scope = ACME) -> SubscriptionState:
        return self.living(scope).state

    def billed(self, scope: Scope = ACME) -> list[int]:
        invoices = self.there.invoices(self.account(scope).customer_id, limit=9)
        return [one.total.amount for one in invoices]

    def estimate(self, scope: Scope = ACME, **asked: Any) -> Estimate:
        told: Estimate = self.act(estimate, scope, EstimateOf(**asked))
        return told
