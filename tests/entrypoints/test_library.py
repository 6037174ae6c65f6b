import re
import runpy
from datetime import timedelta
from pathlib import Path

import pytest

from ktrlplane.adapters.memory.clock import ManualClock
from ktrlplane.adapters.memory.tokens import MemoryTokens
from ktrlplane.adapters.memory.unit_of_work import MemoryUnitsOfWork
from ktrlplane.domain.access import Scope
from ktrlplane.domain.errors import (
    Forbidden,
    LimitExceeded,
    NotFound,
    Unauthenticated,
    ValidationFailed,
)
from ktrlplane.domain.ids import OrganizationId, PrincipalId, ProjectId
from ktrlplane.domain.lifecycle import Status
from ktrlplane.domain.organizations import PurchasePolicy
from ktrlplane.domain.paging import PageRequest
from ktrlplane.entrypoints.library import ControlPlane
from ktrlplane.entrypoints.places import scope_of
from ktrlplane.entrypoints.session import Session
from ktrlplane.entrypoints.session_access import question
from ktrlplane.ports.database import DatabaseUnavailable
from ktrlplane.ports.identity import Claims
from tests.builders import NOW

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def control() -> ControlPlane:
    return ControlPlane.in_memory()


@pytest.fixture
def ada(control: ControlPlane) -> Session:
    session = control.sign_in("ada", email="ada@example.com", name="Ada")
    session.create_organization(id="acme", name="Acme")
    session.create_project(id="atlas", name="Atlas", org_id="acme")
    session.create_resource(
        "atlas", id="g", name="Graph", type="Konnektr.Graph", sku="free", preset="development"
    )
    return session


def test_signing_in_tells_who_one_is(ada: Session) -> None:
    me = ada.me()
    assert (me.user.email, me.user.name) == ("ada@example.com", "Ada")
    assert (me.organization_count, me.project_count, me.resource_count) == (1, 1, 1)


def test_a_machine_signs_in_without_a_verified_address(control: ControlPlane) -> None:
    robot = control.sign_in("robot@clients", email="robot@example.com")
    assert robot.user.is_service_account
    assert not robot.user.email_verified


def test_organizations_are_read_listed_changed_and_deleted(ada: Session) -> None:
    assert ada.organization("acme").name == "Acme"
    assert ada.organizations(text="cm").items == [ada.organization(OrganizationId("acme"))]
    changed = ada.update_organization(
        "acme", name="Acme Ltd", purchase_policy=PurchasePolicy.PROJECT_OWNERS
    )
    assert (changed.name, changed.purchase_policy) == ("Acme Ltd", PurchasePolicy.PROJECT_OWNERS)
    ada.delete_organization("acme", cascade=True)
    with pytest.raises(NotFound):
        ada.organization("acme")


def test_projects_are_read_listed_changed_moved_and_deleted(ada: Session) -> None:
    ada.create_organization(id="other", name="Other")
    assert ada.projects(org_id="acme").items == [ada.project("atlas")]
    assert ada.update_project("atlas", name="Atlas 2").name == "Atlas 2"
    assert ada.move_project(ProjectId("atlas"), org_id="other").org_id == OrganizationId("other")
    assert not ada.projects(org_id="acme").items
    ada.delete_project("atlas", cascade=True)
    assert ada.resource("g").status is Status.DELETING


def test_resources_are_read_listed_changed_and_deleted(ada: Session) -> None:
    assert ada.resources(project_id="atlas", type="Konnektr.Graph").items == [ada.resource("g")]
    changed = ada.update_resource("g", name="Factory", settings={"cpu": "500m"})
    assert changed.settings_json.value["cpu"] == "500m"
    assert changed.generation == 2
    replaced = ada.update_resource("g", settings={}, merge=False)
    assert replaced.settings_json.value["cpu"] != "500m"
    assert ada.delete_resource("g").status is Status.DELETING
    assert ada.resources(PageRequest(include_total=True), status=Status.DELETING).total == 1


def test_roles_are_granted_changed_and_revoked(control: ControlPlane, ada: Session) -> None:
    bob = control.sign_in("bob", email="bob@example.com")
    view = ada.grant("Viewer", email="BOB@example.com", on="project:atlas")
    assert bob.project("atlas")
    assert [held.user.user_id for held in ada.assignments("project:atlas").items].count(
        PrincipalId("bob")
    ) == 1
    later = control.platform.now() + timedelta(days=1)
    changed = ada.change_assignment(
        view.assignment.assignment_id, on="project:atlas", expires_at=later
    )
    assert changed.assignment.expires_at == later
    ada.revoke(view.assignment.assignment_id.value, on="project:atlas")
    with pytest.raises(NotFound):
        bob.project("atlas")


def test_checks_answer_for_oneself_and_for_others_where_allowed(
    control: ControlPlane, ada: Session
) -> None:
    assert ada.check("Konnektr.Graph:models/read", on=ada.resource("g"))
    assert not control.sign_in("bob").check("read", on=ada.resource("g"))
    verdicts = ada.check_all(
        [question("read", on="resource:g", explain=True), question("report_usage", on="global")]
    )
    assert [verdict.allowed for verdict in verdicts] == [True, False]
    assert {grant.scope for grant in verdicts[0].via} == {
        Scope.parse("organization", "acme"),
        Scope.parse("project", "atlas"),
    }
    robot = control.sign_in("robot@clients")
    with pytest.raises(Forbidden):
        robot.check("read", on="resource:g", user="ada")
    control.grant("service-account-permission-checker", to="robot@clients", on="global")
    assert robot.check("read", on="resource:g", user="ada")
    assert [held.role_id.value for held in control.grants("robot@clients")] == [
        "service-account-permission-checker"
    ]
    control.revoke("service-account-permission-checker", of="robot@clients", on="global")
    assert not control.grants("robot@clients")


def test_an_address_that_is_none_is_not_blamed_on_a_setting() -> None:
    with pytest.raises(DatabaseUnavailable) as refusal, ControlPlane.postgres("garbage"):
        pytest.fail("opened")
    assert str(refusal.value).startswith("The url cannot be read: ")


def test_roles_and_permissions_can_be_looked_up(ada: Session) -> None:
    assert ada.role("Owner") in ada.roles()
    assert "models/read" in {entry.action for entry in ada.known_permissions()}


def test_people_are_found_by_those_who_share_something(
    control: ControlPlane, ada: Session
) -> None:
    control.sign_in("bob", name="Bob Builder", email="bob@example.com")
    assert not ada.search_users("build")
    ada.grant("Viewer", to="bob", on="organization:acme")
    assert [user.name for user in ada.search_users("build")] == ["Bob Builder"]


@pytest.mark.parametrize(
    "place", ["", "project", "project:Not A Label", "planet:earth", "global:acme"]
)
def test_a_place_that_cannot_be_one_is_a_value_error(place: str) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        scope_of(place)


def test_a_place_is_said_in_many_ways(ada: Session) -> None:
    project, scope = ada.project("atlas"), Scope.parse("project", "atlas")
    said = (project, project.project_id, "project:atlas", scope)
    assert {scope_of(place) for place in said} == {scope}
    assert scope_of(ada.organization("acme")) == scope_of("organization:acme")
    assert scope_of(ada.resource("g")) == scope_of("resource:g")


def test_an_id_that_cannot_be_one_is_a_value_error(ada: Session) -> None:
    with pytest.raises(ValueError, match=r"1 to 63"):
        ada.project("Not A Label")


def test_reserved_ids_can_be_added_to() -> None:
    ada = ControlPlane.in_memory(reserved_ids=("acme*",)).sign_in("ada")
    with pytest.raises(ValidationFailed):
        ada.create_organization(id="acme-two", name="Acme")


def test_every_adapter_can_be_another() -> None:
    clock, units = ManualClock(NOW), MemoryUnitsOfWork()
    tokens = MemoryTokens(clock)
    control = ControlPlane(units=units, clock=clock, tokens=tokens)
    assert control.platform.clock is clock
    assert control.transact.units is units
    token = tokens.issue(
        Claims(
            principal_id=PrincipalId("ada"),
            email=None,
            email_verified=False,
            name="Ada",
            is_service_account=False,
            issued_at=NOW,
            expires_at=NOW + timedelta(hours=1),
        )
    )
    assert control.authenticate(token).user.name == "Ada"
    clock.advance(timedelta(hours=2))
    with pytest.raises(Unauthenticated):
        control.authenticate(token)


@pytest.mark.postgres
def test_the_same_works_on_postgresql(fresh_database: str) -> None:
    with (
        pytest.raises(ValueError, match="migrate=True"),
        ControlPlane.postgres(fresh_database),
    ):
        pass
    with ControlPlane.postgres(fresh_database, migrate=True) as control:
        ada = control.sign_in("ada")
        ada.create_project(id="atlas", name="Atlas")
    with ControlPlane.postgres(fresh_database, clock=ManualClock(NOW)) as control:
        assert control.platform.now() == NOW
        assert control.sign_in("ada").project("atlas").name == "Atlas"


def test_the_example_runs(capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(REPOSITORY / "examples" / "embedding.py"), run_name="__main__")
    assert "Our own validator: One instance is enough for everybody." in capsys.readouterr().out


def test_the_programs_of_the_page_run() -> None:
    page = (REPOSITORY / "docs" / "embedding.md").read_text()
    first, _, groups, *_ = re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL)
    exec(compile(first + groups, "docs/embedding.md", "exec"), {})


def test_a_resource_lives_as_it_does_over_http(control: ControlPlane, ada: Session) -> None:
    control.grant("service-account-reconciler", to="robot@clients", on="global")
    robot = control.sign_in("robot@clients")
    reported = robot.report_status(
        "g", "Healthy", observed_generation=1, access_url="https://g.example.com"
    )
    assert reported.status is Status.RUNNING
    assert ada.suspend_resource("g").status is Status.SUSPENDED
    assert ada.resume_resource("g").status is Status.UPDATING
    robot.report_status("g", "Degraded", observed_generation=3, message="Disk full")
    assert ada.retry_resource("g").generation == 4
    found = [one.to_status for one in ada.history("g").items]
    assert found == [
        Status.UPDATING,
        Status.DEGRADED,
        Status.UPDATING,
        Status.SUSPENDED,
        Status.RUNNING,
        Status.CREATING,
    ]


def test_configurations_go_from_one_resource_to_another(ada: Session) -> None:
    ada.update_resource("g", settings={"cpu": "500m"})
    ada.create_resource(
        "atlas", id="h", name="H", type="Konnektr.Graph", sku=ada.resource("g").sku
    )
    changed = ada.import_configuration("h", ada.export_configuration("g"))
    assert (changed.name, changed.settings_json) == ("H", ada.resource("g").settings_json)


def test_limits_are_told_and_overridden(control: ControlPlane, ada: Session) -> None:
    sku = ada.resource("g").sku
    made = control.override_limit(
        "resources", 1, on="project:atlas", type="Konnektr.Graph", sku=sku, reason="A trial."
    )
    limits = {(one.limit, str(one.scope)): one for one in ada.limits("g").limits}
    assert limits["resources", "project atlas"].remaining == 0
    with pytest.raises(LimitExceeded):
        ada.create_resource("atlas", name="H", type="Konnektr.Graph", sku=sku)
    control.lift_override(made.override_id)
    assert ada.create_resource("atlas", name="H", type="Konnektr.Graph", sku=sku)
    (metered, *_) = (one for one in ada.limits("g").limits if one.limit != "resources")
    assert metered.maximum is not None
    verdict = ada.check_limit("g", metered.limit, metered.maximum)
    assert (verdict.allowed, verdict.limit) == (True, metered.maximum)


def test_what_happened_is_read_exported_and_kept(control: ControlPlane, ada: Session) -> None:
    log = ada.events("organization:acme", types=["resource.*", "project.created"])
    told = [entry.event.type for entry in log.items]
    assert told == ["resource.created", "project.created"]
    assert ada.event(log.items[0].event.event_id) == log.items[0]
    assert ada.events("resource:g").items == ada.events("organization:acme", resource="g").items
    lines = list(ada.export_events("organization:acme"))
    assert lines[-1] == log.items[0].text
    assert list(ada.export_events("organization:acme", after=len(lines) - 1)) == lines[-1:]
    assert ada.set_audit_retention("acme", days=90) == ada.audit_retention("acme")
    bob = control.sign_in("bob")
    with pytest.raises(NotFound):
        bob.events("organization:acme")
    with pytest.raises(NotFound):
        next(bob.export_events("organization:acme"))
    with pytest.raises(ValidationFailed, match="names no type"):
        ada.events("organization:acme", types=["Resource"])
