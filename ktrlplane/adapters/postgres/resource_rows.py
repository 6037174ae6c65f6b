"""Resources as rows, and back."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

from attrs import asdict
from psycopg.types.json import Jsonb

from ktrlplane.adapters.postgres.sight import grants_of
from ktrlplane.adapters.postgres.standings import scope_of
from ktrlplane.domain.documents import Document
from ktrlplane.domain.ids import OrganizationId, ProjectId, ResourceId
from ktrlplane.domain.lifecycle import Hold, Status
from ktrlplane.domain.paging import time_key
from ktrlplane.domain.reports import Condition
from ktrlplane.domain.resources import Resource
from ktrlplane.domain.standings import Standing
from ktrlplane.ports.stores import Departing


def resource_of(  # noqa: PLR0917
    resource_id: str,
    project_id: str,
    org_id: str | None,
    name: str,
    type: str,  # noqa: A002
    sku: str,
    settings_text: str,
    status: str,
    status_reason: str | None,
    generation: int,
    observed_generation: int,
    holds: Sequence[str] | None,
    conditions: Sequence[Mapping[str, Any]] | None,
    access_url: str | None,
    error_message: str | None,
    stripe_price_id: str | None,
    came_unpriced: bool,  # noqa: FBT001
    created_at: datetime,
    updated_at: datetime,
) -> Resource:
    """By position: fifty of these make a page, and names would be half of its price."""
    return Resource(
        resource_id=_resource_id(resource_id),
        project_id=_project_id(project_id),
        org_id=None if org_id is None else _org_id(org_id),
        name=name,
        type=type,
        sku=sku,
        settings_json=Document(settings_text),
        status=_STATUSES[status],
        status_reason=status_reason,
        generation=generation,
        observed_generation=observed_generation,
        holds=() if holds is None else tuple(map(Hold, holds)),
        conditions=() if conditions is None else tuple(_condition(**one) for one in conditions),
        access_url=access_url,
        error_message=error_message,
        stripe_price_id=stripe_price_id,
        came_unpriced=came_unpriced,
        created_at=created_at,
        updated_at=updated_at,
    )


# The same few thousand names come again and again; making one checks it.
_resource_id: Final = lru_cache(maxsize=65536)(ResourceId)
_project_id: Final = lru_cache(maxsize=8192)(ProjectId)
_org_id: Final = lru_cache(maxsize=8192)(OrganizationId)
_STATUSES: Final = {status.value: status for status in Status}


def status_of(resource_id: str, status: str) -> tuple[ResourceId, Status]:
    return _resource_id(resource_id), _STATUSES[status]


def departing(tenant: str, resource_ids: Sequence[str]) -> Departing:
    return Departing(tenant=scope_of(tenant), resource_ids=tuple(map(_resource_id, resource_ids)))


def light_resource(*columns: Any) -> Resource | None:
    """None where its columns are null."""
    return None if columns[0] is None else resource_of(*columns)


def followed_resource(*columns: Any) -> tuple[Resource, bool | None]:
    """The columns of a resource, then whether another one follows it."""
    return resource_of(*columns[:-1]), columns[-1]


def with_standing(*columns: Any) -> tuple[Resource, Standing]:
    """The columns of a resource, then the grants."""
    resource = resource_of(*columns[:-1])
    held: str | None = columns[-1]
    return resource, Standing(resource.path, grants_of(held))


def _condition(last_transition_at: str | None, **members: Any) -> Condition:
    at = None if last_transition_at is None else datetime.fromisoformat(last_transition_at)
    return Condition(last_transition_at=at, **members)


def _members(condition: Condition) -> dict[str, Any]:
    at = condition.last_transition_at
    return asdict(condition) | {"last_transition_at": None if at is None else time_key(at)}


def members_of(resource: Resource) -> Mapping[str, object]:
    columns = asdict(resource, recurse=False)
    return columns | {"conditions": [_members(one) for one in resource.conditions]}


def values_of(resource: Resource) -> Mapping[str, object]:
    members = members_of(resource)
    return {
        **members,
        "holds": [hold.value for hold in resource.holds],
        "conditions": Jsonb(members["conditions"]),
    }
