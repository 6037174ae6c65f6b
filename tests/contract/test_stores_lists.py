"""The lists of organizations, projects and resources, and what they have in common."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from attrs import evolve, frozen

from ktrlplane.domain.ids import OrganizationId, PrincipalId
from ktrlplane.domain.lifecycle import Status
from ktrlplane.domain.organizations import Organization
from ktrlplane.domain.paging import Cursor, Page, PageRequest, Sort
from ktrlplane.domain.projects import Project, ProjectStatus
from ktrlplane.domain.resources import Resource
from ktrlplane.ports.stores import ProjectFilter, ResourceFilter
from ktrlplane.ports.unit_of_work import UnitOfWork, UnitsOfWork
from tests.builders import (
    ALICE,
    BOB,
    DAY,
    HOUR,
    NOW,
    VIEWER,
    Thing,
    a_group,
    a_member,
    a_project,
    a_resource,
    add,
    an_assignment,
    an_organization,
    keep,
)

Item = Organization | Project | Resource


@frozen
class Kind:
    """A list: how things get into it, out of it, and how it is read."""

    make: Callable[..., Item]
    identity: Callable[[Any], str]
    granted: str
    """The scope by which one of them can be read, after its id."""
    read: Callable[..., Page[Any]]
    gone: Callable[[UnitOfWork, Any], None]
    replace: Callable[[UnitOfWork, Any], None]
    by_group: bool = False
    """Whether Alice may as a member of a group."""

    def things(self, made: Iterable[Item]) -> list[Thing]:
        """With the roles by which Alice, and she alone, may read them."""
        things: list[Thing] = []
        for item in made:
            things.append(item)
            if "{}" in self.granted:
                scope = self.granted.format(self.identity(item))
                things.append(an_assignment(ALICE, VIEWER, scope))
        return things


def _organizations(work: UnitOfWork, page: PageRequest, text: str | None) -> Page[Organization]:
    return work.organizations.readable_by(ALICE, NOW, page, text=text)


def _projects(work: UnitOfWork, page: PageRequest, text: str | None) -> Page[Project]:
    return work.projects.readable_by(ALICE, NOW, page, ProjectFilter(text=text))


def _resources(work: UnitOfWork, page: PageRequest, text: str | None) -> Page[Resource]:
    return work.resources.readable_by(ALICE, NOW, page, ResourceFilter(text=text))


def _end_project(work: UnitOfWork, project: Project) -> None:
    work.projects.replace(evolve(project, status=ProjectStatus.DELETED))


def _end_resource(work: UnitOfWork, resource: Resource) -> None:
    work.resources.replace(evolve(resource, status=Status.DELETED))


KINDS = {
    "organizations": Kind(
        make=an_organization,
        identity=lambda item: item.org_id.value,
        granted="organization {}",
        read=_organizations,
        gone=lambda work, item: work.organizations.replace(item.deleted(NOW)),
        replace=lambda work, item: work.organizations.replace(item),
    ),
    "projects by the organization": Kind(
        make=a_project,
        identity=lambda item: item.project_id.value,
        granted="organization acme",
        read=_projects,
        gone=_end_project,
        replace=lambda work, item: work.projects.replace(item),
    ),
    "projects one by one": Kind(
        make=lambda identity, **but: a_project(identity, None, **but),
        identity=lambda item: item.project_id.value,
        granted="project {}",
        read=_projects,
        gone=_end_project,
        replace=lambda work, item: work.projects.replace(item),
    ),
    "resources by the organization": Kind(
        make=a_resource,
        identity=lambda item: item.resource_id.value,
        granted="organization acme",
        read=_resources,
        gone=_end_resource,
        replace=lambda work, item: work.resources.replace(item),
    ),
    "resources one by one": Kind(
        make=lambda identity, **but: a_resource(identity, "hidden", "secret", **but),
        identity=lambda item: item.resource_id.value,
        granted="resource {}",
        read=_resources,
        gone=_end_resource,
        replace=lambda work, item: work.resources.replace(item),
    ),
    "resources by a group": Kind(
        make=a_resource,
        identity=lambda item: item.resource_id.value,
        granted="organization acme",
        read=_resources,
        gone=_end_resource,
        replace=lambda work, item: work.resources.replace(item),
        by_group=True,
    ),
}


@pytest.fixture(params=list(KINDS.values()), ids=list(KINDS))
def kind(request: pytest.FixtureRequest, units: UnitsOfWork) -> Kind:
    kind: Kind = request.param
    if kind.make is not an_organization:
        keep(units, an_organization("zz-secret"), an_organization(), an_organization("secret"))
        if kind.make is a_resource:
            keep(units, a_project())
        keep(units, a_project("hidden", "secret"), a_project("zz-hidden", "zz-secret"))
        keep(units, an_assignment(BOB, VIEWER, "organization secret"))
    if kind.by_group:
        crew = a_group()
        keep(units, crew, a_member(crew, ALICE))
        keep(units, an_assignment(crew.group_id, VIEWER, "organization acme"))
    elif kind.granted == "organization acme":
        keep(units, an_assignment(ALICE, VIEWER, "organization acme"))
    return kind


def listed(
    units: UnitsOfWork, kind: Kind, page: PageRequest | None = None, text: str | None = None
) -> Page[Any]:
    with units.view() as work:
        return kind.read(work, page or PageRequest(), text)


def ids(kind: Kind, page: Page[Any]) -> list[str]:
    return [kind.identity(item) for item in page.items]


AMBIGUOUS: Sequence[tuple[str, str, datetime]] = [
    ("a", "Same", NOW),
    ("a-b", "same", NOW),
    ("a0", "SAME", NOW),
    ("b", "Same!", NOW - HOUR),
    ("c", "\u00c4pfel", NOW - HOUR),
    ("d", "\u00e4pfel", NOW - HOUR),
    ("e", "Zebra", NOW + timedelta(microseconds=1)),
    ("f", "_under", NOW + timedelta(microseconds=2)),
    ("g", "~tilde", NOW + timedelta(microseconds=1)),
    ("h", "100 % \\ 'quoted' \"twice\"", NOW - 9000 * DAY),
    ("i", "\U0001f600 beyond the plane", NOW),
    ("j", "\uffee within it", NOW),
    ("k", "a b", NOW),
    ("l", "a  b", NOW),
    ("m", "a-b", NOW),
    ("n", "ab", NOW),
]
"""Ids, names and times that collide, or that order otherwise in most collations."""


def ascii_lower(name: str) -> str:
    return "".join(letter.lower() if "A" <= letter <= "Z" else letter for letter in name)


def in_order(sort: Sort) -> list[str]:
    """What the order must be, told without the domain's own words for it."""
    by_name = sort.value.endswith("name")
    keyed = sorted((ascii_lower(name) if by_name else at, i) for i, name, at in AMBIGUOUS)
    keyed.reverse() if sort.value.startswith("-") else None
    return [identity for _, identity in keyed]


def ambiguous(kind: Kind) -> list[Item]:
    return [kind.make(i, name=name, created_at=at) for i, name, at in AMBIGUOUS]


def walk(
    units: UnitsOfWork,
    kind: Kind,
    page: PageRequest,
    between: Callable[[], None] = lambda: None,
) -> list[str]:
    seen = []
    while True:
        found = listed(units, kind, page)
        seen += ids(kind, found)
        if found.next is None:
            return seen
        assert len(found.items) == page.limit
        between()
        page = evolve(page, after=found.next)


@pytest.mark.parametrize("sort", Sort)
def test_a_walk_by_cursor_shows_each_once_in_order(
    units: UnitsOfWork, kind: Kind, sort: Sort
) -> None:
    keep(units, *kind.things(ambiguous(kind)))
    for limit in (1, 3, 8, 15, 16, 17):
        assert walk(units, kind, PageRequest(limit=limit, sort=sort)) == in_order(sort)


@pytest.mark.parametrize("sort", Sort)
def test_a_walk_shows_what_stays_exactly_once_while_others_come_and_go(
    units: UnitsOfWork, kind: Kind, sort: Sort
) -> None:
    stay, go = ambiguous(kind)[::2], ambiguous(kind)[1::2]
    keep(units, *kind.things([*stay, *go]))
    coming = [
        kind.make(f"new-{number}", name=name, created_at=at)
        for number, (_, name, at) in enumerate(AMBIGUOUS)
    ]

    def others_change() -> None:
        with units.begin() as work:
            if go:
                kind.gone(work, go.pop())
            add(work, *kind.things([coming.pop()]))

    seen = walk(units, kind, PageRequest(limit=2, sort=sort), others_change)
    staying = {kind.identity(item) for item in stay}
    assert [i for i in seen if i in staying] == [i for i in in_order(sort) if i in staying]
    assert len(seen) == len(set(seen))


@pytest.mark.parametrize("sort", Sort)
def test_offsets_count_in_the_same_order(units: UnitsOfWork, kind: Kind, sort: Sort) -> None:
    keep(units, *kind.things(ambiguous(kind)))
    for offset in (0, 1, 7, 13, 15, 16, 1000):
        found = listed(units, kind, PageRequest(limit=3, sort=sort, offset=offset))
        assert ids(kind, found) == in_order(sort)[offset : offset + 3]
        assert (found.next is None) is (offset + 3 >= 16)


def test_a_walk_may_begin_with_an_offset(units: UnitsOfWork, kind: Kind) -> None:
    keep(units, *kind.things(ambiguous(kind)))
    seen = walk(units, kind, PageRequest(limit=3, sort=Sort.NAME, offset=5))
    assert seen == in_order(Sort.NAME)[5:]


def test_a_cursor_wins_over_an_offset(units: UnitsOfWork, kind: Kind) -> None:
    keep(units, *kind.things(ambiguous(kind)))
    first = listed(units, kind, PageRequest(limit=3, sort=Sort.NAME))
    both = PageRequest(limit=3, sort=Sort.NAME, after=first.next, offset=10)
    assert ids(kind, listed(units, kind, both)) == in_order(Sort.NAME)[3:6]


@pytest.mark.parametrize("sort", Sort)
def test_a_cursor_need_not_be_at_a_thing_that_is_there(
    units: UnitsOfWork, kind: Kind, sort: Sort
) -> None:
    keep(units, *kind.things(ambiguous(kind)))
    key = "same" if sort.by_name else "2026-01-01T00:00:00.000000Z"
    after = Cursor(key, "a00")  # between a0 and b
    order = in_order(sort)
    expected = order[order.index("a0") :]
    expected = expected if sort.descending else expected[1:]
    found = listed(units, kind, PageRequest(sort=sort, after=after))
    assert ids(kind, found) == expected


def test_newest_come_first_unless_asked_otherwise(units: UnitsOfWork, kind: Kind) -> None:
    keep(units, *kind.things(ambiguous(kind)))
    assert ids(kind, listed(units, kind)) == in_order(Sort.CREATED_AT_DESCENDING)


def test_a_total_counts_the_whole_list_when_asked(units: UnitsOfWork, kind: Kind) -> None:
    keep(units, *kind.things(ambiguous(kind)))
    assert listed(units, kind).total is None
    counted = PageRequest(limit=2, sort=Sort.NAME, include_total=True)
    first = listed(units, kind, counted)
    assert first.total == 16
    assert listed(units, kind, evolve(counted, after=first.next)).total == 16
    assert listed(units, kind, evolve(counted, offset=100)).total == 16
    assert listed(units, kind, counted, "same").total == 4


def test_a_list_of_nothing_is_an_empty_page(units: UnitsOfWork, kind: Kind) -> None:
    found = listed(units, kind, PageRequest(include_total=True))
    assert (ids(kind, found), found.next, found.total) == ([], None, 0)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", ["p-1", "p-2", "p-3", "p-4", "q-5"]),
        ("p-", ["p-1", "p-2", "p-3", "p-4"]),
        ("P-", ["p-1", "p-2", "p-3", "p-4"]),
        ("-5", ["q-5"]),
        ("percent", ["p-1"]),
        ("100%", ["p-1"]),
        ("%", ["p-1"]),
        ("_", ["p-2"]),
        ("\\", ["p-3"]),
        ("\\'", ["p-3"]),
        ('"', ["p-3"]),
        ("'", ["p-3"]),
        ("p%1", []),
        ("p_1", []),
        ("ÄRGER", ["p-4"]),
        ("Ärger", ["p-4"]),
        ("ärger", []),
        ("straße", ["p-4"]),
        ("STRASSE", []),
        ("strasse", []),
        ("i", ["q-5"]),
        ("\u0131", []),
        ("  ", ["q-5"]),
    ],
)
def test_text_is_looked_for_in_name_and_id_as_it_stands(
    units: UnitsOfWork, kind: Kind, text: str, found: list[str]
) -> None:
    names = {
        "p-1": "100% Percent",
        "p-2": "Snake_Case",
        "p-3": 'Back\\\'slash "quoted"',
        "p-4": "Ärger Straße",
        "q-5": "ISTANBUL  II",
    }
    keep(units, *kind.things(kind.make(i, name=name) for i, name in names.items()))
    page = listed(units, kind, PageRequest(sort=Sort.NAME, include_total=True), text)
    assert sorted(ids(kind, page)) == found
    assert page.total == len(found)


def test_what_changes_its_name_changes_its_place(units: UnitsOfWork, kind: Kind) -> None:
    made = [kind.make(f"p-{letter}", name=letter) for letter in "abc"]
    keep(units, *kind.things(made))
    with units.begin() as work:
        kind.replace(work, evolve(made[0], name="x"))
    by_name = PageRequest(sort=Sort.NAME)
    assert ids(kind, listed(units, kind, by_name)) == ["p-b", "p-c", "p-a"]


def test_an_item_is_as_reading_it_alone_shows_it(units: UnitsOfWork, kind: Kind) -> None:
    made = ambiguous(kind)
    keep(units, *kind.things(made))
    shown = {kind.identity(item): item for item in listed(units, kind).items}
    assert shown == {kind.identity(item): item for item in made}


def test_a_stranger_sees_nothing(units: UnitsOfWork) -> None:
    keep(units, an_organization(), a_project(), a_resource())
    nobody = PrincipalId("nobody")
    with units.view() as work:
        pages: list[Page[Any]] = [
            work.organizations.readable_by(nobody, NOW, PageRequest(include_total=True)),
            work.projects.readable_by(
                nobody, NOW, PageRequest(include_total=True), ProjectFilter()
            ),
            work.resources.readable_by(
                nobody, NOW, PageRequest(include_total=True), ResourceFilter()
            ),
        ]
    assert [(list(page.items), page.total) for page in pages] == [([], 0)] * 3


@pytest.mark.parametrize(
    ("where", "found"),
    [
        (ProjectFilter(), ["app", "solo", "web"]),
        (ProjectFilter(org_id=OrganizationId("acme")), ["app", "web"]),
        (ProjectFilter(org_id=OrganizationId("other")), []),
        (ProjectFilter(org_id=OrganizationId("nowhere")), []),
        (ProjectFilter(org_id=OrganizationId("acme"), text="WEB"), ["web"]),
        (ProjectFilter(org_id=OrganizationId("acme"), text="solo"), []),
    ],
)
def test_projects_of_one_organization(
    units: UnitsOfWork, where: ProjectFilter, found: list[str]
) -> None:
    keep(units, an_organization(), an_organization("other"))
    keep(units, a_project(), a_project("app"), a_project("solo", None), a_project("x", "other"))
    for scope in ("organization acme", "project solo"):
        keep(units, an_assignment(ALICE, VIEWER, scope))
    with units.view() as work:
        page = PageRequest(sort=Sort.NAME, include_total=True)
        listed = work.projects.readable_by(ALICE, NOW, page, where)
    assert [project.project_id.value for project in listed.items] == found
    assert listed.total == len(found)
