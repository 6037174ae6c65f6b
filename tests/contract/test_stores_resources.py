from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ktrlplane.domain.documents import Document
from ktrlplane.domain.errors import AlreadyExists, NotFound
from ktrlplane.domain.ids import ProjectId, ResourceId
from ktrlplane.domain.lifecycle import Status
from ktrlplane.domain.paging import PageRequest
from ktrlplane.domain.reports import Condition
from ktrlplane.domain.resources import Resource
from ktrlplane.ports.stores import ResourceFilter
from ktrlplane.ports.unit_of_work import UnitsOfWork
from tests.builders import (
    ALICE,
    BOB,
    HOUR,
    NOW,
    OWNER,
    VIEWER,
    a_project,
    a_resource,
    an_assignment,
    an_organization,
    keep,
    on,
)

KETTLE = ResourceId("kettle")
FULL = a_resource(
    name='Ünïcode "quoted" \\ %_ 組織',
    type="Acme.Toaster",
    sku="gold",
    settings_json=Document.of({"a": [1, None, {"b": 'ü"\\%'}], "empty": {}}),
    status=Status.DEGRADED,
    status_reason="It leaks.",
    generation=7,
    observed_generation=6,
    conditions=(
        Condition(type="Ready", status="False", reason="Leak", message="Drip, drip."),
        Condition(type="Synced", status="True", last_transition_at=NOW + HOUR),
    ),
    access_url="https://kettle.example.org/?a=b&c",
    error_message="drip",
    stripe_price_id="price_1",
    came_unpriced=True,
    created_at=NOW + timedelta(microseconds=999999),
    updated_at=NOW + HOUR,
)


@pytest.fixture
def inside(units: UnitsOfWork) -> UnitsOfWork:
    """With a project in an organization (web in acme) and one without (solo)."""
    keep(units, an_organization(), a_project(), a_project("solo", None))
    return units


_keys = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=4)
_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | _keys,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_keys, inner, max_size=3),
    max_leaves=8,
)
objects = st.dictionaries(_keys, _values, max_size=4)


def read(units: UnitsOfWork, resource_id: ResourceId = KETTLE) -> Resource:
    with units.view() as work:
        return work.resources.get(resource_id)


def replace(units: UnitsOfWork, resource: Resource) -> None:
    with units.begin() as work:
        work.resources.replace(resource)


@pytest.mark.parametrize("added", [FULL, a_resource(), a_resource("other", "solo", None)])
def test_what_was_added_can_be_read(inside: UnitsOfWork, added: Resource) -> None:
    keep(inside, added)
    assert read(inside, added.resource_id) == added
    with inside.view() as work:
        resource, standing = work.resources.with_standing(added.resource_id, ALICE, NOW)
    assert (resource, standing.path, standing.grants) == (added, added.path, ())


@pytest.mark.parametrize(
    "value",
    [
        *(1, 1.0, 100.0, 1e300, -1e17, 1e-7, 5e-324, 0.1, 2**64, -0.0, True, None),
        '\u2028\U0001f600 \x7f \x01 \b\f\n\r\t "quoted" \\ / </script>',
        {"zz": 1, "a": 2, "bbb": 3, "é": 4, "Z": 5, "": {"~/": [], "\uffee": {}, "\U0001f600": 6}},
    ],
    ids=ascii,
)
def test_settings_come_back_to_the_letter(inside: UnitsOfWork, value: Any) -> None:
    written = Document.of({"value": value})
    keep(inside, a_resource(settings_json=written))
    assert read(inside).settings_json == written
    assert read(inside).settings_json.text == written.text


@given(st.data())
@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_settings_come_back_to_the_letter(inside: UnitsOfWork, data: st.DataObject) -> None:
    written = Document.of(data.draw(objects))
    with inside.begin() as work:
        if not work.resources.of(ProjectId("web")):
            work.resources.add(a_resource())
        work.resources.replace(a_resource(settings_json=written))
        assert work.resources.get(KETTLE).settings_json.text == written.text


def test_reading_it_tells_what_the_principal_holds_on_it_and_above(inside: UnitsOfWork) -> None:
    on_it = an_assignment(ALICE, VIEWER, "resource kettle")
    above = an_assignment(ALICE, OWNER, "project web")
    top = an_assignment(ALICE, VIEWER, "organization acme")
    beside = an_assignment(ALICE, OWNER, "resource other")
    theirs = an_assignment(BOB, OWNER, "resource kettle")
    everywhere = an_assignment(ALICE, OWNER, "global")
    keep(inside, a_resource(), a_resource("other"))
    keep(inside, on_it, above, top, beside, theirs, everywhere)
    with inside.view() as work:
        _, standing = work.resources.with_standing(KETTLE, ALICE, NOW)
    held = {grant.assignment_id for grant in standing.grants}
    assert held == {on_it.assignment_id, above.assignment_id, top.assignment_id}


def test_what_is_not_there_is_not_found(inside: UnitsOfWork) -> None:
    with inside.begin() as work:
        with pytest.raises(NotFound):
            work.resources.get(KETTLE)
        with pytest.raises(NotFound):
            work.resources.with_standing(KETTLE, ALICE, NOW)
        with pytest.raises(NotFound):
            work.resources.replace(a_resource())


def test_a_resource_is_in_a_project_that_there_is(inside: UnitsOfWork) -> None:
    # A bug of the caller's, hence no refusal: which exception it is, is the adapter's business.
    with pytest.raises(Exception, match=r"."):
        keep(inside, a_resource(project_id="nowhere"))
    with pytest.raises(NotFound):
        read(inside)


def test_replacing_changes_this_one_alone(inside: UnitsOfWork) -> None:
    keep(inside, a_resource(), a_resource("other"))
    replace(inside, FULL)
    assert read(inside) == FULL
    assert read(inside, ResourceId("other")) == a_resource("other")
    replace(inside, a_resource())
    assert read(inside) == a_resource()


def test_an_id_that_is_taken_is_refused_and_nothing_changes(inside: UnitsOfWork) -> None:
    keep(inside, a_resource())
    with pytest.raises(AlreadyExists):
        keep(inside, a_resource(project_id="solo", org_id=None))
    assert read(inside) == a_resource()


def test_a_deleted_one_can_be_read_and_its_id_stays_taken(inside: UnitsOfWork) -> None:
    keep(inside, a_resource(), an_assignment(ALICE, OWNER, "organization acme"))
    tombstone = a_resource(status=Status.DELETED)
    replace(inside, tombstone)
    with inside.view() as work:
        resource, standing = work.resources.with_standing(KETTLE, ALICE, NOW)
        asked = work.access.standings([(ALICE, on("resource kettle"))], NOW)
    assert (resource, len(standing.grants)) == (tombstone, 1)
    assert asked == [standing]
    with pytest.raises(AlreadyExists):
        keep(inside, a_resource())


def test_many_are_replaced_at_once_or_none(inside: UnitsOfWork) -> None:
    keep(inside, a_resource(), a_resource("pot"))
    after = [a_resource(name="New"), a_resource("pot", status=Status.FAILED)]
    with inside.begin() as work:
        work.resources.replace_all(after)
        work.resources.replace_all([])
    with inside.view() as work:
        assert [work.resources.get(one.resource_id) for one in after] == after
    with pytest.raises(NotFound), inside.begin() as work:
        work.resources.replace_all([a_resource(name="Newer"), a_resource("nosuch")])
    with inside.view() as work:
        assert work.resources.get(KETTLE) == after[0]


def test_those_of_a_tier_are_counted_while_they_are_there(inside: UnitsOfWork) -> None:
    keep(inside, a_project("other"), a_project("alone", None))
    keep(
        inside,
        a_resource(),
        a_resource("suspended", status=Status.SUSPENDED),
        a_resource("deleting", status=Status.DELETING),
        a_resource("deleted", status=Status.DELETED),
        a_resource("gold", sku="gold"),
        a_resource("toaster", type="Acme.Toaster"),
        a_resource("elsewhere", "other"),
        a_resource("apart", "alone", None),
    )
    counted = {}
    with inside.view() as work:
        for scope in ("project web", "project other", "project alone", "organization acme"):
            counted[scope] = work.resources.count(on(scope), "Acme.Kettle", "free")
        assert work.resources.count(on("project web"), "Acme.Kettle", "gold") == 1
        assert work.resources.count(on("organization nosuch"), "Acme.Kettle", "free") == 0
    assert counted == {
        "project web": 2,
        "project other": 1,
        "project alone": 1,
        "organization acme": 3,
    }


def test_those_of_a_project_are_the_ones_not_deleted_by_id(inside: UnitsOfWork) -> None:
    keep(
        inside,
        a_resource("b"),
        a_resource("a-b", status=Status.DELETING),
        a_resource("a0", status=Status.FAILED),
        a_resource("c", status=Status.DELETED),
        a_resource("d", "solo", None),
    )
    with inside.view() as work:
        ids = [resource.resource_id.value for resource in work.resources.of(ProjectId("web"))]
        assert work.resources.of(ProjectId("nowhere")) == []
    assert ids == ["a-b", "a0", "b"]


def test_deleting_since_are_the_deleting_ones_from_before_tenant_by_tenant(
    inside: UnitsOfWork,
) -> None:
    deleting, ago = Status.DELETING, {hours: NOW - hours * HOUR for hours in (0, 2, 3)}
    keep(
        inside,
        a_project("more"),
        a_project("idle", None),
        a_resource("young", status=deleting, updated_at=ago[0]),
        a_resource("old", "more", status=deleting, updated_at=ago[2]),
        a_resource("older", status=deleting, updated_at=ago[3]),
        a_resource("alone", "solo", None, status=deleting, updated_at=ago[0]),
        a_resource("alive", "idle", None, updated_at=ago[3]),
        a_resource("deleted", "idle", None, status=Status.DELETED, updated_at=ago[3]),
    )
    acme, solo = "organization acme", "project solo"

    def due(before: Any, after: str = "", tenants: int = 10, each: int = 10) -> Any:
        with inside.view() as work:
            found = work.resources.deleting_since(before, after=after, tenants=tenants, each=each)
        return [(str(one.tenant), [r.value for r in one.resource_ids]) for one in found]

    moment = timedelta(microseconds=1)
    assert due(NOW) == [(acme, ["older", "old"]), (solo, [])]
    assert due(NOW + moment) == [(acme, ["older", "old", "young"]), (solo, ["alone"])]
    assert due(NOW, each=1) == [(acme, ["older"]), (solo, [])]
    assert due(NOW, tenants=1) == [(acme, ["older", "old"])]
    assert due(NOW + moment, after=acme) == [(solo, ["alone"])]
    assert due(NOW + moment, after=solo) == []


def test_those_named_are_found_by_id_and_the_rest_are_passed_over(inside: UnitsOfWork) -> None:
    keep(inside, a_resource("b", status=Status.DELETED), a_resource("a"), a_resource("c"))
    with inside.view() as work:
        found = work.resources.among([ResourceId(name) for name in ("b", "nowhere", "a", "b")])
        assert work.resources.among([]) == []
    assert [one.resource_id.value for one in found] == ["a", "b"]


@pytest.mark.parametrize(
    ("where", "found"),
    [
        (ResourceFilter(), ["ra", "rb", "rc", "rd"]),
        (ResourceFilter(project_id=ProjectId("web")), ["ra", "rb"]),
        (ResourceFilter(project_id=ProjectId("nowhere")), []),
        (ResourceFilter(type="Acme.Toaster"), ["rb"]),
        (ResourceFilter(sku="gold"), ["rb", "rc"]),
        (ResourceFilter(status=Status.DELETED), ["rx", "ry"]),
        (ResourceFilter(status=Status.DELETING), ["rd"]),
        (ResourceFilter(status=Status.CREATING, sku="gold"), ["rb", "rc"]),
        (ResourceFilter(type="Acme.Kettle", sku="gold", project_id=ProjectId("solo")), ["rc"]),
        (ResourceFilter(project_id=ProjectId("web"), status=Status.DELETED), ["rx"]),
        (ResourceFilter(text="rA"), ["ra"]),
        (ResourceFilter(text="x"), []),
    ],
)
def test_a_list_holds_what_matches_every_filter(
    inside: UnitsOfWork, where: ResourceFilter, found: list[str]
) -> None:
    keep(
        inside, *(an_assignment(ALICE, OWNER, scope) for scope in ("project web", "project solo"))
    )
    keep(
        inside,
        a_resource("ra"),
        a_resource("rb", type="Acme.Toaster", sku="gold"),
        a_resource("rc", "solo", None, sku="gold"),
        a_resource("rd", "solo", None, status=Status.DELETING),
        a_resource("rx", status=Status.DELETED),
        a_resource("ry", "solo", None, status=Status.DELETED),
    )
    with inside.view() as work:
        page = PageRequest(include_total=True)
        listed = work.resources.readable_by(ALICE, NOW, page, where)
    assert sorted(resource.resource_id.value for resource in listed.items) == found
    assert listed.total == len(found)
