"""A small platform to look at, on whatever catalog there is."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from itertools import chain, cycle
from typing import Any, Final, Protocol

import structlog
from attrs import evolve, frozen

from ktrlplane.domain.access import Scope
from ktrlplane.domain.billing import Profile
from ktrlplane.domain.billing_accounts import BillingAccount
from ktrlplane.domain.catalog import Availability, ResourceType
from ktrlplane.domain.errors import AlreadyExists, PaymentRequired, ValidationFailed
from ktrlplane.domain.ids import CustomerId, OrganizationId, PrincipalId, ProjectId, ResourceId
from ktrlplane.domain.lifecycle import Health, Status
from ktrlplane.domain.reports import Condition, Report
from ktrlplane.domain.resources import Resource
from ktrlplane.domain.services.assignments import GrantRole, grant_role
from ktrlplane.domain.services.organizations import CreateOrganization, create_organization
from ktrlplane.domain.services.platform import Platform
from ktrlplane.domain.services.projects import CreateProject, create_project
from ktrlplane.domain.services.resources import (
    CreateResource,
    create_resource,
    delete_resource,
)
from ktrlplane.domain.services.transitions import keep
from ktrlplane.domain.services.users import recognize
from ktrlplane.entrypoints.tables import table
from ktrlplane.entrypoints.transactions import Transact
from ktrlplane.ports.identity import Claims
from ktrlplane.ports.unit_of_work import UnitOfWork

TOKENS_LAST: Final = timedelta(hours=12)
"""A working day: the next start prints new ones."""

_log = structlog.get_logger(__name__)


@frozen
class Person:
    user_id: PrincipalId
    name: str
    may: str

    @property
    def email(self) -> str:
        return f"{self.user_id}@example.com"


ADA: Final = Person(PrincipalId("ada.okafor"), "Ada Okafor", "Owner of Northwind Energy")
BEN: Final = Person(PrincipalId("ben.lindqvist"), "Ben Lindqvist", "Editor of Northwind Energy")
CHLOE: Final = Person(
    PrincipalId("chloe.marchetti"),
    "Chloe Marchetti",
    "Owner of Harbour City, Viewer of project northwind-sandbox",
)
DEV: Final = Person(
    PrincipalId("dev.anand"),
    "Dev Anand",
    "Viewer of Harbour City, Owner of project dev-playground",
)
PEOPLE: Final = (ADA, BEN, CHLOE, DEV)

NORTHWIND: Final = OrganizationId("northwind-energy")
HARBOUR: Final = OrganizationId("harbour-city")
SANDBOX: Final = ProjectId("northwind-sandbox")
PLAYGROUND: Final = ProjectId("dev-playground")

STATES: Final = (
    Status.RUNNING,
    Status.UPDATING,
    Status.FAILED,
    Status.DEGRADED,
    Status.CREATING,
    Status.DELETING,
    Status.RUNNING,
)
"""Seven, which the number of types is unlikely to divide: each type shows several."""
_SAID: Final[Mapping[Status, Mapping[str, Any]]] = {
    Status.UPDATING: {"health": Health.PROGRESSING},
    Status.FAILED: {
        "health": Health.DEGRADED,
        "message": "The reconciler could not place it: the cluster has too little memory.",
        "conditions": (Condition(type="Stalled", status="True", reason="OutOfMemory"),),
    },
    Status.DEGRADED: {
        "health": Health.DEGRADED,
        "message": "One of its instances does not answer.",
    },
}
"""What a reconciler says of what runs, for each status that follows."""


class Mint(Protocol):
    def __call__(
        self, sub: str, *, ttl_s: int, email: str | None, email_verified: bool, name: str | None
    ) -> str: ...


@frozen
class Pass:
    """A person with a token that lets them in."""

    person: Person
    token: str


Customers = Callable[[Profile], CustomerId | None]
"""Gives whoever it is told of a customer who can pay; None where that is not for us to do."""


def fill_in(
    transact: Transact,
    platform: Platform,
    mint: Mint,
    customers: Customers = lambda _: None,
) -> Sequence[Pass]:
    """All of it in one unit of work, the first time; afterwards what is there is people's own."""
    paying = {scope: customers(profile) for scope, profile in _payers()}
    try:
        transact(lambda work: _Filling(work, platform, paying).everything())
    except AlreadyExists:
        _log.info(
            "demo_left_alone",
            reason="The demo data are there already, or an id of theirs was taken before.",
        )
    return [
        Pass(
            person,
            mint(
                person.user_id.value,
                ttl_s=int(TOKENS_LAST.total_seconds()),
                email=person.email,
                email_verified=True,
                name=person.name,
            ),
        )
        for person in PEOPLE
    ]


def _payers() -> Iterator[tuple[Scope, Profile]]:
    """Who pays for something, with whose address bills are sent to."""
    for scope_id, name, owner in (
        (NORTHWIND, "Northwind Energy", ADA),
        (HARBOUR, "Harbour City", CHLOE),
        (PLAYGROUND, "Playground", DEV),
    ):
        scope = Scope.of(scope_id)
        yield scope, Profile(scope=scope, name=name, email=owner.email)


@frozen
class _Filling:
    work: UnitOfWork
    platform: Platform
    paying: Mapping[Scope, CustomerId | None]

    def everything(self) -> None:
        for person in PEOPLE:
            self._sign_in(person)
        self._organization(NORTHWIND, "Northwind Energy", ADA)
        self._organization(HARBOUR, "Harbour City", CHLOE)
        projects = (
            self._project("northwind-production", "Production", NORTHWIND, ADA),
            self._project(SANDBOX.value, "Sandbox", NORTHWIND, ADA),
            self._project("harbour-operations", "Operations", HARBOUR, CHLOE),
            self._project(PLAYGROUND.value, "Playground", None, DEV),
        )
        for scope, customer_id in self.paying.items():
            account = BillingAccount.of(scope, self.platform.now())
            self.work.billing.change(evolve(account, customer_id=customer_id, customers=1))
        self._grant("Editor", NORTHWIND, BEN, by=ADA)
        self._grant("Viewer", SANDBOX, CHLOE, by=ADA)
        self._grant("Viewer", HARBOUR, DEV, by=CHLOE)
        states = cycle(STATES)
        for project, owner in zip(projects, (ADA, ADA, CHLOE, DEV), strict=True):
            for kind in self.platform.catalog.resource_types:
                self._resource(project, kind, owner, next(states))

    def _sign_in(self, person: Person) -> None:
        now = self.platform.now()
        claims = Claims(
            principal_id=person.user_id,
            email=person.email,
            email_verified=True,
            name=person.name,
            is_service_account=False,
            issued_at=now,
            expires_at=now + TOKENS_LAST,
        )
        recognize(self.work, claims, platform=self.platform)

    def _organization(self, org_id: OrganizationId, name: str, owner: Person) -> None:
        create_organization(
            self.work,
            CreateOrganization(id=org_id, name=name),
            actor=owner.user_id,
            platform=self.platform,
        )

    def _project(
        self, project_id: str, name: str, org_id: OrganizationId | None, owner: Person
    ) -> ProjectId:
        command = CreateProject(id=ProjectId(project_id), name=name, org_id=org_id)
        return create_project(
            self.work, command, actor=owner.user_id, platform=self.platform
        ).project_id

    def _grant(self, role: str, on: OrganizationId | ProjectId, to: Person, *, by: Person) -> None:
        grant_role(
            self.work,
            Scope.of(on),
            GrantRole(user_id=to.user_id, role_id=role),
            actor=by.user_id,
            platform=self.platform,
        )

    def _resource(
        self, project_id: ProjectId, kind: ResourceType, owner: Person, status: Status
    ) -> None:
        command = _example_of(kind, project_id, serious=project_id != SANDBOX)
        if command is None:
            return
        try:
            made = create_resource(
                self.work, project_id, command, actor=owner.user_id, platform=self.platform
            )
        except (ValidationFailed, PaymentRequired) as refusal:
            # A type may want settings that nobody can guess, or money that nobody has here.
            _log.info("demo_leaves_out", type=kind.type, reason=refusal.detail)
            return
        self._bring(made, status, owner)

    def _bring(self, made: Resource, status: Status, owner: Person) -> None:
        if status is Status.CREATING:
            return
        running = self._report(made, health=Health.HEALTHY)
        if status is Status.DELETING:
            delete_resource(
                self.work, made.resource_id, actor=owner.user_id, platform=self.platform
            )
        elif status in _SAID:
            self._report(running, **_SAID[status])

    def _report(self, resource: Resource, **said: Any) -> Resource:
        report = Report(observed_generation=resource.generation, **said)
        reported = resource.reported(report)
        keep(self.work, [(resource, reported)], actor=None, platform=self.platform)
        return reported


def _example_of(
    kind: ResourceType, project_id: ProjectId, *, serious: bool
) -> CreateResource | None:
    """The last preset for serious use, else the first, or the first tier there is."""
    preset = next(iter(reversed(kind.presets) if serious else kind.presets), None)
    offered = (tier.sku for tier in kind.tiers if tier.availability is Availability.OFFERED)
    sku = next(chain([preset.sku] if preset else [], offered), None)
    if sku is None:
        return None
    word = re.sub(r"[^a-z0-9]+", "-", kind.type.rpartition(".")[2].lower()).strip("-")
    return CreateResource(
        id=ResourceId(f"{project_id}-{word}"[:63].rstrip("-")),
        name=f"{kind.display_name} {preset.display_name.lower()}" if preset else kind.display_name,
        type=kind.type,
        sku=sku,
        preset=preset.name if preset else None,
    )


def introduction(url: str, passes: Sequence[Pass]) -> Iterator[str]:
    """Who there is, and three lines to paste into a shell."""
    rows = [(known.person.name, known.person.may, known.token) for known in passes]
    yield ""
    yield from table(("WHO", "ROLE", "TOKEN (for 12 hours)"), rows)
    ask = f"curl -sS -H 'Authorization: Bearer {passes[0].token}'"
    yield ""
    yield f"Try, as {passes[0].person.name}:"
    yield f"{ask} {url}/api/v1/users/me"
    yield f"{ask} '{url}/api/v1/resources?limit=5'"
    yield (
        f"{ask} -H 'Content-Type: application/json' "
        f"""-d '{{"name": "My organization"}}' {url}/api/v1/organizations"""
    )
