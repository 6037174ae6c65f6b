"""Whatever people, banks and the payment provider do, and wherever anybody dies: once all is
quiet, the provider bills what there is, to who agreed to pay for it, and nothing else."""

from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import timedelta
from types import MappingProxyType
from typing import Any, Final

from attrs import evolve
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from ktrlplane.adapters.memory.clock import ManualClock
from ktrlplane.domain.access import Scope
from ktrlplane.domain.billing import Interval, Subscription, SubscriptionState
from ktrlplane.domain.billing_accounts import BillingAccount
from ktrlplane.domain.catalog import Catalog, Price
from ktrlplane.domain.errors import DomainError, Forbidden
from ktrlplane.domain.ids import (
    CustomerId,
    OrganizationId,
    PrincipalId,
    ProjectId,
    ResourceId,
    SubscriptionId,
)
from ktrlplane.domain.lifecycle import ENDED, Hold
from ktrlplane.domain.resources import Resource
from ktrlplane.domain.services import billing, inheritance, moves, subscribing
from ktrlplane.domain.services.payment_notices import heed_notice
from ktrlplane.domain.services.resources import (
    CreateResource,
    UpdateResource,
    create_resource,
    delete_resource,
    update_resource,
)
from ktrlplane.entrypoints.library import ControlPlane
from ktrlplane.ports.payment_notices import Notice
from ktrlplane.ports.payments import BillingChanged, Payments
from ktrlplane.ports.unit_of_work import UnitOfWork, UnitsOfWork
from tests.builders import on
from tests.paying import a_provider
from tests.payment_faults import Fault, FaultyPayments, Killed
from tests.platforms import a_platform
from tests.stateful.conftest import Runner

ADA, BEN = PrincipalId("ada"), PrincipalId("ben")
ACME, OTHER = OrganizationId("acme"), OrganizationId("other")
PROJECTS: Final = (ProjectId("plant"), ProjectId("mill"), ProjectId("alone"))
SCOPES: Final = (
    *(on(f"organization {org_id}") for org_id in (ACME, OTHER)),
    *(on(f"project {project_id}") for project_id in PROJECTS),
)
PRICES: Final = {"gold": 1000, "grand": 2500, "few": 400}
TRIALS: Final = {"gold": 20, "few": 10}

MET: Final[Counter[tuple[str, Fault]]] = Counter()
STEPS: Final[Counter[str]] = Counter()
"""Of all the histories of this process."""


def a_catalog(trials: Mapping[str, int] = MappingProxyType({})) -> Catalog:
    """With prices of two currencies and two intervals; ``trials`` in days, by tier."""
    free = a_platform().catalog
    kettle, *others = free.resource_types
    tiers = tuple(
        evolve(
            tier,
            prices=_prices(tier.sku),
            trial_days=trials.get(tier.sku, 0),
            max_per_project=None,
            max_per_organization=None,
        )
        for tier in kettle.tiers
    )
    return Catalog(
        platform=free.platform,
        resource_types=(evolve(kettle, tiers=tiers), *others),
        roles=free.roles,
        permissions=free.permissions,
        creator_roles=free.creator_roles,
    )


def _prices(sku: str) -> tuple[Price, ...]:
    if sku not in PRICES:
        return ()
    return tuple(
        Price(
            lookup_key=f"{sku}-{currency}-{interval}",
            amount=PRICES[sku] * (10 if interval == "year" else 1),
            currency=currency,
            interval=interval,
        )
        for currency in ("eur", "usd")
        for interval in ("month", "year")
    )


class Billing(RuleBasedStateMachine):
    def __init__(self, units: UnitsOfWork) -> None:
        super().__init__()
        self.clock = ManualClock()
        catalog, platform = a_catalog(TRIALS), a_platform()
        self.there = a_provider(self.clock, catalog)
        self.payments = FaultyPayments(self.there)
        faulty: Any = self.payments
        given: dict[str, Payments] = {"payments": faulty}
        self.control = ControlPlane(
            units=units,
            clock=self.clock,
            catalog=catalog,
            validator=platform.validator,
            deletion_grace=timedelta(hours=1),
            **given,
        )
        self.transact = self.control.transact
        self.names: list[ResourceId] = []
        self.troubled: set[Scope] = set()
        """Whose customer cancelled, or whose bank did something."""
        self.stopped: set[Scope] = set()
        """Whose subscription was ended for them while something is paid: it is not begun again
        unless somebody asks for it."""
        self.tried: dict[ResourceId, SubscriptionId] = {}
        """What was had for nothing, and by which subscription."""
        self.tolls = 0
        ada = self.control.sign_in(ADA, email="ada@example.com")
        for org_id in (ACME, OTHER):
            ada.create_organization(id=org_id, name=org_id.value)
        for project_id in PROJECTS:
            org = None if project_id.value == "alone" else ACME
            ada.create_project(id=project_id, name="P", org_id=org)
        self.control.sign_in(BEN, email="ben@example.com")
        for project_id in PROJECTS:
            self.control.grant("Owner", to=BEN, on=project_id)

    # -- what people do ------------------------------------------------------------------------

    def attempt(self, act: Callable[..., Any], *args: Any, by: PrincipalId = ADA) -> Any:
        """Refusals are theirs to live with; who dies leaves the rest to others."""
        asked = {"actor": by, "platform": self.control.platform}
        STEPS[act.__name__] += 1
        try:
            return self.transact(lambda work: act(work, *args, **asked))
        except (DomainError, Killed) as ended:
            return ended

    @initialize()
    def all_can_pay(self) -> None:
        for scope in SCOPES:
            self.attempt(billing.open_customer, scope)
            self.at_the_bank(scope, self.new_card)

    @rule(
        project=st.sampled_from(PROJECTS),
        sku=st.sampled_from(["free", *PRICES]),
        by=st.sampled_from([ADA, ADA, BEN]),
    )
    def create(self, project: ProjectId, sku: str, by: PrincipalId) -> None:
        self.tolls += 1
        resource_id = ResourceId(f"r{self.tolls}")
        command = CreateResource(id=resource_id, name="R", type="Acme.Kettle", sku=sku)
        payer = self.payer(project)
        outcome = self.attempt(create_resource, project, command, by=by)
        if by == BEN and sku in PRICES and payer.scope_type == "organization":
            assert isinstance(outcome, Forbidden), outcome
        if self.exists(resource_id):
            self.names.append(resource_id)

    @rule(index=st.integers(0, 7), sku=st.sampled_from(["free", *PRICES]))
    def change_tier(self, index: int, sku: str) -> None:
        def change(work: UnitOfWork, **asked: Any) -> Resource:
            command = UpdateResource(sku=sku)
            return update_resource(work, self.named(index), command, merge=True, **asked)

        self.attempt(change)

    @rule(index=st.integers(0, 7))
    def delete(self, index: int) -> None:
        self.attempt(delete_resource, self.named(index))

    def named(self, index: int) -> ResourceId:
        return self.names[index % len(self.names)] if self.names else ResourceId("none")

    def exists(self, resource_id: ResourceId) -> bool:
        with self.transact.units.view() as work:
            return bool(work.resources.among([resource_id]))

    @rule(project=st.sampled_from(PROJECTS), org=st.sampled_from([ACME, OTHER, None]))
    def move(self, project: ProjectId, org: OrganizationId | None) -> None:
        self.attempt(moves.move_project, project, moves.MoveProject(org_id=org))

    @rule(
        project=st.sampled_from(PROJECTS),
        inherits=st.booleans(),
        by=st.sampled_from([ADA, BEN]),
    )
    def inherit(self, project: ProjectId, by: PrincipalId, *, inherits: bool) -> None:
        command = inheritance.SetInheritance(inherits=inherits)
        before = self.payer(project)
        self.attempt(inheritance.set_inheritance, project, command, by=by)
        if by == BEN and self.payer(project) != before:
            assert self.payer(project).scope_type == "project"

    @rule(
        scope=st.sampled_from(SCOPES),
        what=st.sampled_from([billing.cancel, billing.resume, billing.open_customer]),
    )
    def manage(self, scope: Scope, what: Callable[..., Any]) -> None:
        self.tolls += 1
        key = {} if what is billing.open_customer else {"key": f"k{self.tolls}"}

        if what is billing.cancel:
            self.troubled.add(scope)

        def act(work: UnitOfWork, **asked: Any) -> Any:
            return what(work, scope, **key, **asked)

        self.attempt(act)

    @rule(scope=st.sampled_from(SCOPES), interval=st.sampled_from([None, None, *Interval]))
    def subscribe(self, scope: Scope, interval: Interval | None) -> None:
        self.stopped.discard(scope)
        self.attempt(subscribing.subscribe, scope, subscribing.Subscribe(interval=interval))

    # -- what happens at the provider and to processes ------------------------------------------

    def at_the_bank(self, scope: Scope, act: Callable[[CustomerId], object]) -> None:
        customer_id = self.customer(scope)
        if customer_id is not None:
            try:
                act(customer_id)
            except BillingChanged:
                return
            self.tolls += 1
            notice = Notice(notice_id=f"n{self.tolls}", customer_id=customer_id, about_method=True)
            self.attempt(lambda work, **asked: self.told(work, notice))
            self.attempt(lambda work, **asked: self.told(work, notice))

    def told(self, work: UnitOfWork, notice: Notice) -> bool:
        return heed_notice(work, notice, platform=self.control.platform)

    @rule(
        scope=st.sampled_from(SCOPES),
        what=st.sampled_from(["card", "card", "declined card", "decline", "lose", "end"]),
    )
    def bank(self, scope: Scope, what: str) -> None:
        acts: dict[str, Callable[[CustomerId], object]] = {
            "card": self.new_card,
            "declined card": lambda customer_id: self.new_card(customer_id, declined=True),
            "decline": self.there.decline,
            "lose": self.there.lose,
            "end": self.end,
        }
        if what != "card":
            self.troubled.add(scope)
        living = self.living(scope)
        known = self.account(scope)
        self.at_the_bank(scope, acts[what])
        if what == "lose" and not (known and known.has_ended):
            self.stopped.discard(scope)
        # One that nobody here has heard of yet is as good as never made.
        if what == "end" and living and known and living.subscription_id == known.subscription_id:
            self.stopped.add(scope)

    def new_card(self, customer_id: CustomerId, *, declined: bool = False) -> None:
        self.tolls += 1
        method = self.there.add_method(customer_id, declined=declined)
        self.there.make_default(customer_id, method, key=f"d{self.tolls}")

    def end(self, customer_id: CustomerId) -> None:
        for one in self.there.subscriptions(customer_id):
            self.there.end(one.subscription_id)

    @rule(by=st.sampled_from([timedelta(seconds=61), timedelta(hours=7), timedelta(days=16)]))
    def time_passes(self, by: timedelta) -> None:
        self.clock.advance(by)

    @rule()
    def work(self) -> None:
        with suppress(Killed):
            self.control.catch_up()

    @rule(faults=st.permutations(list(Fault)).map(lambda kinds: kinds[:4]), reads=st.booleans())
    def trouble(self, faults: list[Fault], *, reads: bool) -> None:
        """From now on, at the calls that come."""
        coming = self.payments.reads_coming if reads else self.payments.writes_coming
        coming.extend(faults)

    # -- what must be true ---------------------------------------------------------------------

    @invariant()
    def nobody_has_two(self) -> None:
        """Not even for a moment."""
        for customer_id in self.there.all_customers():
            assert len(self.there.subscriptions(customer_id)) <= 1

    @invariant()
    def nobody_is_billed_again_unasked(self) -> None:
        for scope in list(self.stopped):
            if not any(one.stripe_price_id for one in self.resources(scope)):
                self.stopped.discard(scope)
            else:
                assert self.living(scope) is None, "begun again, and nobody has asked"

    @rule()
    def quiet(self) -> None:
        """All faults are over, and enough time passes for everybody to have tried again."""
        self.payments.reads_coming.clear()
        self.payments.writes_coming.clear()
        for _ in range(3):
            self.clock.advance(timedelta(minutes=31))
            self.control.catch_up()
        self.everything_agrees()  # without anybody having looked for what was forgotten
        self.clock.advance(timedelta(hours=7))
        self.control.catch_up()
        self.everything_agrees()

    def teardown(self) -> None:
        self.quiet()
        MET.update(self.payments.met)

    def everything_agrees(self) -> None:
        owned = {self.customer(scope) for scope in SCOPES} - {None}
        for customer_id in self.there.all_customers():
            assert customer_id in owned, "a customer whom nobody knows"
        for scope in SCOPES:
            self.agrees(scope)

    def agrees(self, scope: Scope) -> None:
        account = self.account(scope)
        paid = [one for one in self.resources(scope) if one.stripe_price_id is not None]
        living = self.living(scope)
        billed = {} if living is None else dict(living.items)
        wanted = dict(Counter(one.stripe_price_id for one in paid))
        assert {price.value: count for price, count in billed.items()} in (wanted, {}), scope
        held = [Hold.PAYMENT in one.holds for one in paid]
        if not paid:
            assert living is None, "paid for nothing"
            return
        assert account is not None
        if living is not None and living.state is SubscriptionState.TRIALING:
            self.is_tried_once(living, paid)
        if scope not in self.troubled:
            assert account.fault is None, "everybody has paid, and nobody has cancelled"
        if account.fault is None:
            assert living is not None
            assert living.state.is_paid
            assert not any(held)
            assert billed
            assert living.subscription_id == account.subscription_id
        elif account.has_lapsed:
            assert all(held), account
        else:
            assert account.grace_until is not None, account
            assert account.grace_until > self.clock.now() - timedelta(hours=7)

    def is_tried_once(self, living: Subscription, paid: list[Resource]) -> None:
        shortest = timedelta(days=min(TRIALS.get(one.sku, 0) for one in paid))
        assert self.clock.now() < living.current_period_start + shortest, "no trial is so long"
        for one in paid:
            known = self.tried.setdefault(one.resource_id, living.subscription_id)
            assert known == living.subscription_id, "tried twice"

    # -- what the test knows by itself ---------------------------------------------------------

    def payer(self, project_id: ProjectId) -> Scope:
        with self.transact.units.view() as work:
            project = work.projects.get(project_id)
        if project.org_id is not None and project.inherits_billing_from_org:
            return Scope.of(project.org_id)
        return Scope.of(project_id)

    def resources(self, payer: Scope) -> list[Resource]:
        with self.transact.units.view() as work:
            return [
                one
                for project_id in PROJECTS
                if self.payer(project_id) == payer
                for one in work.resources.of(project_id)
                if one.status not in ENDED
            ]

    def account(self, scope: Scope) -> BillingAccount | None:
        with self.transact.units.view() as work:
            return work.billing.find(scope)

    def customer(self, scope: Scope) -> CustomerId | None:
        account = self.account(scope)
        return None if account is None else account.customer_id

    def living(self, scope: Scope) -> Subscription | None:
        customer_id = self.customer(scope)
        if customer_id is None:
            return None
        return next(iter(self.there.subscriptions(customer_id)), None)


def test_what_is_billed_is_what_there_is(run: Runner) -> None:
    run(Billing)
    kinds = {fault for _, fault in MET}
    assert len(kinds) >= 5, "too little has gone wrong"
    assert MET.total() > 20, "too little has gone wrong"
