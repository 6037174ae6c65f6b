from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from psycopg.sql import SQL

from ktrlplane.adapters.postgres.lists import composed, count_of, page_of, searched, shape_of, span
from ktrlplane.adapters.postgres.project_lists import COLUMNS, count_query, page_query
from ktrlplane.adapters.postgres.refusals import taken
from ktrlplane.adapters.postgres.session import Session
from ktrlplane.adapters.postgres.sight import grants, grants_of
from ktrlplane.domain.access import Scope
from ktrlplane.domain.ids import OrganizationId, PrincipalId, ProjectId
from ktrlplane.domain.paging import Cursor, Page, PageRequest, cursor_of
from ktrlplane.domain.projects import Project, ProjectStatus
from ktrlplane.domain.standings import Standing, not_found
from ktrlplane.ports.stores import ProjectFilter, Projects

_ADD: Final = """
    INSERT INTO ktrlplane.projects (
        project_id, org_id, name, status, inherits_billing_from_org, created_at, updated_at
    )
    VALUES (
        %(project_id)s, %(org_id)s, %(name)s, %(status)s, %(inherits_billing_from_org)s,
        %(created_at)s, %(updated_at)s
    )
    ON CONFLICT (project_id) DO NOTHING
"""

_REPLACE: Final = """
    UPDATE ktrlplane.projects
    SET org_id = %(org_id)s, name = %(name)s, status = %(status)s,
        inherits_billing_from_org = %(inherits_billing_from_org)s, created_at = %(created_at)s,
        updated_at = %(updated_at)s
    WHERE project_id = %(project_id)s
"""

# In halves, so that each finds its index: that of the living or that of the tombstones.
_TAKE_ALONG: Final = """
    UPDATE ktrlplane.resources
    SET org_id = %(org_id)s
    WHERE org_id IS DISTINCT FROM %(org_id)s AND resource_id IN (
        SELECT resource_id FROM ktrlplane.resources
        WHERE project_id = %(project_id)s AND status <> 'Deleted'
        UNION ALL
        SELECT resource_id FROM ktrlplane.resources
        WHERE project_id = %(project_id)s AND status = 'Deleted'
    )
"""

_GET: Final = composed(
    "SELECT {columns} FROM ktrlplane.projects WHERE project_id = %(project_id)s", columns=COLUMNS
)

_WITH_STANDING: Final = composed(
    """
    SELECT {columns}, {grants}
    FROM ktrlplane.projects p
    WHERE project_id = %(project_id)s
    """,
    columns=COLUMNS,
    grants=grants("('organization', p.org_id), ('project', p.project_id)", org="p.org_id"),
)

_OF: Final = composed(
    """
    SELECT {columns} FROM ktrlplane.projects
    WHERE org_id = %(org_id)s AND status <> 'Deleted'
    ORDER BY project_id
    """,
    columns=COLUMNS,
)

_EMPTY: Final = SQL("""
    status = 'Deleting' AND NOT EXISTS (
        SELECT FROM ktrlplane.resources r
        WHERE r.project_id = p.project_id AND r.status <> 'Deleted'
    )
""")

_EMPTIED: Final = composed(
    """
    SELECT {columns} FROM ktrlplane.projects p
    WHERE project_id > %(after)s AND {empty}
    ORDER BY project_id
    LIMIT %(limit)s
    """,
    columns=COLUMNS,
    empty=_EMPTY,
)

_EMPTIED_AMONG: Final = composed(
    """
    SELECT {columns} FROM ktrlplane.projects p
    WHERE project_id = ANY(%(project_ids)s) AND {empty}
    ORDER BY project_id
    """,
    columns=COLUMNS,
    empty=_EMPTY,
)


class PostgresProjects(Projects):
    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, project: Project) -> None:
        if self._session.change(_ADD, _values(project)) == 0:
            raise taken("project", project.project_id)

    def get(self, project_id: ProjectId) -> Project:
        project = self._session.one(_project, _GET, {"project_id": project_id})
        if project is None:
            raise not_found(Scope.of(project_id))
        return project

    def with_standing(
        self, project_id: ProjectId, principal: PrincipalId, at: datetime
    ) -> tuple[Project, Standing]:
        standing = self._session.remembered(principal, Scope.of(project_id), at)
        if standing is not None:
            project = self.get(project_id)
            if project.path == standing.path:
                return project, standing
        values = {"project_id": project_id, "principal": principal, "at": at}
        found = self._session.remembering(
            principal, lambda: self._session.one(_with_standing, _WITH_STANDING, values)
        )
        if found is None:
            raise not_found(Scope.of(project_id))
        return found

    def replace(self, project: Project) -> None:
        scope, values = Scope.of(project.project_id), _values(project)
        if self._session.change(_REPLACE, values) == 0:
            raise not_found(scope)
        if self._session.change(_TAKE_ALONG, values):
            self._session.touched(scope)

    def of(self, org_id: OrganizationId) -> Sequence[Project]:
        return self._session.all(_project, _OF, {"org_id": org_id})

    def emptied(self, after: str, limit: int) -> Sequence[Project]:
        return self._session.all(_project, _EMPTIED, {"after": after, "limit": limit})

    def emptied_among(self, project_ids: Collection[ProjectId]) -> Sequence[Project]:
        values = {"project_ids": [one.value for one in project_ids]}
        return self._session.all(_project, _EMPTIED_AMONG, values)

    def readable_by(
        self, principal: PrincipalId, at: datetime, page: PageRequest, where: ProjectFilter
    ) -> Page[Project]:
        shape, inside = shape_of(page, text=where.text), where.org_id is not None
        values = {
            "principal": principal,
            "at": at,
            **span(page),
            "org_id": where.org_id,
            "text": searched(where.text or ""),
        }
        rows = self._session.all(_project, page_query(shape, in_an_org=inside), values)
        total = None
        if page.include_total:
            query = count_query(shape.uncut(), in_an_org=inside)
            total = count_of(self._session, query, values)

        def place(row: Project) -> Cursor:
            return cursor_of(
                page.sort, name=row.name, created_at=row.created_at, identity=row.project_id.value
            )

        return page_of(rows, page, place, total)


def _project(project_id: str, org_id: str | None, status: str, **columns: Any) -> Project:
    return Project(
        project_id=ProjectId(project_id),
        org_id=None if org_id is None else OrganizationId(org_id),
        status=ProjectStatus(status),
        **columns,
    )


def _with_standing(grants: str | None, **columns: Any) -> tuple[Project, Standing]:
    project = _project(**columns)
    return project, Standing(project.path, grants_of(grants))


def _values(project: Project) -> Mapping[str, object]:
    return {
        "project_id": project.project_id,
        "org_id": project.org_id,
        "name": project.name,
        "status": project.status,
        "inherits_billing_from_org": project.inherits_billing_from_org,
        "created_at": project.created_at,
        "updated_at": project.updated_at,
    }
