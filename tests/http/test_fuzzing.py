"""The API against its own document, with input made up from it."""

from typing import Any, Final

import schemathesis
from attrs import frozen
from hypothesis import HealthCheck, Phase, settings
from schemathesis import checks
from schemathesis.config import SchemathesisConfig

from ktrlplane.adapters.catalog_files import default_catalog, load_catalog
from ktrlplane.adapters.json_schema import JsonSchemaValidator
from ktrlplane.adapters.memory.tables import Tables
from ktrlplane.adapters.memory.unit_of_work import MemoryUnitsOfWork
from tests.http.world import a_world, client_of, edge_of

IS_THERE: Final = {
    "org_id": "acme",
    "project_id": "plant",
    "resource_id": "one",
    "role_id": "Owner",
    "type": "Konnektr.Graph",
}
SCOPES: Final = ("/organizations/{org_id}", "/projects/{project_id}", "/resources/{resource_id}")
PROMISES: Final = [
    checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
    checks.negative_data_rejection,
    checks.unsupported_method,
    checks.allow_header_conformance,
]
Case = schemathesis.Case[Any]
bounded = settings(
    max_examples=8,
    derandomize=True,
    database=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)


@frozen
class Target:
    """A world with things in it, which every request finds as they were."""

    app: Any
    units: MemoryUnitsOfWork
    token: str | None
    held: dict[str, str]
    """By scope, the id of an assignment on it."""
    tables: Tables

    @classmethod
    def made(cls) -> "Target":
        catalog = load_catalog(default_catalog(), JsonSchemaValidator())
        units = MemoryUnitsOfWork()
        world = a_world(units, catalog)
        ada, grace = world.person("ada"), world.person("grace")
        grace.sees("/users/me")
        ada.makes("/organizations", {"id": "acme", "name": "Acme"})
        ada.makes("/projects", {"id": "plant", "name": "Plant", "org_id": "acme"})
        ada.makes("/projects/plant/resources", world.wish("one"))
        body = {"user_id": grace.principal, "role_id": "Viewer"}
        held = {
            scope: ada.makes(f"{scope.format(**IS_THERE)}/rbac", body)["assignment_id"]
            for scope in SCOPES
        }
        world.pays("organization acme")
        edge = edge_of(units, world.platform, world.tokens, transact=world.transact)
        client = client_of(edge, local_keys=lambda: {"keys": []})
        return cls(client.app, units, ada.token, held, units._committed)

    def schema(self, mode: str, *, covered: bool) -> Any:
        """``covered`` is whether each constraint is tried in turn, beside what comes up."""
        config = SchemathesisConfig.from_dict(
            {
                "generation": {"mode": mode, "deterministic": True, "database": "none"},
                "phases": {"coverage": {"enabled": covered}},
                "seed": 1,
            }
        )
        return schemathesis.openapi.from_wsgi("/openapi.json", self.app, config=config)

    def check(self, case: Case) -> None:
        self.units._committed = self.tables
        response = case.call(headers={"Authorization": f"Bearer {self.token}"})
        case.validate_response(response, checks=PROMISES)

    def aim(self, case: Case) -> None:
        """At what is there."""
        scope = case.path.removeprefix("/api/v1").partition("/rbac")[0]
        there = {**IS_THERE, "assignment_id": self.held.get(scope)}
        for name in case.path_parameters:
            case.path_parameters[name] = there.get(name) or case.path_parameters[name]


TARGET: Final = Target.made()
ANYTHING: Final = TARGET.schema("all", covered=True)
LAWFUL: Final = TARGET.schema("positive", covered=False)


@bounded
@ANYTHING.parametrize()
def test_whatever_is_sent_is_answered_as_the_document_says(case: Case) -> None:
    TARGET.check(case)


@bounded
@LAWFUL.parametrize()
def test_whatever_is_asked_of_what_is_there_is_answered_as_the_document_says(
    case: Case,
) -> None:
    TARGET.aim(case)
    TARGET.check(case)
