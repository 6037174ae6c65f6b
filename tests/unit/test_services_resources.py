from typing import Any

import pytest
from attrs import evolve

from ktrlplane.adapters.memory.clock import ManualClock
from ktrlplane.domain.access import Role
from ktrlplane.domain.documents import Document
from ktrlplane.domain.errors import (
    AlreadyExists,
    Forbidden,
    InvalidTransition,
    NotFound,
    PreconditionFailed,
    ValidationFailed,
)
from ktrlplane.domain.ids import ProjectId, ResourceId
from ktrlplane.domain.lifecycle import Status
from ktrlplane.domain.paging import PageRequest, Sort
from ktrlplane.domain.projects import ProjectStatus
from ktrlplane.domain.resources import Resource
from ktrlplane.domain.services.resources import (
    CreateResource,
    UpdateResource,
    create_resource,
    delete_resource,
    list_project_resources,
    list_resources,
    read_resource,
    update_resource,
)
from ktrlplane.ports.stores import ResourceFilter
from tests.builders import (
    ALICE,
    BOB,
    DATA_OWNER,
    EDITOR,
    HOUR,
    NOW,
    OWNER,
    VIEWER,
    a_project,
    a_resource,
    an_assignment,
    an_organization,
)
from tests.platforms import Acting

WEB, KETTLE = ProjectId("web"), ResourceId("kettle")
CREATE = CreateResource(id=KETTLE, name="Kettle", type="Acme.Kettle", sku="free")
FAULTY: dict[str, Any] = {"litres": 3, "whistles": ["a", "a"], "lid": True}


@pytest.fixture
def do(do: Acting) -> Acting:
    """With projects web and app in an organization that Alice owns."""
    do.keep(an_organization(), a_project(), a_project("app"))
    do.keep(an_assignment(ALICE, OWNER, "organization acme"))
    return do


def endless() -> dict[str, object]:
    document: dict[str, object] = {}
    for _ in range(100_000):
        document = {"a": document}
    return document


ENDLESS = endless()


def faults(refused: pytest.ExceptionInfo[ValidationFailed]) -> set[tuple[str, str]]:
    return {(fault.pointer, fault.code) for fault in refused.value.faults}


def settings_of(do: Acting) -> object:
    return do(read_resource, KETTLE).settings_json.value


class TestCreating:
    def test_fills_in_the_defaults(self, do: Acting) -> None:
        created = do(create_resource, WEB, CREATE)
        assert created == a_resource(settings_json=Document.of({"litres": 1}))
        assert do(read_resource, KETTLE) == created

    def test_gives_its_creator_no_role_of_their_own(self, do: Acting) -> None:
        do.keep(an_assignment(BOB, EDITOR, "project web"))
        do(create_resource, WEB, CREATE, by=BOB)
        with do.units.view() as work:
            assert [held.scope.scope_id for held in work.assignments.of(BOB)] == ["web"]

    def test_by_a_former_name_makes_one_of_the_present_name(self, do: Acting) -> None:
        created = do(create_resource, WEB, evolve(CREATE, type="Acme.Pot"))
        assert created.type == "Acme.Kettle"

    def test_merges_what_is_given_over_the_preset(self, do: Acting) -> None:
        command = evolve(
            CREATE, sku="gold", preset="office", settings_json={"litres": 30, "label": None}
        )
        created = do(create_resource, WEB, command)
        assert created.settings_json.value == {"litres": 30}

    def test_tells_every_fault_at_once(self, do: Acting) -> None:
        with pytest.raises(ValidationFailed) as refused:
            do(create_resource, WEB, evolve(CREATE, settings_json=FAULTY, preset="nosuch"))
        assert faults(refused) == {
            ("/preset", "unknown_preset"),
            ("/settings_json/litres", "maximum"),
            ("/settings_json/lid", "unknown_field"),
            ("/settings_json/whistles/1", "repeated"),
        }
        with pytest.raises(NotFound):
            do(read_resource, KETTLE)

    def test_tells_of_the_id_along_with_the_rest(self, do: Acting) -> None:
        with pytest.raises(ValidationFailed) as refused:
            do(create_resource, WEB, evolve(CREATE, id=ResourceId("default"), type="Acme.Nosuch"))
        assert faults(refused) == {("/id", "reserved"), ("/type", "unknown_type")}

    def test_in_an_unknown_tier_tells_what_no_tier_allows(self, do: Acting) -> None:
        settings = {"litres": 3, "lid": True}
        with pytest.raises(ValidationFailed) as refused:
            do(create_resource, WEB, evolve(CREATE, sku="nosuch", settings_json=settings))
        # Three litres are too much for one tier only.
        assert faults(refused) == {
            ("/sku", "unknown_sku"),
            ("/settings_json/lid", "unknown_field"),
        }

    def test_takes_a_preset_in_another_tier_where_it_fits_there(self, do: Acting) -> None:
        with pytest.raises(ValidationFailed) as refused:
            do(create_resource, WEB, evolve(CREATE, sku="free", preset="office"))
        assert ("/settings_json/litres", "maximum") in faults(refused)
        command = evolve(CREATE, sku="free", preset="office", settings_json={"litres": 1})
        assert do(create_resource, WEB, command).sku == "free"

    @pytest.mark.parametrize(
        ("wrong", "fault"),
        [
            ({"type": "Acme.Nosuch"}, ("/type", "unknown_type")),
            ({"sku": "nosuch"}, ("/sku", "unknown_sku")),
            ({"sku": ""}, ("/sku", "unknown_sku")),
            ({"sku": "antique"}, ("/sku", "retired")),
            ({"id": ResourceId("kube-proxy")}, ("/id", "reserved")),
            ({"settings_json": {"label": "a\0b"}}, ("/settings_json/label", "nul")),
            (
                {"settings_json": {"litres": float("inf")}},
                ("/settings_json/litres", "number_range"),
            ),
        ],
    )
    def test_refuses_what_the_catalog_does_not_have(
        self, do: Acting, wrong: dict[str, Any], fault: tuple[str, str]
    ) -> None:
        with pytest.raises(ValidationFailed) as refused:
            do(create_resource, WEB, evolve(CREATE, **wrong))
        assert fault in faults(refused)

    def test_a_hidden_tier_is_for_who_knows_it(self, do: Acting) -> None:
        assert do(create_resource, WEB, evolve(CREATE, sku="secret")).sku == "secret"

    def test_refuses_an_id_that_is_taken(self, do: Acting) -> None:
        do(create_resource, WEB, CREATE)
        with pytest.raises(AlreadyExists):
            do(create_resource, ProjectId("app"), CREATE)

    @pytest.mark.parametrize("status", [ProjectStatus.DELETING, ProjectStatus.DELETED])
    def test_is_not_for_a_project_on_its_way_out(self, do: Acting, status: ProjectStatus) -> None:
        do.keep(a_project("going", status=status))
        with pytest.raises(InvalidTransition):
            do(create_resource, ProjectId("going"), CREATE)

    @pytest.mark.parametrize(
        ("role", "refusal"),
        [(None, NotFound), (DATA_OWNER, NotFound), (VIEWER, Forbidden)],
        ids=["stranger", "data owner", "viewer"],
    )
    def test_needs_write_in_the_project(
        self, do: Acting, role: Role | None, refusal: type[Exception]
    ) -> None:
        if role is not None:
            do.keep(an_assignment(BOB, role, "project web"))
        with pytest.raises(refusal):
            do(create_resource, WEB, CREATE, by=BOB)

    def test_tells_a_stranger_nothing_about_their_input(self, do: Acting) -> None:
        with pytest.raises(NotFound):
            do(create_resource, WEB, evolve(CREATE, type="Acme.Nosuch"), by=BOB)

    @pytest.mark.parametrize("preset", [None, "office"])
    def test_refuses_nesting_that_has_no_end(self, do: Acting, preset: str | None) -> None:
        with pytest.raises(ValidationFailed) as refused:
            do(create_resource, WEB, evolve(CREATE, preset=preset, settings_json=ENDLESS))
        assert ("/settings_json", "too_deep") in faults(refused)


class TestChanging:
    @pytest.fixture(autouse=True)
    def _one_hour_old(self, do: Acting, clock: ManualClock) -> None:
        do.keep(
            a_resource(
                sku="gold",
                settings_json=Document.of({"litres": 5, "label": "Mine"}),
                status=Status.RUNNING,
            )
        )
        clock.advance(HOUR)

    def test_settings_as_a_merge_patch(self, do: Acting) -> None:
        patch = UpdateResource(settings_json={"litres": 6, "whistles": ["a"]})
        changed = do(update_resource, KETTLE, patch, merge=True)
        assert changed.settings_json.value == {"litres": 6, "label": "Mine", "whistles": ["a"]}
        assert (changed.generation, changed.status) == (2, Status.UPDATING)
        assert changed.updated_at == NOW + HOUR

    def test_a_merge_patch_with_null_goes_back_to_the_default(self, do: Acting) -> None:
        patch = UpdateResource(settings_json={"litres": None, "label": None})
        do(update_resource, KETTLE, patch, merge=True)
        assert settings_of(do) == {"litres": 1}

    @pytest.mark.parametrize("merge", [True, False])
    def test_nesting_that_has_no_end_is_refused(self, do: Acting, *, merge: bool) -> None:
        with pytest.raises(ValidationFailed) as refused:
            do(update_resource, KETTLE, UpdateResource(settings_json=ENDLESS), merge=merge)
        assert faults(refused) == {("/settings_json", "too_deep")}

    def test_settings_as_a_whole(self, do: Acting) -> None:
        do(update_resource, KETTLE, UpdateResource(settings_json={"litres": 6}), merge=False)
        assert settings_of(do) == {"litres": 6}

    def test_the_name_alone_is_nothing_that_a_reconciler_must_see(self, do: Acting) -> None:
        before = do(read_resource, KETTLE)
        changed = do(update_resource, KETTLE, UpdateResource(name="New"), merge=True)
        assert changed == evolve(before, name="New")

    def test_settings_that_are_the_same_begin_no_generation(self, do: Acting) -> None:
        before = do(read_resource, KETTLE)
        same = UpdateResource(name="New", settings_json={"label": "Mine", "litres": 5})
        assert do(update_resource, KETTLE, same, merge=False) == evolve(before, name="New")

    def test_a_tier_that_would_not_fit_is_refused_with_what_does_not(self, do: Acting) -> None:
        with pytest.raises(ValidationFailed) as refused:
            do(update_resource, KETTLE, UpdateResource(sku="free"), merge=True)
        assert faults(refused) == {("/settings_json/litres", "maximum")}
        fits = UpdateResource(sku="free", settings_json={"litres": 2})
        changed = do(update_resource, KETTLE, fits, merge=True)
        assert (changed.sku, changed.generation) == ("free", 2)

    def test_a_retired_tier_may_stay_and_not_come_back(self, do: Acting) -> None:
        do.keep(a_resource("old", sku="antique"))
        old = ResourceId("old")
        patch = UpdateResource(settings_json={"litres": 9})
        assert do(update_resource, old, patch, merge=True).sku == "antique"
        assert do(update_resource, old, UpdateResource(sku="gold"), merge=True).sku == "gold"
        with pytest.raises(ValidationFailed) as refused:
            do(update_resource, old, UpdateResource(sku="antique"), merge=True)
        assert faults(refused) == {("/sku", "retired")}

    @pytest.mark.parametrize("sku", ["", "nosuch"])
    @pytest.mark.parametrize("merge", [True, False])
    def test_refuses_a_tier_that_there_is_not(
        self,
        do: Acting,
        sku: str,
        merge: bool,  # noqa: FBT001
    ) -> None:
        with pytest.raises(ValidationFailed) as refused:
            do(update_resource, KETTLE, UpdateResource(sku=sku), merge=merge)
        assert faults(refused) == {("/sku", "unknown_sku")}

    def test_a_refusal_changes_nothing(self, do: Acting) -> None:
        before = do(read_resource, KETTLE)
        with pytest.raises(ValidationFailed):
            do(
                update_resource,
                KETTLE,
                UpdateResource(name="New", settings_json=FAULTY),
                merge=True,
            )
        assert do(read_resource, KETTLE) == before

    @pytest.mark.parametrize("scope", ["resource kettle", "project web", "organization acme"])
    @pytest.mark.parametrize(
        ("role", "refusal"),
        [(None, NotFound), (DATA_OWNER, NotFound), (VIEWER, Forbidden)],
        ids=["stranger", "data owner", "viewer"],
    )
    def test_who_may_not_is_told_no_more_than_they_may_know(
        self, do: Acting, role: Role | None, refusal: type[Exception], scope: str
    ) -> None:
        if role is not None:
            do.keep(an_assignment(BOB, role, scope))
        with pytest.raises(refusal):
            do(update_resource, KETTLE, UpdateResource(name="New"), merge=True, by=BOB)
        with pytest.raises(refusal):
            do(delete_resource, KETTLE, by=BOB)
        assert do(read_resource, KETTLE).name == "Kettle"

    @pytest.mark.parametrize("scope", ["resource kettle", "project web", "organization acme"])
    def test_a_role_on_it_or_above_lets_one_change_it(self, do: Acting, scope: str) -> None:
        do.keep(an_assignment(BOB, EDITOR, scope))
        do(update_resource, KETTLE, UpdateResource(name="New"), merge=True, by=BOB)
        with pytest.raises(Forbidden):
            do(delete_resource, KETTLE, by=BOB)

    def test_who_saw_something_else_may_not_change_it(self, do: Acting) -> None:
        def outdated(_: object) -> bool:
            return False

        with pytest.raises(PreconditionFailed):
            do(update_resource, KETTLE, UpdateResource(name="N"), merge=True, as_seen=outdated)
        with pytest.raises(PreconditionFailed):
            do(delete_resource, KETTLE, as_seen=outdated)

    def test_under_another_project_it_is_not_found(self, do: Acting) -> None:
        app = ProjectId("app")
        with pytest.raises(NotFound):
            do(read_resource, KETTLE, project_id=app)
        with pytest.raises(NotFound):
            do(update_resource, KETTLE, UpdateResource(name="N"), merge=True, project_id=app)
        with pytest.raises(NotFound):
            do(delete_resource, KETTLE, project_id=app)
        assert do(read_resource, KETTLE, project_id=WEB).name == "Kettle"

    def test_deleting_lets_the_reconciler_see_it_and_happens_once(
        self, do: Acting, clock: ManualClock
    ) -> None:
        deleting = do(delete_resource, KETTLE)
        assert (deleting.status, deleting.updated_at) == (Status.DELETING, NOW + HOUR)
        clock.advance(HOUR)
        assert do(delete_resource, KETTLE) == deleting

    @pytest.mark.parametrize("status", [Status.DELETING, Status.DELETED])
    def test_what_is_on_its_way_out_cannot_change(self, do: Acting, status: Status) -> None:
        do.keep(a_resource("going", status=status))
        for change in ({"name": "New"}, {"sku": "gold"}, {"settings_json": {"litres": 2}}):
            command = UpdateResource(**change)
            with pytest.raises(InvalidTransition):
                do(update_resource, ResourceId("going"), command, merge=True)


class TestLists:
    @pytest.fixture(autouse=True)
    def _some(self, do: Acting) -> None:
        do.keep(a_resource(), a_resource("grinder", "app"), a_resource("pan", type="Acme.Toaster"))
        do.keep(an_assignment(BOB, VIEWER, "resource kettle"))

    def shown(self, do: Acting, where: ResourceFilter, **who: Any) -> list[str]:
        page = do(list_resources, PageRequest(sort=Sort.NAME), where, **who)
        return [resource.resource_id.value for resource in page.items]

    def test_show_what_one_may_read(self, do: Acting) -> None:
        assert self.shown(do, ResourceFilter()) == ["grinder", "kettle", "pan"]
        assert self.shown(do, ResourceFilter(), by=BOB) == ["kettle"]

    def test_find_the_present_name_of_a_type_by_a_former_one(self, do: Acting) -> None:
        assert self.shown(do, ResourceFilter(type="Acme.Pot")) == ["grinder", "kettle"]

    def test_refuse_a_type_that_there_is_not(self, do: Acting) -> None:
        with pytest.raises(ValidationFailed) as refused:
            self.shown(do, ResourceFilter(type="Acme.Nosuch"))
        assert faults(refused) == {("/type", "unknown_type")}

    def test_of_a_project_are_for_who_may_read_the_project(self, do: Acting) -> None:
        page = PageRequest(sort=Sort.NAME)
        listed = do(list_project_resources, WEB, page, ResourceFilter())
        assert [r.resource_id.value for r in listed.items] == ["kettle", "pan"]
        with pytest.raises(NotFound):
            do(list_project_resources, WEB, page, ResourceFilter(), by=BOB)

    def test_of_a_project_keep_to_it_whatever_the_filter_says(self, do: Acting) -> None:
        where = ResourceFilter(project_id=ProjectId("app"), type="Acme.Kettle")
        listed = do(list_project_resources, WEB, PageRequest(), where)
        assert [r.resource_id.value for r in listed.items] == ["kettle"]


# -- another tier ---------------------------------------------------------------------------------


def change_tier(do: Acting, sku: str, *, merge: bool = True, **settings: Any) -> Resource:
    command = UpdateResource(sku=sku, settings_json=settings or None)
    changed: Resource = do(update_resource, KETTLE, command, merge=merge)
    return changed


@pytest.mark.parametrize("merge", [True, False])
def test_what_nobody_chose_is_no_hindrance_on_the_way_down(do: Acting, merge: bool) -> None:  # noqa: FBT001
    do(create_resource, WEB, evolve(CREATE, sku="grand", settings_json={"label": "L"}))
    assert do(read_resource, KETTLE).settings_json.value == {"litres": 50, "label": "L"}
    changed = change_tier(do, "free", merge=merge)
    assert (changed.sku, changed.settings_json.value) == ("free", {"litres": 1, "label": "L"})


def test_what_somebody_chose_is_refused_where_it_does_not_fit(do: Acting) -> None:
    do(create_resource, WEB, evolve(CREATE, sku="grand", settings_json={"litres": 49}))
    with pytest.raises(ValidationFailed, match="litres"):
        change_tier(do, "free")
    assert change_tier(do, "free", litres=None).settings_json.value == {"litres": 1}


def test_what_is_chosen_with_the_tier_is_not_passed_over(do: Acting) -> None:
    do(create_resource, WEB, evolve(CREATE, sku="grand"))
    with pytest.raises(ValidationFailed, match="litres"):
        change_tier(do, "free", litres=50)


def test_what_fits_stays_as_it_is_in_another_tier(do: Acting) -> None:
    do(create_resource, WEB, CREATE)
    assert change_tier(do, "grand").settings_json.value == {"litres": 1}
