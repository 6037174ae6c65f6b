"""What the machines draw from, and how the product's things are told to the oracle."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar

from hypothesis import strategies as st

from ktrlplane.adapters.memory.clock import START
from ktrlplane.domain.access import CONTROL_PLANE, Permission
from ktrlplane.domain.ids import OrganizationId, ProjectId, ResourceId
from ktrlplane.domain.lifecycle import Status
from ktrlplane.domain.organizations import Organization
from ktrlplane.domain.paging import Page
from ktrlplane.domain.projects import Project
from ktrlplane.domain.resources import Resource
from ktrlplane.domain.services import organizations, projects, resources
from ktrlplane.ports.stores import ProjectFilter, ResourceFilter
from tests.builders import ALICE, BOB, CAROL, ROBOT
from tests.stateful.oracle import FOREVER, ROLES, World
from tests.stateful.things import Scope

WHO = {"alice": ALICE, "bob": BOB, "carol": CAROL, "robot": ROBOT}
NAMES = {identity: who for who, identity in WHO.items()}
# Few, so that the rules meet on the same things.
ORGANIZATIONS = ["o-1", "o-2"]
PROJECTS = ["p-1", "p-2", "p-3", "p-4"]
RESOURCES = ["r-1", "r-2", "r-3"]
SCOPES: list[Scope] = [
    *(("organization", name) for name in ORGANIZATIONS),
    *(("project", name) for name in PROJECTS),
    *(("resource", name) for name in RESOURCES),
]
EVERYWHERE: list[Scope] = [*SCOPES, ("global", "*")]
GROUPS = ["@o-1/crew", "@o-1/team", "@o-2/crew"]
CUSTOM = ["o-1/Helper", "o-1/Runner", "o-2/Helper"]
ADDRESSES = ["new@example.org", "NEW@Example.org", "alice@example.org"]

PERMISSIONS = {
    **{action: {action} for action in sorted(ROLES["Owner"])},
    "Acme.Kettle:water/*": {"water", "boil"},
    "Acme.Kettle:water/boil": {"boil"},
}
"""What each that an organization's role can give lets somebody do."""
IMPOSSIBLE = ["check_permissions_on_behalf_of", "Acme.Kettle:water/freeze"]
"""What none can: it is the operator's to give, or nowhere in the catalog."""
ACTIONS = {"boil": "Acme.Kettle:water/boil", "water": "Acme.Kettle:water/*"}
"""What the oracle calls by a shorter name."""

T = TypeVar("T")

people = st.sampled_from(list(WHO))
actors = st.sampled_from([*WHO, *["first", "second"] * 2, *["steward"] * 4])
"""By name, or the first or second who may do it, or the first who may do it
without being able to escalate: of all there is to try, little would be done."""


def likely(there: Callable[[World], Iterable[T]], possible: Sequence[T]) -> st.SearchStrategy[T]:
    """Mostly what is there, sometimes what was or never is."""
    return st.runner().flatmap(
        lambda machine: st.sampled_from([*list(there(machine.world)) * 3, *possible])
    )


organization_ids = likely(lambda world: world.organizations, ORGANIZATIONS)
project_ids = likely(lambda world: world.alive("project"), PROJECTS)
resource_ids = likely(lambda world: world.alive("resource"), RESOURCES)
places = st.none() | organization_ids
scopes = likely(
    lambda world: [(kind, name) for kind, name in SCOPES if name in world.alive(kind)], SCOPES
)
everywhere = scopes | st.just(("global", "*"))
groups = likely(lambda world: world.groups, GROUPS)
custom_roles = likely(lambda world: world.custom, CUSTOM)
system_roles = st.sampled_from(["Owner", "Owner", *sorted(ROLES)])
lasts = st.sampled_from([None, None, 1, 30])
"""Hours, or for good."""
names = st.sampled_from(["same", "Same", "other"])
addresses = st.sampled_from(ADDRESSES)
permissions = st.lists(
    st.sampled_from([*list(PERMISSIONS) * 3, *IMPOSSIBLE]), min_size=1, max_size=4
)


@st.composite
def gifts(
    draw: st.DrawFn, to: Sequence[str], scopes: st.SearchStrategy[Scope] = scopes
) -> tuple[str, str, Scope]:
    """A role for somebody at a scope. Groups and roles are mostly of its organization."""
    world, scope = draw(st.runner()).world, draw(scopes)
    lent = [made for made in (*GROUPS, *CUSTOM) if world.lends(made, scope)]
    holders = [*to, *to, *(group for group in GROUPS if group in lent)]
    roles = [*ROLES, "Owner", *(role for role in CUSTOM if role in lent), *CUSTOM]
    return draw(st.sampled_from(holders)), draw(st.sampled_from(roles)), scope


READERS: dict[str, tuple[Callable[..., Any], Callable[[str], Any]]] = {
    "organization": (organizations.read_organization, OrganizationId),
    "project": (projects.read_project, ProjectId),
    "resource": (resources.read_resource, ResourceId),
}


LISTS: list[tuple[str, Callable[..., Page[Any]], list[Any], bool]] = [
    ("organization", organizations.list_organizations, [], False),
    ("project", projects.list_projects, [ProjectFilter()], False),
    ("resource", resources.list_resources, [ResourceFilter()], False),
    ("resource", resources.list_resources, [ResourceFilter(status=Status.DELETED)], True),
]
"""What is listed, how, with which filters, and whether that asks for Deleted ones."""


def moment(hour: int | None) -> datetime | None:
    return None if hour is None else START + timedelta(hours=hour)


def hour_of(at: datetime | None) -> int:
    return FOREVER if at is None else (at - START) // timedelta(hours=1)


def allowed_by(permissions: Iterable[Permission]) -> set[str]:
    return {
        action
        for one in permissions
        for action in (
            [one.action] if one.product == CONTROL_PLANE else sorted(PERMISSIONS[str(one)])
        )
    }


def organization_or_none(name: str | None) -> OrganizationId | None:
    return None if name is None else OrganizationId(name)


def told(thing: Organization | Project | Resource) -> tuple[Any, ...]:
    """What the oracle knows of it, in its own order."""
    if isinstance(thing, Organization):
        return thing.org_id.value, thing.name
    org_id = thing.org_id and thing.org_id.value
    if isinstance(thing, Project):
        return thing.project_id.value, org_id, thing.name, thing.status.value
    place = thing.project_id.value
    return thing.resource_id.value, place, thing.name, thing.status.value, org_id
