import pytest
from attrs import evolve

from ktrlplane.adapters.memory.clock import ManualClock
from ktrlplane.domain.access import Role
from ktrlplane.domain.errors import (
    AlreadyExists,
    Forbidden,
    InvalidTransition,
    LastOwner,
    NotEmpty,
    NotFound,
    PreconditionFailed,
    ValidationFailed,
)
from ktrlplane.domain.ids import OrganizationId, ProjectId, ResourceId
from ktrlplane.domain.lifecycle import Status
from ktrlplane.domain.paging import PageRequest, Sort
from ktrlplane.domain.projects import ProjectStatus
from ktrlplane.domain.services.moves import MoveProject, move_project
from ktrlplane.domain.services.projects import (
    CreateProject,
    UpdateProject,
    create_project,
    delete_project,
    list_projects,
    read_project,
    update_project,
)
from ktrlplane.ports.stores import ProjectFilter
from tests.builders import (
    ALICE,
    BOB,
    CAROL,
    DATA_OWNER,
    EDITOR,
    HOUR,
    NOW,
    OWNER,
    ROBOT,
    VIEWER,
    a_project,
    a_resource,
    an_assignment,
    an_organization,
    on,
)
from tests.platforms import Acting

ACME, OTHER, WEB = OrganizationId("acme"), OrganizationId("other"), ProjectId("web")
IN_ACME = CreateProject(id=WEB, name="Web", org_id=ACME)
ALONE = CreateProject(id=WEB, name="Web")


@pytest.fixture
def do(do: Acting) -> Acting:
    """With organization acme, which Alice owns, and other, which Carol does."""
    do.keep(an_organization(), an_assignment(ALICE, OWNER, "organization acme"))
    do.keep(an_organization("other"), an_assignment(CAROL, OWNER, "organization other"))
    return do


def test_its_creator_becomes_its_owner_and_data_owner(do: Acting) -> None:
    do.keep(an_assignment(BOB, EDITOR, "organization acme"))
    created = do(create_project, IN_ACME, by=BOB)
    assert created == a_project(inherits_billing_from_org=True)
    with do.units.view() as work:
        held = {one.role_id for one in work.assignments.on(on("project web"), NOW)}
    assert held == {OWNER.role_id, DATA_OWNER.role_id}


def test_a_project_that_stands_alone_pays_for_itself(do: Acting) -> None:
    created = do(create_project, ALONE, by=BOB)
    assert created == a_project(org_id=None)
    assert do(read_project, WEB, by=BOB) == created
    with pytest.raises(NotFound):
        do(read_project, WEB, by=ALICE)


@pytest.mark.parametrize(
    ("role", "refusal"),
    [(None, NotFound), (DATA_OWNER, NotFound), (VIEWER, Forbidden)],
    ids=["stranger", "data owner", "viewer"],
)
def test_creating_one_in_an_organization_needs_write_there(
    do: Acting, role: Role | None, refusal: type[Exception]
) -> None:
    if role is not None:
        do.keep(an_assignment(BOB, role, "organization acme"))
    with pytest.raises(refusal):
        do(create_project, IN_ACME, by=BOB)
    with pytest.raises(NotFound):
        do(read_project, WEB)


def test_an_organization_must_be_there_to_hold_one(do: Acting) -> None:
    with pytest.raises(NotFound):
        do(create_project, evolve(IN_ACME, org_id=OrganizationId("nowhere")))


def test_a_service_account_may_create_one_in_an_organization_and_none_alone(do: Acting) -> None:
    do.keep(an_assignment(ROBOT, EDITOR, "organization acme"))
    with pytest.raises(Forbidden):
        do(create_project, ALONE, by=ROBOT)
    assert do(create_project, IN_ACME, by=ROBOT).org_id == ACME


def test_reserved_and_taken_ids_are_refused(do: Acting) -> None:
    do(create_project, IN_ACME)
    with pytest.raises(AlreadyExists):
        do(create_project, ALONE, by=BOB)
    for reserved in ("default", "kube-system", "acme-internal-1"):
        with pytest.raises(ValidationFailed):
            do(create_project, CreateProject(id=ProjectId(reserved), name="X"))


def test_a_name_makes_an_id_that_is_not_reserved(do: Acting) -> None:
    platform = evolve(do.platform, reserved_ids=("project-*",))
    made = Acting(do.units, platform)(create_project, CreateProject(name="Default"))
    assert made.project_id.value.startswith("default-")


@pytest.mark.parametrize(
    ("role", "refusal"),
    [(None, NotFound), (DATA_OWNER, NotFound), (VIEWER, Forbidden)],
    ids=["stranger", "data owner", "viewer"],
)
@pytest.mark.parametrize("scope", ["project web", "organization acme"])
def test_who_may_not_is_told_no_more_than_they_may_know(
    do: Acting, role: Role | None, refusal: type[Exception], scope: str
) -> None:
    do(create_project, IN_ACME)
    if role is not None:
        do.keep(an_assignment(BOB, role, scope))
    with pytest.raises(refusal):
        do(update_project, WEB, UpdateProject(name="New"), by=BOB)
    with pytest.raises(refusal):
        do(delete_project, WEB, by=BOB)
    with pytest.raises(refusal):
        do(move_project, WEB, MoveProject(org_id=None), by=BOB)
    assert do(read_project, WEB).name == "Web"


def test_an_editor_may_rename_it_and_neither_move_nor_delete_it(
    do: Acting, clock: ManualClock
) -> None:
    do(create_project, IN_ACME)
    do.keep(an_assignment(BOB, EDITOR, "project web"))
    clock.advance(HOUR)
    changed = do(update_project, WEB, UpdateProject(name="New"), by=BOB)
    assert (changed.name, changed.updated_at) == ("New", NOW + HOUR)
    clock.advance(HOUR)
    assert do(update_project, WEB, UpdateProject(name="New"), by=BOB) == changed
    with pytest.raises(Forbidden):
        do(move_project, WEB, MoveProject(org_id=None), by=BOB)
    with pytest.raises(Forbidden):
        do(delete_project, WEB, by=BOB)


def test_who_saw_something_else_may_not_change_it(do: Acting) -> None:
    do(create_project, IN_ACME)
    with pytest.raises(PreconditionFailed):
        do(update_project, WEB, UpdateProject(name="New"), as_seen=lambda _: False)
    with pytest.raises(PreconditionFailed):
        do(delete_project, WEB, as_seen=lambda _: False)
    renamed = do(update_project, WEB, UpdateProject(name="New"), as_seen=lambda _: True)
    assert renamed.name == "New"


def test_a_list_shows_what_one_may_read(do: Acting) -> None:
    do(create_project, IN_ACME)
    do(create_project, CreateProject(id=ProjectId("solo"), name="Solo"), by=BOB)
    page = PageRequest(sort=Sort.NAME)
    shown = {
        who: [p.project_id.value for p in do(list_projects, page, ProjectFilter(), by=who).items]
        for who in (ALICE, BOB, CAROL)
    }
    assert shown == {ALICE: ["web"], BOB: ["solo"], CAROL: []}


class TestMoving:
    def test_needs_delete_here_and_write_there(self, do: Acting, clock: ManualClock) -> None:
        do(create_project, IN_ACME)
        do.keep(a_resource(), an_assignment(ALICE, EDITOR, "organization other"))
        clock.advance(HOUR)
        moved = do(move_project, WEB, MoveProject(org_id=OTHER))
        assert (moved.org_id, moved.updated_at) == (OTHER, NOW + HOUR)
        with do.units.view() as work:
            assert work.resources.get(ResourceId("kettle")).org_id == OTHER
        assert do(read_project, WEB, by=CAROL) == moved

    @pytest.mark.parametrize(
        ("role", "refusal"),
        [(None, NotFound), (DATA_OWNER, NotFound), (VIEWER, Forbidden)],
        ids=["stranger", "data owner", "viewer"],
    )
    def test_without_write_there_is_refused(
        self, do: Acting, role: Role | None, refusal: type[Exception]
    ) -> None:
        do(create_project, IN_ACME)
        if role is not None:
            do.keep(an_assignment(ALICE, role, "organization other"))
        with pytest.raises(refusal):
            do(move_project, WEB, MoveProject(org_id=OTHER))
        assert do(read_project, WEB).org_id == ACME

    def test_takes_the_old_organization_its_view(self, do: Acting) -> None:
        do(create_project, IN_ACME, by=ALICE)
        do.keep(an_assignment(BOB, OWNER, "organization acme"))
        do(move_project, WEB, MoveProject(org_id=None), by=BOB)
        with pytest.raises(NotFound):
            do(read_project, WEB, by=BOB)
        assert do(read_project, WEB, by=ALICE).org_id is None

    @pytest.mark.parametrize("why", ["none", "a machine", "one who expires", "data owner"])
    def test_out_of_any_needs_an_owner_of_its_own_who_lasts(self, do: Acting, why: str) -> None:
        do.keep(a_project())
        match why:
            case "a machine":
                do.keep(an_assignment(ROBOT, OWNER, "project web"))
            case "one who expires":
                expiring = an_assignment(BOB, OWNER, "project web", expires_at=NOW + HOUR)
                do.keep(expiring)
            case "data owner":
                do.keep(an_assignment(BOB, DATA_OWNER, "project web"))
        with pytest.raises(LastOwner):
            do(move_project, WEB, MoveProject(org_id=None))
        do.keep(an_assignment(CAROL, OWNER, "project web"))
        assert do(move_project, WEB, MoveProject(org_id=None)).org_id is None

    def test_nobody_spends_the_new_organizations_money_unasked(self, do: Acting) -> None:
        do(create_project, IN_ACME)
        do.keep(an_assignment(ALICE, EDITOR, "organization other"))
        assert do(read_project, WEB).inherits_billing_from_org
        assert not do(move_project, WEB, MoveProject(org_id=OTHER)).inherits_billing_from_org

    def test_who_may_spend_it_takes_the_inheritance_along(self, do: Acting) -> None:
        do(create_project, IN_ACME)
        do.keep(an_assignment(ALICE, OWNER, "organization other"))
        assert do(move_project, WEB, MoveProject(org_id=OTHER)).inherits_billing_from_org
        assert not do(move_project, WEB, MoveProject(org_id=None)).inherits_billing_from_org
        assert not do(move_project, WEB, MoveProject(org_id=ACME)).inherits_billing_from_org

    def test_to_where_it_is_changes_nothing(self, do: Acting, clock: ManualClock) -> None:
        created = do(create_project, IN_ACME)
        clock.advance(HOUR)
        assert do(move_project, WEB, MoveProject(org_id=ACME)) == created

    def test_is_not_for_what_is_on_its_way_out(self, do: Acting) -> None:
        do.keep(a_project(status=ProjectStatus.DELETING), a_resource(status=Status.DELETING))
        do.keep(an_assignment(ALICE, OWNER, "organization other"))
        with pytest.raises(InvalidTransition):
            do(move_project, WEB, MoveProject(org_id=OTHER))


class TestDeleting:
    def test_an_empty_one_ends_at_once_and_its_id_is_never_used_again(
        self, do: Acting, clock: ManualClock
    ) -> None:
        do(create_project, IN_ACME)
        clock.advance(HOUR)
        deleted = do(delete_project, WEB)
        assert (deleted.status, deleted.updated_at) == (ProjectStatus.DELETED, NOW + HOUR)
        with pytest.raises(AlreadyExists):
            do(create_project, IN_ACME)

    def test_one_with_resources_needs_to_be_meant(self, do: Acting) -> None:
        do(create_project, IN_ACME)
        do.keep(a_resource())
        with pytest.raises(NotEmpty):
            do(delete_project, WEB)
        assert do(read_project, WEB).status is ProjectStatus.ACTIVE

    def test_with_cascade_its_resources_go_first(self, do: Acting, clock: ManualClock) -> None:
        do(create_project, IN_ACME)
        do.keep(a_resource())
        earlier = a_resource("earlier", status=Status.DELETING)
        do.keep(earlier, a_resource("gone", status=Status.DELETED))
        clock.advance(HOUR)
        deleted = do(delete_project, WEB, cascade=True)
        assert deleted.status is ProjectStatus.DELETING
        with do.units.view() as work:
            left = list(work.resources.of(WEB))
        going = a_resource(status=Status.DELETING, updated_at=NOW + HOUR)
        assert left == [earlier, going]

    def test_resources_on_their_way_out_do_not_hold_it_back(self, do: Acting) -> None:
        do(create_project, IN_ACME)
        do.keep(a_resource(status=Status.DELETING))
        assert do(delete_project, WEB).status is ProjectStatus.DELETING

    def test_nothing_in_one_on_its_way_out_can_change(self, do: Acting) -> None:
        do.keep(a_project(status=ProjectStatus.DELETING), a_resource(status=Status.DELETING))
        with pytest.raises(InvalidTransition):
            do(update_project, WEB, UpdateProject(name="New"))

    def test_deleting_again_changes_nothing(self, do: Acting, clock: ManualClock) -> None:
        do(create_project, IN_ACME)
        do.keep(a_resource())
        deleting = do(delete_project, WEB, cascade=True)
        clock.advance(HOUR)
        assert do(delete_project, WEB) == deleting

    def test_all_roles_on_it_and_in_it_end_with_it(self, do: Acting) -> None:
        do(create_project, IN_ACME, by=ALICE)
        do.keep(a_resource("gone", status=Status.DELETED))
        do.keep(
            an_assignment(BOB, OWNER, "project web"), an_assignment(BOB, VIEWER, "resource gone")
        )
        do(delete_project, WEB)
        with do.units.view() as work:
            assert work.assignments.of(BOB) == []
        with pytest.raises(NotFound):
            do(read_project, WEB, by=BOB)

    def test_the_tombstone_can_be_read_by_who_has_standing_above(self, do: Acting) -> None:
        do(create_project, IN_ACME)
        do(delete_project, WEB)
        assert do(read_project, WEB).status is ProjectStatus.DELETED
        assert do(list_projects, PageRequest(), ProjectFilter()).items == []
