"""What one user does, as methods: each a unit of work of its own."""

# ruff: noqa: A002 - id is a word of the API, here as everywhere

from collections.abc import Sequence

from attrs import frozen

from ktrlplane.domain.ids import OrganizationId, ProjectId
from ktrlplane.domain.organizations import Organization, PurchasePolicy
from ktrlplane.domain.paging import Page, PageRequest
from ktrlplane.domain.projects import Project
from ktrlplane.domain.services import moves, organizations, projects, users
from ktrlplane.domain.users import User
from ktrlplane.entrypoints.places import id_of, id_or_none
from ktrlplane.entrypoints.session_access import FIRST_PAGE
from ktrlplane.entrypoints.session_resources import ResourceSession
from ktrlplane.ports.stores import ProjectFilter


@frozen
class Session(ResourceSession):
    """The control plane as one user sees it, who can do here what they may do and no more.

    Refusals are the domain's errors; an id or a name that cannot be one is a ValueError.
    """

    def me(self) -> users.Glance:
        return self._transact.read(lambda work: users.read_me(work, **self._by))

    def search_users(self, text: str) -> Sequence[User]:
        return self._transact.read(lambda work: users.search_users(work, text, **self._by))

    def create_organization(
        self, *, name: str, id: OrganizationId | str | None = None
    ) -> Organization:
        command = organizations.CreateOrganization(id=id_or_none(OrganizationId, id), name=name)
        return self._transact(
            lambda work: organizations.create_organization(work, command, **self._by)
        )

    def organization(self, org_id: OrganizationId | str) -> Organization:
        wanted = id_of(OrganizationId, org_id)
        return self._transact.read(
            lambda work: organizations.read_organization(work, wanted, **self._by)
        )

    def organizations(
        self, page: PageRequest = FIRST_PAGE, *, text: str | None = None
    ) -> Page[Organization]:
        return self._transact.read(
            lambda work: organizations.list_organizations(work, page, text=text, **self._by)
        )

    def update_organization(
        self,
        org_id: OrganizationId | str,
        *,
        name: str | None = None,
        purchase_policy: PurchasePolicy | None = None,
    ) -> Organization:
        wanted = id_of(OrganizationId, org_id)
        command = organizations.UpdateOrganization(name=name, purchase_policy=purchase_policy)
        return self._transact(
            lambda work: organizations.update_organization(work, wanted, command, **self._by)
        )

    def delete_organization(self, org_id: OrganizationId | str, *, cascade: bool = False) -> None:
        wanted = id_of(OrganizationId, org_id)
        self._transact(
            lambda work: organizations.delete_organization(
                work, wanted, cascade=cascade, **self._by
            )
        )

    def create_project(
        self,
        *,
        name: str,
        id: ProjectId | str | None = None,
        org_id: OrganizationId | str | None = None,
    ) -> Project:
        command = projects.CreateProject(
            id=id_or_none(ProjectId, id), name=name, org_id=id_or_none(OrganizationId, org_id)
        )
        return self._transact(lambda work: projects.create_project(work, command, **self._by))

    def project(self, project_id: ProjectId | str) -> Project:
        wanted = id_of(ProjectId, project_id)
        return self._transact.read(lambda work: projects.read_project(work, wanted, **self._by))

    def projects(
        self,
        page: PageRequest = FIRST_PAGE,
        *,
        org_id: OrganizationId | str | None = None,
        text: str | None = None,
    ) -> Page[Project]:
        where = ProjectFilter(org_id=id_or_none(OrganizationId, org_id), text=text)
        return self._transact.read(
            lambda work: projects.list_projects(work, page, where, **self._by)
        )

    def update_project(self, project_id: ProjectId | str, *, name: str) -> Project:
        wanted, command = id_of(ProjectId, project_id), projects.UpdateProject(name=name)
        return self._transact(
            lambda work: projects.update_project(work, wanted, command, **self._by)
        )

    def move_project(
        self, project_id: ProjectId | str, *, org_id: OrganizationId | str | None
    ) -> Project:
        wanted = id_of(ProjectId, project_id)
        command = moves.MoveProject(org_id=id_or_none(OrganizationId, org_id))
        return self._transact(lambda work: moves.move_project(work, wanted, command, **self._by))

    def delete_project(self, project_id: ProjectId | str, *, cascade: bool = False) -> Project:
        wanted = id_of(ProjectId, project_id)
        return self._transact(
            lambda work: projects.delete_project(work, wanted, cascade=cascade, **self._by)
        )
