from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime

from attrs import evolve

from ktrlplane.adapters.memory.lists import has_text, paged
from ktrlplane.adapters.memory.sight import readable_scopes, standing_on
from ktrlplane.adapters.memory.tables import Tables
from ktrlplane.domain.access import Scope, ScopeType
from ktrlplane.domain.errors import AlreadyExists
from ktrlplane.domain.ids import OrganizationId, PrincipalId, ProjectId
from ktrlplane.domain.lifecycle import Status
from ktrlplane.domain.paging import Cursor, Page, PageRequest, cursor_of
from ktrlplane.domain.projects import Project, ProjectStatus
from ktrlplane.domain.standings import Standing, not_found
from ktrlplane.ports.stores import ProjectFilter, Projects


class MemoryProjects(Projects):
    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._rows = tables.projects

    def add(self, project: Project) -> None:
        if self._rows.find(project.project_id) is not None:
            raise AlreadyExists(
                f"The project id {project.project_id} is taken or was used before; "
                "choose another one."
            )
        self._put(project)

    def get(self, project_id: ProjectId) -> Project:
        project = self._rows.find(project_id)
        if project is None:
            raise not_found(Scope.of(project_id))
        return project

    def with_standing(
        self, project_id: ProjectId, principal: PrincipalId, at: datetime
    ) -> tuple[Project, Standing]:
        project = self.get(project_id)
        return project, standing_on(self._tables, principal, project.path, at)

    def replace(self, project: Project) -> None:
        before = self.get(project.project_id)
        self._put(project)
        if before.org_id == project.org_id:
            return
        for resource in self._tables.resources.where(project=project.project_id):
            self._tables.resources.put(evolve(resource, org_id=project.org_id))

    def of(self, org_id: OrganizationId) -> Sequence[Project]:
        alive = (
            row
            for row in self._rows.where(organization=org_id)
            if row.status is not ProjectStatus.DELETED
        )
        return sorted(alive, key=lambda row: row.project_id)

    def emptied(self, after: str, limit: int) -> Sequence[Project]:
        following = (row for row in self._rows.all() if row.project_id.value > after)
        return self._emptied(following)[:limit]

    def emptied_among(self, project_ids: Collection[ProjectId]) -> Sequence[Project]:
        found = (self._rows.find(project_id) for project_id in set(project_ids))
        return self._emptied(row for row in found if row is not None)

    def _emptied(self, rows: Iterable[Project]) -> list[Project]:
        emptied = (
            row
            for row in rows
            if row.status is ProjectStatus.DELETING and self._is_empty(row.project_id)
        )
        return sorted(emptied, key=lambda row: row.project_id)

    def readable_by(
        self, principal: PrincipalId, at: datetime, page: PageRequest, where: ProjectFilter
    ) -> Page[Project]:
        wanted = (
            row
            for row in self.seen_through(readable_scopes(self._tables, principal, at))
            if row.status is not ProjectStatus.DELETED
            and where.org_id in (None, row.org_id)
            and has_text(where.text, row.name, row.project_id.value)
        )

        def place(row: Project) -> Cursor:
            return cursor_of(
                page.sort, name=row.name, created_at=row.created_at, identity=row.project_id.value
            )

        return paged(wanted, page, place)

    def seen_through(self, scopes: frozenset[Scope]) -> Iterator[Project]:
        """Everything on or below ``scopes``, each once, Deleted ones too."""
        for scope in scopes:
            if scope.scope_type is ScopeType.ORGANIZATION:
                yield from self._rows.where(organization=OrganizationId(scope.scope_id))
            elif scope.scope_type is ScopeType.PROJECT:
                project = self._rows.find(ProjectId(scope.scope_id))
                if project is not None and not scopes.intersection(project.path[:-1]):
                    yield project

    def _put(self, project: Project) -> None:
        org_id = project.org_id
        if org_id is not None and self._tables.organizations.find(org_id) is None:
            raise ValueError(f"There is no organization {org_id} for a project to be in.")
        self._rows.put(project)

    def _is_empty(self, project_id: ProjectId) -> bool:
        resources = self._tables.resources.where(project=project_id)
        return all(resource.status is Status.DELETED for resource in resources)
