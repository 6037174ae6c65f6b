"""Many rows go to the database in few statements, and come back as they were."""

from collections.abc import Iterator

import psycopg
import pytest

from ktrlplane.adapters.postgres.migrate import Migrations
from ktrlplane.adapters.postgres.pool import open_pool
from ktrlplane.adapters.postgres.session import AT_ONCE
from ktrlplane.adapters.postgres.unit_of_work import PostgresUnitsOfWork
from ktrlplane.domain.ids import ProjectId
from ktrlplane.domain.lifecycle import Status
from ktrlplane.domain.services.projects import begin_project_deletion
from ktrlplane.ports.unit_of_work import UnitsOfWork
from tests.builders import a_project, a_resource, an_organization, keep, people
from tests.platforms import a_platform

pytestmark = pytest.mark.postgres

COUNT_STATEMENTS = """
    CREATE TABLE public.statements (about text);
    CREATE FUNCTION public.count_statement() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO public.statements VALUES (TG_TABLE_NAME);
        RETURN NULL;
    END
    $$;
    CREATE TRIGGER count_them AFTER INSERT OR UPDATE ON ktrlplane.resource_transitions
        FOR EACH STATEMENT EXECUTE FUNCTION public.count_statement();
    CREATE TRIGGER count_them AFTER UPDATE ON ktrlplane.resources
        FOR EACH STATEMENT EXECUTE FUNCTION public.count_statement();
"""


@pytest.fixture
def units(fresh_database: str) -> Iterator[UnitsOfWork]:
    Migrations(fresh_database).apply()
    with open_pool(fresh_database, max_size=1) as pool:
        units = people(PostgresUnitsOfWork(pool))
        keep(units, an_organization(), a_project())
        yield units


def test_a_project_with_many_resources_is_deleted_in_few_statements(
    units: UnitsOfWork, fresh_database: str
) -> None:
    keep(units, *(a_resource(f"r-{number}") for number in range(AT_ONCE + 1)))
    with psycopg.connect(fresh_database, autocommit=True) as connection:
        connection.execute(COUNT_STATEMENTS)
        with units.begin() as work:
            project = work.projects.get(ProjectId("web"))
            begin_project_deletion(work, project, actor=None, platform=a_platform())
        counted = dict(
            connection.execute("SELECT about, count(*) FROM public.statements GROUP BY 1")
        )
    # One more is the project's own, which would take its resources along.
    assert counted == {"resource_transitions": 2, "resources": 3}
    with units.view() as work:
        assert {one.status for one in work.resources.of(ProjectId("web"))} == {Status.DELETING}
