"""What the platform's operator says in place of a tier: three of the tier few in a project,
four in an organization, ten boilings a month and, softly, five cups."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from ktrlplane.adapters.memory.clock import ManualClock
from ktrlplane.domain.access import ScopeType
from ktrlplane.domain.documents import Document
from ktrlplane.domain.errors import (
    Forbidden,
    InvalidTransition,
    LimitExceeded,
    NotFound,
    PreconditionFailed,
    ValidationFailed,
)
from ktrlplane.domain.ids import OverrideId, PrincipalId, ProjectId, ResourceId
from ktrlplane.domain.limits import HeldLimit, LimitOverride
from ktrlplane.domain.paging import PageRequest
from ktrlplane.domain.projects import ProjectStatus
from ktrlplane.domain.roles import CONTROL_PLANE_ROLES
from ktrlplane.domain.services.limit_overrides import (
    OverrideLimit,
    lift_override,
    list_overrides,
    override_limit,
    read_override,
)
from ktrlplane.domain.services.resource_limits import (
    CheckLimit,
    LimitVerdict,
    check_limit,
    read_limits,
)
from ktrlplane.domain.services.resources import (
    CreateResource,
    UpdateResource,
    create_resource,
    update_resource,
)
from tests.builders import (
    ALICE,
    BOB,
    CAROL,
    DAY,
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
)
from tests.platforms import Acting

METER = next(role for role in CONTROL_PLANE_ROLES if role.name == "service-account-meter")
KETTLE = ResourceId("kettle")


@pytest.fixture
def do(do: Acting) -> Acting:
    """Alice owns Acme with its projects web and app; Bob is Editor at global scope."""
    do.keep(an_organization(), a_project(), a_project("app"))
    do.keep(a_resource(sku="few"))
    do.keep(an_assignment(ALICE, OWNER, "organization acme"), an_assignment(BOB, EDITOR, "global"))
    return do


def override(
    do: Acting,
    maximum: int | None,
    scope: str = "project web",
    *,
    by: PrincipalId = BOB,
    **but: Any,
) -> LimitOverride:
    scope_type, scope_id = scope.split()
    known: dict[str, Any] = {
        "scope_type": ScopeType(scope_type),
        "scope_id": scope_id,
        "type": "Acme.Kettle",
        "sku": "few",
        "limit": "resources",
        "maximum": maximum,
        "reason": "As agreed.",
    }
    made: LimitOverride = do(override_limit, OverrideLimit(**known | but), by=by)
    return made


def advance(do: Acting, by: timedelta) -> None:
    clock = do.platform.clock
    assert isinstance(clock, ManualClock)
    clock.advance(by)


def fill(do: Acting, *names: str, project: str = "web") -> None:
    for name in names:
        command = CreateResource(id=ResourceId(name), name=name, type="Acme.Kettle", sku="few")
        do(create_resource, ProjectId(project), command)


def faults(raised: pytest.ExceptionInfo[ValidationFailed]) -> dict[str, str]:
    return {fault.pointer: fault.code for fault in raised.value.faults}


def test_more_is_allowed_where_it_is_overridden_and_nowhere_else(do: Acting) -> None:
    override(do, 5)
    override(do, 6, "organization acme")
    fill(do, "a", "b", "c", "d")
    with pytest.raises(LimitExceeded, match="There may be 5 of the tier few"):
        fill(do, "e")
    fill(do, "f", project="app")
    with pytest.raises(LimitExceeded, match=r"There may be 6 .* in one organization"):
        fill(do, "g", project="app")


def test_less_can_be_allowed_too_and_what_is_there_stays(do: Acting) -> None:
    override(do, 0)
    with pytest.raises(LimitExceeded, match="There may be 0"):
        fill(do, "a")
    assert do(update_resource, KETTLE, UpdateResource(settings_json={}), merge=True)


def test_no_limit_is_one_too(do: Acting) -> None:
    override(do, None)
    override(do, None, "organization acme")
    fill(do, *"abcdefgh")


def test_what_a_tier_does_not_limit_can_be_limited(do: Acting) -> None:
    override(do, 1, sku="gold")
    do.keep(a_resource("golden", sku="gold"))
    with pytest.raises(LimitExceeded) as raised:
        do(update_resource, KETTLE, UpdateResource(sku="gold"), merge=True)
    assert [(fault.pointer, fault.code) for fault in raised.value.faults] == [
        ("/sku", "limit_exceeded")
    ]


def test_everything_that_does_not_fit_is_told_at_once(do: Acting) -> None:
    do.keep(a_resource("big", sku="gold", settings_json=Document.of({"litres": 50})))
    override(do, 0, sku="free")
    override(do, 0, "organization acme", sku="free")
    with pytest.raises(ValidationFailed) as raised:
        do(update_resource, ResourceId("big"), UpdateResource(sku="free"), merge=True)
    assert [(fault.pointer, fault.code) for fault in raised.value.faults] == [
        ("/settings_json/litres", "maximum"),
        ("/sku", "limit_exceeded"),
        ("/sku", "limit_exceeded"),
    ]


def test_the_newest_holds_until_it_expires_or_is_lifted(do: Acting) -> None:
    first = override(do, 0)
    second = override(do, 2, expires_at=NOW + DAY)
    fill(do, "a")
    with pytest.raises(LimitExceeded, match="There may be 2"):
        fill(do, "b")
    advance(do, DAY)
    fill(do, "b")
    with pytest.raises(LimitExceeded, match="There may be 3"):
        fill(do, "c")
    third = override(do, 4)
    fill(do, "c")
    lifted = do(lift_override, third.override_id, by=BOB)
    assert (lifted.ended_by, lifted.ended_at) == (BOB, do.platform.now())
    with pytest.raises(LimitExceeded, match="There may be 3"):
        fill(do, "d")
    page = do(list_overrides, PageRequest(), by=BOB)
    assert [one.override_id for one in page.items] == [
        one.override_id for one in (third, second, first)
    ]
    assert [one.ended_at for one in page.items] == [NOW + DAY, NOW + DAY, NOW]


def test_lifting_again_changes_nothing(do: Acting) -> None:
    made = override(do, 5)
    first = do(lift_override, made.override_id, by=BOB)
    advance(do, HOUR)
    assert do(lift_override, made.override_id, by=BOB) == first
    with pytest.raises(PreconditionFailed):
        do(lift_override, made.override_id, as_seen=lambda one: one == made, by=BOB)


def test_only_the_operator_overrides(do: Acting) -> None:
    """Not even the owner of what it is about: they pay for what the tier allows."""
    made = override(do, 1)
    do.keep(an_assignment(CAROL, VIEWER, "global"))
    for actor, refusal in ((ALICE, NotFound), (CAROL, Forbidden)):
        with pytest.raises(refusal):
            override(do, 100, by=actor)
        with pytest.raises(refusal):
            do(lift_override, made.override_id, by=actor)
    with pytest.raises(NotFound):
        do(list_overrides, PageRequest(), by=ALICE)
    with pytest.raises(NotFound):
        do(read_override, made.override_id, by=ALICE)
    assert do(read_override, made.override_id, by=CAROL) == made


def test_the_command_line_asks_nobody(do: Acting) -> None:
    command = OverrideLimit(
        scope_type=ScopeType.PROJECT,
        scope_id="web",
        type="Acme.Pot",
        sku="few",
        limit="resources",
        maximum=9,
        reason="R",
    )
    made = do.alone(override_limit, command, actor=None)
    assert (made.created_by, made.type) == (None, "Acme.Kettle")
    page = do.alone(list_overrides, PageRequest(), holding=True, actor=None)
    assert page.items == [made]


def test_every_fault_is_told_at_once(do: Acting) -> None:
    with pytest.raises(ValidationFailed) as raised:
        override(do, 1, "project none", type="Acme.Mug", expires_at=NOW)
    assert faults(raised) == {
        "/scope_id": "unknown_scope",
        "/type": "unknown_type",
        "/expires_at": "in_the_past",
    }


@pytest.mark.parametrize(
    ("scope", "but", "told"),
    [
        ("global *", {}, {"/scope_type": "global_scope"}),
        ("project Web", {}, {"/scope_id": "pattern"}),
        ("project web", {"sku": "huge"}, {"/sku": "unknown_sku"}),
        ("project web", {"limit": "watts"}, {"/limit": "unknown_limit"}),
        ("resource kettle", {}, {"/limit": "unknown_limit"}),
        ("project web", {"expires_at": datetime(2030, 1, 1)}, {"/expires_at": "time"}),  # noqa: DTZ001
    ],
)
def test_what_cannot_be_overridden_is_told(
    do: Acting, scope: str, but: dict[str, Any], told: dict[str, str]
) -> None:
    with pytest.raises(ValidationFailed) as raised:
        override(do, 1, scope, **but)
    assert faults(raised) == told


@pytest.mark.parametrize("but", [{"maximum": -1}, {"maximum": 2**53}, {"reason": "\n "}])
def test_a_maximum_is_a_number_and_a_reason_says_something(but: dict[str, Any]) -> None:
    known: dict[str, Any] = {
        "scope_type": ScopeType.PROJECT,
        "scope_id": "web",
        "type": "T",
        "sku": "s",
        "limit": "resources",
        "maximum": 1,
        "reason": "R",
    }
    with pytest.raises(ValueError, match=r"A maximum is|Say why"):
        OverrideLimit(**known | but)


def test_nothing_is_overridden_on_what_goes(do: Acting) -> None:
    do.keep(a_project("gone", status=ProjectStatus.DELETING))
    with pytest.raises(InvalidTransition):
        override(do, 1, "project gone")


# -- what one resource may use ------------------------------------------------------------------


def limits(do: Acting, actor: PrincipalId = ALICE) -> dict[tuple[str, str], HeldLimit]:
    found = do(read_limits, KETTLE, by=actor)
    return {(one.limit, str(one.scope)): one for one in found.limits}


def test_the_limits_of_a_resource_are_those_of_its_tier(do: Acting) -> None:
    do.keep(a_resource("other", "app", sku="few"), a_resource("gold", sku="gold"))
    found = limits(do)
    assert {
        key: (one.maximum, one.usage, one.remaining, one.window, str(one.enforcement))
        for key, one in found.items()
    } == {
        ("resources", "project web"): (3, 1, 2, "none", "hard"),
        ("resources", "organization acme"): (4, 2, 2, "none", "hard"),
        ("boilings", "resource kettle"): (10, None, 10, "month", "hard"),
        ("cups", "resource kettle"): (5, None, 5, "none", "soft"),
    }
    assert not any(one.is_overridden for one in found.values())
    assert do(read_limits, KETTLE).features == ("Few of them",)


def test_the_nearest_override_holds(do: Acting) -> None:
    for maximum, scope in (
        (20, "organization acme"),
        (30, "project web"),
        (40, "resource kettle"),
    ):
        override(do, maximum, scope, limit="boilings")
        found = limits(do)["boilings", "resource kettle"]
        assert (found.maximum, found.is_overridden) == (maximum, True)
    override(do, 50, "organization acme", limit="boilings")
    assert limits(do)["boilings", "resource kettle"].maximum == 40
    override(do, 0)
    full = limits(do)["resources", "project web"]
    assert (full.maximum, full.usage, full.remaining, full.is_overridden) == (0, 1, 0, True)


def test_who_sees_the_resource_alone_is_not_told_what_else_there_is(do: Acting) -> None:
    do.keep(an_assignment(CAROL, VIEWER, "resource kettle"))
    assert {limit for limit, _ in limits(do, CAROL)} == {"boilings", "cups"}
    do.keep(an_assignment(CAROL, VIEWER, "project web"))
    assert ("resources", "project web") in limits(do, CAROL)
    assert ("resources", "organization acme") not in limits(do, CAROL)


def test_who_reports_usage_anywhere_may_ask(do: Acting) -> None:
    with pytest.raises(NotFound):
        do(read_limits, KETTLE, by=ROBOT)
    do.keep(an_assignment(ROBOT, METER, "global"))
    assert {limit for limit, _ in limits(do, ROBOT)} == {"boilings", "cups"}
    with pytest.raises(NotFound):
        do(read_limits, KETTLE, project_id=ProjectId("app"), by=ROBOT)


def test_what_the_catalog_no_longer_has_is_unlimited(do: Acting) -> None:
    do.keep(a_resource("old", type="Acme.Samovar", sku="few"))
    found = do(read_limits, ResourceId("old"))
    assert (found.limits, found.features) == ((), ())


@pytest.mark.parametrize(
    ("meter", "quantity", "verdict"),
    [
        ("boilings", 10, (True, 10, 10, "hard")),
        ("boilings", 11, (False, 10, 10, "hard")),
        ("cups", 6, (True, 5, 5, "soft")),
        ("watts", 10**9, (True, None, None, None)),
    ],
)
def test_a_hard_limit_refuses_and_a_soft_one_does_not(
    do: Acting, meter: str, quantity: int, verdict: tuple[Any, ...]
) -> None:
    found: LimitVerdict = do(check_limit, KETTLE, CheckLimit(meter=meter, quantity=quantity))
    told = (found.allowed, found.remaining, found.limit, found.enforcement)
    assert told == verdict


def test_checks_heed_overrides(do: Acting) -> None:
    override(do, None, "organization acme", limit="boilings")
    found = do(check_limit, KETTLE, CheckLimit(meter="boilings", quantity=10**9))
    assert found == LimitVerdict(allowed=True)


def test_a_meter_that_there_is_not_is_told(do: Acting) -> None:
    with pytest.raises(ValidationFailed, match="it has boilings, cups, watts"):
        do(check_limit, KETTLE, CheckLimit(meter="resources", quantity=1))
    with pytest.raises(ValueError, match="A quantity is 0 to"):
        CheckLimit(meter="cups", quantity=-1)


def test_usage_that_is_known_counts() -> None:
    known: dict[str, Any] = {
        "limit": "cups",
        "display_name": "Cups",
        "unit": "cup",
        "scope": None,
        "maximum": 5,
        "window": "none",
        "enforcement": "hard",
        "usage": 4,
    }
    held = HeldLimit(**known)
    assert (held.remaining, held.allows(1), held.allows(2)) == (1, True, False)
    assert HeldLimit(**known | {"usage": 9}).remaining == 0


def test_ids_of_overrides_say_what_they_are() -> None:
    assert OverrideId.new(NOW).value.startswith("ovr_")
