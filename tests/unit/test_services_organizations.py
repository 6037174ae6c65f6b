import pytest
from attrs import evolve

from ktrlplane.adapters.memory.clock import ManualClock
from ktrlplane.domain.access import Role
from ktrlplane.domain.errors import (
    AlreadyExists,
    Forbidden,
    NotEmpty,
    NotFound,
    PreconditionFailed,
    ValidationFailed,
)
from ktrlplane.domain.ids import OrganizationId, PrincipalId, ProjectId, ResourceId
from ktrlplane.domain.lifecycle import Status
from ktrlplane.domain.organizations import Organization, PurchasePolicy
from ktrlplane.domain.paging import PageRequest
from ktrlplane.domain.projects import ProjectStatus
from ktrlplane.domain.services.access import held_permissions
from ktrlplane.domain.services.organizations import (
    CreateOrganization,
    UpdateOrganization,
    create_organization,
    delete_organization,
    list_organizations,
    read_organization,
    update_organization,
)
from tests.builders import (
    ALICE,
    BOB,
    DATA_OWNER,
    EDITOR,
    HOUR,
    NOW,
    OWNER,
    ROBOT,
    VIEWER,
    a_project,
    a_resource,
    a_user,
    an_assignment,
    an_organization,
    on,
)
from tests.platforms import Acting

ACME = OrganizationId("acme")
CREATE = CreateOrganization(id=ACME, name="Acme")


def roles_of(do: Acting, who: PrincipalId, scope: str = "organization acme") -> set[str]:
    with do.units.view() as work:
        held = [one for one in work.assignments.of(who) if one.scope == on(scope)]
        return {work.assignments.get(one.assignment_id).role.name for one in held}


def test_its_creator_becomes_owner_and_data_owner(do: Acting) -> None:
    created = do(create_organization, CREATE)
    assert created == an_organization()
    assert roles_of(do, ALICE) == {"Owner", "Data Owner"}
    held = do(held_permissions, on("organization acme"))
    assert set(held.permissions) == {*OWNER.permissions, *DATA_OWNER.permissions}


def test_nobody_else_can_see_it(do: Acting) -> None:
    do(create_organization, CREATE)
    with pytest.raises(NotFound):
        do(read_organization, ACME, by=BOB)
    assert do(list_organizations, PageRequest(), by=BOB).items == []
    assert list(do(list_organizations, PageRequest()).items) == [an_organization()]


def test_without_an_id_one_is_made_of_the_name(do: Acting) -> None:
    made = [do(create_organization, CreateOrganization(name="Ünited Foo & Söns")) for _ in "ab"]
    assert all(one.org_id.value.startswith("nited-foo-s-ns-") for one in made)
    assert made[0].org_id != made[1].org_id


@pytest.mark.parametrize("reserved", ["default", "kube-system", "konnektr-x", "acme-internal-1"])
def test_reserved_ids_are_refused(do: Acting, reserved: str) -> None:
    command = CreateOrganization(id=OrganizationId(reserved), name="Acme")
    with pytest.raises(ValidationFailed) as refused:
        do(create_organization, command)
    assert [(fault.pointer, fault.code) for fault in refused.value.faults] == [("/id", "reserved")]


def test_an_id_that_is_taken_is_refused_even_to_who_cannot_see_it(do: Acting) -> None:
    do(create_organization, CREATE)
    with pytest.raises(AlreadyExists):
        do(create_organization, CREATE, by=BOB)
    assert roles_of(do, BOB) == set()


def test_a_service_account_cannot_own_one(do: Acting) -> None:
    with pytest.raises(Forbidden):
        do(create_organization, CREATE, by=ROBOT)
    machine = PrincipalId("no-usual-name")
    do.keep(a_user(machine, is_service_account=True))
    with pytest.raises(Forbidden):
        do(create_organization, CREATE, by=machine)


@pytest.mark.parametrize(
    ("role", "refusal"),
    [(None, NotFound), (DATA_OWNER, NotFound), (VIEWER, Forbidden)],
    ids=["stranger", "data owner", "viewer"],
)
def test_who_may_not_is_told_no_more_than_they_may_know(
    do: Acting, role: Role | None, refusal: type[Exception]
) -> None:
    do(create_organization, CREATE)
    if role is not None:
        do.keep(an_assignment(BOB, role, "organization acme"))
    with pytest.raises(refusal):
        do(update_organization, ACME, UpdateOrganization(name="New"), by=BOB)
    with pytest.raises(refusal):
        do(delete_organization, ACME, by=BOB)
    assert do(read_organization, ACME) == an_organization()


def test_the_refusal_is_the_same_sentence_whether_it_is_there_or_not(do: Acting) -> None:
    do(create_organization, CREATE)
    told = []
    for org_id in (ACME, OrganizationId("nowhere")):
        with pytest.raises(NotFound) as refused:
            do(read_organization, org_id, by=BOB)
        told.append(refused.value.detail.replace(org_id.value, "..."))
    assert told[0] == told[1]


def test_an_editor_may_rename_it_and_not_delete_it(do: Acting, clock: ManualClock) -> None:
    do(create_organization, CREATE)
    do.keep(an_assignment(BOB, EDITOR, "organization acme"))
    clock.advance(HOUR)
    changed = do(update_organization, ACME, UpdateOrganization(name="New"), by=BOB)
    assert changed == an_organization(name="New", updated_at=NOW + HOUR)
    assert do(read_organization, ACME) == changed
    with pytest.raises(Forbidden):
        do(delete_organization, ACME, by=BOB)


def test_who_may_spend_its_money_is_for_who_manages_billing(do: Acting) -> None:
    do(create_organization, CREATE)
    do.keep(an_assignment(BOB, EDITOR, "organization acme"))
    command = UpdateOrganization(purchase_policy=PurchasePolicy.PROJECT_OWNERS)
    with pytest.raises(Forbidden):
        do(update_organization, ACME, command, by=BOB)
    changed = do(update_organization, ACME, command)
    assert changed.purchase_policy is PurchasePolicy.PROJECT_OWNERS
    assert changed.name == "Acme"
    same = UpdateOrganization(purchase_policy=PurchasePolicy.PROJECT_OWNERS, name="Same")
    assert do(update_organization, ACME, same, by=BOB).name == "Same"


def test_a_change_that_changes_nothing_leaves_the_time_of_the_last_one(
    do: Acting, clock: ManualClock
) -> None:
    do(create_organization, CREATE)
    clock.advance(HOUR)
    assert do(update_organization, ACME, UpdateOrganization(name="Acme")) == an_organization()
    assert do(update_organization, ACME, UpdateOrganization()) == an_organization()


def test_who_saw_something_else_may_not_change_it(do: Acting) -> None:
    do(create_organization, CREATE)

    def outdated(organization: Organization) -> bool:
        return organization.name != "Acme"

    with pytest.raises(PreconditionFailed):
        do(update_organization, ACME, UpdateOrganization(name="New"), as_seen=outdated)
    with pytest.raises(PreconditionFailed):
        do(delete_organization, ACME, as_seen=outdated)
    assert do(read_organization, ACME) == an_organization()


def test_deleting_one_with_projects_needs_to_be_meant(do: Acting) -> None:
    do(create_organization, CREATE)
    do.keep(a_project())
    with pytest.raises(NotEmpty):
        do(delete_organization, ACME)
    assert do(read_organization, ACME) == an_organization()


def test_projects_on_their_way_out_do_not_hold_it_back(do: Acting) -> None:
    do(create_organization, CREATE)
    do.keep(a_project(status=ProjectStatus.DELETING), a_resource(status=Status.DELETING))
    do.keep(a_project("app", status=ProjectStatus.DELETED))
    do(delete_organization, ACME)
    with pytest.raises(NotFound):
        do(read_organization, ACME)


def test_a_deleted_one_is_gone_for_everybody_and_its_id_is_never_used_again(do: Acting) -> None:
    do(create_organization, CREATE)
    do(delete_organization, ACME)
    with pytest.raises(NotFound):
        do(read_organization, ACME)
    with pytest.raises(NotFound):
        do(delete_organization, ACME)
    assert do(list_organizations, PageRequest()).items == []
    with pytest.raises(AlreadyExists):
        do(create_organization, CREATE)


def test_with_cascade_everything_in_it_follows_through_its_own_life_cycle(
    do: Acting, clock: ManualClock
) -> None:
    do(create_organization, CREATE)
    do.keep(a_project(), a_project("empty"), a_resource())
    do.keep(an_assignment(BOB, OWNER, "project web"), an_assignment(BOB, OWNER, "resource kettle"))
    clock.advance(HOUR)
    do(delete_organization, ACME, cascade=True)
    with do.units.view() as work:
        web, empty = (work.projects.get(ProjectId(i)) for i in ("web", "empty"))
        kettle = work.resources.get(ResourceId("kettle"))
        assert work.assignments.of(None) == []
    assert web == a_project(status=ProjectStatus.DELETING, updated_at=NOW + HOUR)
    assert empty.status is ProjectStatus.DELETED
    assert kettle == evolve(a_resource(), status=Status.DELETING, updated_at=NOW + HOUR)
