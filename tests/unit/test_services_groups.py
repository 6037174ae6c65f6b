"""Groups and who is in them: what R1.4, R1.5 and R1.8 of product.md ask of them."""

from collections.abc import Callable
from typing import Any

import pytest
from attrs import evolve

from ktrlplane.adapters.memory.clock import ManualClock
from ktrlplane.domain.access import Role
from ktrlplane.domain.errors import (
    AlreadyExists,
    Forbidden,
    LimitExceeded,
    NotFound,
    PreconditionFailed,
)
from ktrlplane.domain.groups import Group
from ktrlplane.domain.ids import GroupId
from ktrlplane.domain.paging import PageRequest, Sort
from ktrlplane.domain.services import groups
from ktrlplane.domain.services.group_members import (
    list_members,
    put_member,
    read_member,
    remove_member,
)
from ktrlplane.domain.services.groups import (
    CreateGroup,
    UpdateGroup,
    create_group,
    delete_group,
    list_groups,
    read_group,
    update_group,
)
from tests.builders import (
    BOB,
    CAROL,
    DATA_OWNER,
    EDITOR,
    HOUR,
    NOW,
    OWNER,
    VIEWER,
    a_group,
    a_member,
    an_assignment,
)
from tests.platforms import Acting
from tests.unit.acme import (
    ACME,
    DORA,
    ERIN,
    MANAGER,
    ORG,
    OTHER,
    PROJECT,
    STEWARD,
    furnished,
    picture,
)

NEVER = GroupId("grp_never")
CREW, THEIRS = a_group("Crew"), a_group("Crew", "other")


@pytest.fixture
def do(do: Acting) -> Acting:
    """With the groups Crew of acme, which Dora is in, and Crew of other."""
    furnished(do).keep(CREW, THEIRS, a_member(CREW, DORA))
    return do


def test_a_new_group_has_nobody_in_it_and_nothing(do: Acting) -> None:
    made = do(create_group, ACME, CreateGroup(name="Staff", description="Two\nlines"))
    expected = Group(
        group_id=made.group_id,
        org_id=ACME,
        name="Staff",
        description="Two\nlines",
        created_at=NOW,
        updated_at=NOW,
    )
    assert made == do(read_group, made.group_id) == expected
    assert do(list_members, made.group_id, PageRequest()).items == []


@pytest.mark.parametrize("name", ["Crew", "CREW"])
def test_a_name_is_taken_in_its_organization(do: Acting, name: str) -> None:
    with pytest.raises(AlreadyExists):
        do(create_group, ACME, CreateGroup(name=name))
    staff = do(create_group, ACME, CreateGroup(name="Staff"))
    with pytest.raises(AlreadyExists):
        do(update_group, staff.group_id, UpdateGroup(name=name))
    assert do(update_group, CREW.group_id, UpdateGroup(name="cREW")).name == "cREW"
    assert do(create_group, OTHER, CreateGroup(name="Staff"), by=CAROL).name == "Staff"


def test_an_organization_has_so_many_groups_and_no_more(
    do: Acting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(groups, "MAX_GROUPS", 2)
    do(create_group, ACME, CreateGroup(name="Staff"))
    with pytest.raises(LimitExceeded):
        do(create_group, ACME, CreateGroup(name="Third"))
    do(create_group, OTHER, CreateGroup(name="Second"), by=CAROL)


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (UpdateGroup(name="New"), {"name": "New"}),
        (UpdateGroup(description="New"), {"description": "New"}),
        (UpdateGroup(description=""), {"description": ""}),
        (UpdateGroup(name="N", description="D"), {"name": "N", "description": "D"}),
    ],
)
def test_what_is_left_out_stays_as_it_is(
    do: Acting, clock: ManualClock, command: UpdateGroup, expected: dict[str, Any]
) -> None:
    clock.advance(HOUR)
    changed = do(update_group, CREW.group_id, command)
    assert changed == evolve(CREW, updated_at=NOW + HOUR, **expected)
    assert do(read_group, CREW.group_id) == changed
    clock.advance(HOUR)
    assert do(update_group, CREW.group_id, command) == changed


def test_who_saw_something_else_may_not_change_it(do: Acting) -> None:
    with pytest.raises(PreconditionFailed):
        do(update_group, CREW.group_id, UpdateGroup(name="N"), as_seen=lambda _: False)
    with pytest.raises(PreconditionFailed):
        do(delete_group, CREW.group_id, as_seen=lambda _: False)
    do(delete_group, CREW.group_id, as_seen=lambda group: group == CREW)


READS: dict[str, Callable[..., Any]] = {
    "list": lambda do, **by: do(list_groups, ACME, PageRequest(), **by),
    "read": lambda do, **by: do(read_group, CREW.group_id, **by),
    "members": lambda do, **by: do(list_members, CREW.group_id, PageRequest(), **by),
    "member": lambda do, **by: do(read_member, CREW.group_id, DORA, **by),
}
WRITES: dict[str, Callable[..., Any]] = {
    "create": lambda do, **by: do(create_group, ACME, CreateGroup(name="New"), **by),
    "update": lambda do, **by: do(update_group, CREW.group_id, UpdateGroup(name="New"), **by),
    "delete": lambda do, **by: do(delete_group, CREW.group_id, **by),
    "put": lambda do, **by: do(put_member, CREW.group_id, ERIN, **by),
    "remove": lambda do, **by: do(remove_member, CREW.group_id, DORA, **by),
}


@pytest.mark.parametrize("act", WRITES.values(), ids=WRITES)
@pytest.mark.parametrize(
    ("held", "scope", "refusal"),
    [
        (None, ORG, NotFound),
        (DATA_OWNER, ORG, NotFound),
        (MANAGER, ORG, NotFound),
        (OWNER, PROJECT, NotFound),
        (OWNER, "organization other", NotFound),
        (OWNER, "global", NotFound),
        (VIEWER, ORG, Forbidden),
        (EDITOR, ORG, Forbidden),
        (STEWARD, ORG, None),
    ],
)
def test_changes_need_manage_access_on_the_organization(
    do: Acting,
    act: Callable[..., Any],
    held: Role | None,
    scope: str,
    refusal: type[Exception] | None,
) -> None:
    if held is not None:
        do.keep(an_assignment(BOB, held, scope))
    before = picture(do)
    if refusal is None:
        act(do, by=BOB)
        assert picture(do) != before
        return
    with pytest.raises(refusal):
        act(do, by=BOB)
    assert picture(do) == before


@pytest.mark.parametrize("act", READS.values(), ids=READS)
def test_groups_are_for_who_may_read_the_organization(do: Acting, act: Callable[..., Any]) -> None:
    do.keep(an_assignment(BOB, VIEWER, ORG), an_assignment(ERIN, OWNER, PROJECT))
    assert act(do, by=BOB)
    for stranger in (ERIN, CAROL, DORA):
        with pytest.raises(NotFound):
            act(do, by=stranger)


def test_what_is_not_there_and_what_is_elsewhere_are_told_in_the_same_words(do: Acting) -> None:
    acts: list[Callable[..., Any]] = [
        lambda group_id, **at: do(read_group, group_id, **at),
        lambda group_id, **at: do(list_members, group_id, PageRequest(), **at),
        lambda group_id, **at: do(read_member, group_id, DORA, **at),
        lambda group_id, **at: do(update_group, group_id, UpdateGroup(name="N"), **at),
        lambda group_id, **at: do(put_member, group_id, ERIN, **at),
        lambda group_id, **at: do(remove_member, group_id, DORA, **at),
        lambda group_id, **at: do(delete_group, group_id, **at),
    ]
    before = picture(do)
    wrong: list[tuple[GroupId, dict[str, Any]]] = [
        (THEIRS.group_id, {}),
        (NEVER, {}),
        (THEIRS.group_id, {"org_id": ACME}),
        (THEIRS.group_id, {"org_id": OTHER}),
        (CREW.group_id, {"org_id": OTHER}),
        (NEVER, {"org_id": ACME}),
    ]
    for act in acts:
        for group_id, at in wrong:
            with pytest.raises(NotFound) as refused:
                act(group_id, **at)
            said = refused.value.detail.replace(group_id.value, "…")
            assert said == "There is no group …, or you may not see it."
    assert picture(do) == before
    assert do(read_group, CREW.group_id, org_id=ACME) == CREW


def test_they_are_listed_as_asked_for(do: Acting) -> None:
    for name in ("Staff", "Kitchen"):
        do(create_group, ACME, CreateGroup(name=name))
    page = PageRequest(sort=Sort.NAME)
    assert [group.name for group in do(list_groups, ACME, page).items] == [
        "Crew",
        "Kitchen",
        "Staff",
    ]
    found = do(list_groups, ACME, page, text="KIT").items
    assert [group.name for group in found] == ["Kitchen"]
    assert do(list_groups, OTHER, page, by=CAROL).items == [THEIRS]
