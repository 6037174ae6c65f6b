"""Asking for the logs and metrics of one resource (product.md R8)."""

from datetime import UTC, datetime, timedelta
from typing import Final

from ktrlplane.domain.errors import NotConfigured, NotFound
from ktrlplane.domain.ids import PrincipalId, ProjectId, ResourceId
from ktrlplane.domain.lifecycle import Status
from ktrlplane.domain.observability.backend_queries import Backend, BackendQuery, Endpoint, Given
from ktrlplane.domain.observability.matchers import Matcher
from ktrlplane.domain.observability.questions import Scope, logs_question, question
from ktrlplane.domain.observability.times import SECOND
from ktrlplane.domain.resources import Resource
from ktrlplane.domain.services.platform import Platform
from ktrlplane.domain.services.resources import read_resource
from ktrlplane.ports.unit_of_work import UnitOfWork

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def ask_backend(
    work: UnitOfWork,
    resource_id: ResourceId,
    backend: Backend,
    endpoint: Endpoint,
    given: Given,
    *,
    project_id: ProjectId | None = None,
    actor: PrincipalId,
    platform: Platform,
) -> BackendQuery:
    """What to ask the backend, for who may read the resource. ``project_id`` says where it must
    be. Raises: NotFound, NotConfigured, UnsafeQuery, ValidationFailed."""
    resource = _readable(work, resource_id, project_id, actor, platform)
    return question(backend, endpoint, given, _scope_of(resource, backend, platform))


def ask_for_logs(
    work: UnitOfWork,
    resource_id: ResourceId,
    given: Given,
    *,
    project_id: ProjectId | None = None,
    actor: PrincipalId,
    platform: Platform,
) -> BackendQuery:
    """By a query, by ``search`` and ``level``, or all. Raises: as ``ask_backend``."""
    resource = _readable(work, resource_id, project_id, actor, platform)
    return logs_question(given, _scope_of(resource, Backend.LOGS, platform))


def _readable(
    work: UnitOfWork,
    resource_id: ResourceId,
    project_id: ProjectId | None,
    actor: PrincipalId,
    platform: Platform,
) -> Resource:
    """One that is suspended or on its way out can still be asked about. Raises: NotFound."""
    resource = read_resource(
        work, resource_id, project_id=project_id, actor=actor, platform=platform
    )
    if resource.status is Status.DELETED:
        raise NotFound(f"The resource {resource_id} is deleted, and so is what was known of it.")
    return resource


def _scope_of(resource: Resource, backend: Backend, platform: Platform) -> Scope:
    """Raises: NotConfigured."""
    setup = platform.observability
    if backend not in setup.backends:
        raise NotConfigured(f"There is no backend for {backend} on this platform.")
    tenant = resource.project_id if setup.tenant == "project_id" else resource.org_id
    if tenant is None:
        raise NotConfigured(
            "Logs and metrics are kept by organization here, and this resource is in none."
        )
    since = platform.now() - _EPOCH
    return Scope(
        tenant=tenant.value,
        matcher=Matcher(setup.label, resource.resource_id.value),
        now=(since // timedelta(microseconds=1)) * (SECOND // 1_000_000),
        longest=setup.longest,
    )
