"""What a resource is configured to be, taken from one and given to another (product.md R3.5).

Settings hold references to secrets and never their values, so nothing secret goes along.
"""

from collections.abc import Mapping
from typing import Any

from attrs import field, frozen

from ktrlplane.domain.documents import Document
from ktrlplane.domain.errors import Fault, LimitExceeded, ValidationFailed
from ktrlplane.domain.ids import PrincipalId, ProjectId, ResourceId
from ktrlplane.domain.naming import is_a_name, is_no_name_or_a_name
from ktrlplane.domain.resources import Resource
from ktrlplane.domain.services.commands import apart
from ktrlplane.domain.services.platform import Expectation, Platform
from ktrlplane.domain.services.resources import (
    CreateResource,
    UpdateResource,
    create_resource,
    read_resource,
    update_resource,
)
from ktrlplane.ports.unit_of_work import UnitOfWork


@frozen(kw_only=True)
class Configuration:
    """As it is exported: without anything that is of one resource alone."""

    name: str
    type: str
    sku: str
    settings_json: Document


@frozen(kw_only=True)
class ImportResource:
    """A configuration as it was exported, for a new resource. Without ``id``, one is made from
    the name."""

    id: ResourceId | None = field(default=None, metadata=apart())
    name: str = field(validator=is_a_name, metadata=apart("unnamed"))
    type: str
    sku: str
    settings_json: Mapping[str, Any] = field(metadata=apart({}))


@frozen(kw_only=True)
class ImportConfiguration:
    """A configuration as it was exported, for a resource of the same type that is there. It
    keeps its own name."""

    name: str | None = field(default=None, validator=is_no_name_or_a_name, metadata=apart())
    type: str
    sku: str
    settings_json: Mapping[str, Any] = field(metadata=apart({}))


def export_configuration(
    work: UnitOfWork,
    resource_id: ResourceId,
    *,
    project_id: ProjectId | None = None,
    actor: PrincipalId,
    platform: Platform,
) -> Configuration:
    """Raises: NotFound."""
    resource = read_resource(
        work, resource_id, project_id=project_id, actor=actor, platform=platform
    )
    return Configuration(
        name=resource.name,
        type=resource.type,
        sku=resource.sku,
        settings_json=resource.settings_json,
    )


def import_resource(
    work: UnitOfWork,
    project_id: ProjectId,
    command: ImportResource,
    *,
    actor: PrincipalId,
    platform: Platform,
) -> Resource:
    """Raises: as ``create_resource``."""
    wanted = CreateResource(
        id=command.id,
        name=command.name,
        type=command.type,
        sku=command.sku,
        settings_json=command.settings_json,
    )
    return create_resource(work, project_id, wanted, actor=actor, platform=platform)


def import_configuration(
    work: UnitOfWork,
    resource_id: ResourceId,
    command: ImportConfiguration,
    *,
    project_id: ProjectId | None = None,
    as_seen: Expectation[Resource] | None = None,
    actor: PrincipalId,
    platform: Platform,
) -> Resource:
    """Its tier and settings become those of the configuration.

    Raises: as ``update_resource``, and ValidationFailed for one of another type.
    """
    present = read_resource(
        work, resource_id, project_id=project_id, actor=actor, platform=platform
    )
    wanted = UpdateResource(sku=command.sku, settings_json=command.settings_json)
    kind = platform.catalog.resource_type(command.type)
    is_other = command.type != present.type and (kind is None or kind.type != present.type)
    detail = f"This is a configuration of {command.type}; the resource is a {present.type}."
    other = ValidationFailed([Fault("/type", "other_type", detail)])
    try:
        changed = update_resource(
            work,
            resource_id,
            wanted,
            merge=False,
            project_id=project_id,
            as_seen=as_seen,
            actor=actor,
            platform=platform,
        )
    except (ValidationFailed, LimitExceeded):
        if is_other:
            raise other from None
        raise
    if is_other:
        raise other
    return changed
