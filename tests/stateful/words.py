"""What the machines draw from, and how the product's things are told to the oracle."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from ktrlplane.adapters.memory.clock import START
from ktrlplane.domain.ids import OrganizationId, ProjectId, ResourceId
from ktrlplane.domain.organizations import Organization
from ktrlplane.domain.paging import Page
from ktrlplane.domain.projects import Project
from ktrlplane.domain.resources import Resource, Status
from ktrlplane.domain.services import organizations, projects, resources
from ktrlplane.ports.stores import ProjectFilter, ResourceFilter
from tests.builders import ALICE, BOB, CAROL, ROBOT
from tests.stateful.oracle import ROLES, Scope

WHO = {"alice": ALICE, "bob": BOB, "carol": CAROL, "robot": ROBOT}
NAMES = {identity: who for who, identity in WHO.items()}
# Few, so that the rules meet on the same things.
ORGANIZATIONS = ["o-1", "o-2"]
PROJECTS = ["p-1", "p-2", "p-3"]
RESOURCES = ["r-1", "r-2", "r-3"]
SCOPES: list[Scope] = [
    *(("organization", name) for name in ORGANIZATIONS),
    *(("project", name) for name in PROJECTS),
    *(("resource", name) for name in RESOURCES),
]

people = st.sampled_from(list(WHO))
actors = st.sampled_from([*WHO, "first", "first", "second", "second"])
"""By name, or the first or second who may do it: of all there is to try, little would be done."""
organization_ids = st.sampled_from(ORGANIZATIONS)
project_ids = st.sampled_from(PROJECTS)
resource_ids = st.sampled_from(RESOURCES)
places = st.sampled_from([None, *ORGANIZATIONS])
scopes = st.sampled_from(SCOPES)
everywhere = scopes | st.just(("global", "*"))
roles = st.sampled_from(["Owner", "Owner", *sorted(ROLES)])
lasts = st.sampled_from([None, None, 1, 30])
"""Hours, or for good."""
names = st.sampled_from(["same", "Same", "other"])


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
