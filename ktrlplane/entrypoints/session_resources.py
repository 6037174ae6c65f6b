"""What one user does with resources, as methods."""

# ruff: noqa: A002 - id and type are the words of the API, here as everywhere

from collections.abc import Iterable, Mapping
from typing import Any

from attrs import frozen

from ktrlplane.domain.ids import ProjectId, ResourceId
from ktrlplane.domain.lifecycle import Health, Status
from ktrlplane.domain.paging import Page, PageRequest
from ktrlplane.domain.resources import Resource
from ktrlplane.domain.services import configurations, reports, requests, resource_limits, resources
from ktrlplane.domain.transitions import Transition
from ktrlplane.entrypoints.places import id_of, id_or_none
from ktrlplane.entrypoints.session_access import FIRST_PAGE
from ktrlplane.entrypoints.session_groups import GroupSession
from ktrlplane.ports.stores import ResourceFilter


@frozen
class ResourceSession(GroupSession):
    def create_resource(
        self,
        project_id: ProjectId | str,
        *,
        name: str,
        type: str,
        sku: str,
        settings: Mapping[str, Any] | None = None,
        preset: str | None = None,
        id: ResourceId | str | None = None,
    ) -> Resource:
        wanted = id_of(ProjectId, project_id)
        command = resources.CreateResource(
            id=id_or_none(ResourceId, id),
            name=name,
            type=type,
            sku=sku,
            settings_json=settings,
            preset=preset,
        )
        return self._transact(
            lambda work: resources.create_resource(work, wanted, command, **self._by)
        )

    def resource(self, resource_id: ResourceId | str) -> Resource:
        wanted = id_of(ResourceId, resource_id)
        return self._transact.read(lambda work: resources.read_resource(work, wanted, **self._by))

    def resources(
        self,
        page: PageRequest = FIRST_PAGE,
        *,
        project_id: ProjectId | str | None = None,
        type: str | None = None,
        sku: str | None = None,
        status: Status | None = None,
        text: str | None = None,
    ) -> Page[Resource]:
        where = ResourceFilter(
            project_id=id_or_none(ProjectId, project_id),
            type=type,
            sku=sku,
            status=status,
            text=text,
        )
        return self._transact.read(
            lambda work: resources.list_resources(work, page, where, **self._by)
        )

    def update_resource(
        self,
        resource_id: ResourceId | str,
        *,
        name: str | None = None,
        sku: str | None = None,
        settings: Mapping[str, Any] | None = None,
        merge: bool = True,
    ) -> Resource:
        """``merge`` patches the present settings (RFC 7396); else they are replaced whole."""
        wanted = id_of(ResourceId, resource_id)
        command = resources.UpdateResource(name=name, sku=sku, settings_json=settings)
        return self._transact(
            lambda work: resources.update_resource(work, wanted, command, merge=merge, **self._by)
        )

    def delete_resource(self, resource_id: ResourceId | str) -> Resource:
        wanted = id_of(ResourceId, resource_id)
        return self._transact(lambda work: resources.delete_resource(work, wanted, **self._by))

    def suspend_resource(self, resource_id: ResourceId | str) -> Resource:
        wanted = id_of(ResourceId, resource_id)
        return self._transact(lambda work: requests.suspend_resource(work, wanted, **self._by))

    def resume_resource(self, resource_id: ResourceId | str) -> Resource:
        wanted = id_of(ResourceId, resource_id)
        return self._transact(lambda work: requests.resume_resource(work, wanted, **self._by))

    def retry_resource(self, resource_id: ResourceId | str) -> Resource:
        wanted = id_of(ResourceId, resource_id)
        return self._transact(lambda work: requests.retry_resource(work, wanted, **self._by))

    def report_status(
        self,
        resource_id: ResourceId | str,
        health: Health | str,
        *,
        observed_generation: int,
        message: str | None = None,
        access_url: str | None = None,
        conditions: Iterable[reports.ReportedCondition] | None = None,
    ) -> Resource:
        """As a reconciler; ``health`` is one of Argo CD's words."""
        wanted = id_of(ResourceId, resource_id)
        command = reports.ReportStatus(
            observed_generation=observed_generation,
            health=Health(health),
            message=message,
            access_url=access_url,
            conditions=None if conditions is None else tuple(conditions),
        )
        return self._transact(
            lambda work: reports.report_status(work, wanted, command, **self._by)
        )

    def history(
        self, resource_id: ResourceId | str, page: PageRequest = FIRST_PAGE
    ) -> Page[Transition]:
        wanted = id_of(ResourceId, resource_id)
        return self._transact.read(
            lambda work: reports.list_transitions(work, wanted, page, **self._by)
        )

    def export_configuration(self, resource_id: ResourceId | str) -> configurations.Configuration:
        wanted = id_of(ResourceId, resource_id)
        return self._transact.read(
            lambda work: configurations.export_configuration(work, wanted, **self._by)
        )

    def import_configuration(
        self, resource_id: ResourceId | str, configuration: configurations.Configuration
    ) -> Resource:
        """Its name stays its own."""
        wanted = id_of(ResourceId, resource_id)
        command = configurations.ImportConfiguration(
            type=configuration.type,
            sku=configuration.sku,
            settings_json=configuration.settings_json.value,
        )
        return self._transact(
            lambda work: configurations.import_configuration(work, wanted, command, **self._by)
        )

    def limits(self, resource_id: ResourceId | str) -> resource_limits.ResourceLimits:
        wanted = id_of(ResourceId, resource_id)
        return self._transact.read(
            lambda work: resource_limits.read_limits(work, wanted, **self._by)
        )

    def check_limit(
        self, resource_id: ResourceId | str, meter: str, quantity: int = 1
    ) -> resource_limits.LimitVerdict:
        wanted = id_of(ResourceId, resource_id)
        command = resource_limits.CheckLimit(meter=meter, quantity=quantity)
        return self._transact.read(
            lambda work: resource_limits.check_limit(work, wanted, command, **self._by)
        )
