"""Reading what a Python developer names things by."""

from typing import TypeVar

from ktrlplane.domain.access import Scope, ScopeType
from ktrlplane.domain.ids import Identity, OrganizationId, ProjectId, ResourceId
from ktrlplane.domain.organizations import Organization
from ktrlplane.domain.projects import Project
from ktrlplane.domain.resources import Resource

I = TypeVar("I", bound=Identity)  # noqa: E741

Place = Scope | Organization | Project | Resource | OrganizationId | ProjectId | ResourceId | str
"""Where a role holds: a thing, its id, or text such as ``project:atlas`` or ``global``."""


def scope_of(place: Place) -> Scope:
    """Raises: ValueError, with a sentence."""
    match place:
        case Scope():
            return place
        case Organization():
            return Scope.of(place.org_id)
        case Project():
            return Scope.of(place.project_id)
        case Resource():
            return Scope.of(place.resource_id)
        case str():
            scope_type, _, scope_id = place.partition(":")
            if scope_type not in set(ScopeType):
                raise ValueError(
                    f"{place!r} does not say what it is: write organization:{place}, "
                    f"project:{place} or resource:{place}."
                )
            return Scope.parse(scope_type, scope_id)
        case _:
            return Scope.of(place)


def id_of(kind: type[I], value: I | str) -> I:
    """Raises: ValueError, with the rule; TypeError for what is no id at all."""
    if isinstance(value, kind):
        return value
    if not isinstance(value, str):
        raise TypeError(
            f"{type(value).__name__} is no {kind.__name__}: give the id, as such or as text."
        )
    return kind(value)


def id_or_none(kind: type[I], value: I | str | None) -> I | None:
    """Raises: ValueError, with the rule."""
    return None if value is None else id_of(kind, value)
