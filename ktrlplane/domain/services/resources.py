"""What people do with resources."""

from collections.abc import Mapping
from typing import Any

from attrs import evolve, field, frozen

from ktrlplane.domain.access import Action, Scope
from ktrlplane.domain.documents import faults_of, merge_patch
from ktrlplane.domain.errors import ValidationFailed, both
from ktrlplane.domain.ids import PrincipalId, ProjectId, ResourceId
from ktrlplane.domain.naming import is_a_name, is_no_name_or_a_name
from ktrlplane.domain.paging import Page, PageRequest
from ktrlplane.domain.resources import Resource
from ktrlplane.domain.services.commands import apart
from ktrlplane.domain.services.held_resources import held_resource, require_in
from ktrlplane.domain.services.limits import fitting, require_room
from ktrlplane.domain.services.platform import Expectation, Platform
from ktrlplane.domain.services.purchases import purchase
from ktrlplane.domain.services.standings import hold_for
from ktrlplane.domain.services.transitions import keep, keep_new
from ktrlplane.domain.services.wishes import Settled, Wish, chosen_settings, settled, unknown_type
from ktrlplane.ports.stores import ResourceFilter
from ktrlplane.ports.unit_of_work import UnitOfWork


@frozen(kw_only=True)
class CreateResource:
    """A new instance of a product. ``settings_json`` is merged over the preset's settings
    (RFC 7396), and both over the defaults of the type and tier. A preset may be had in another
    tier than the one it is meant for: ``sku`` says which, and its settings must fit there.
    What is null counts as left out."""

    id: ResourceId | None = field(default=None, metadata=apart())
    name: str = field(validator=is_a_name, metadata=apart("unnamed"))
    type: str
    sku: str
    settings_json: Mapping[str, Any] | None = field(default=None, metadata=apart())
    preset: str | None = None


@frozen(kw_only=True)
class UpdateResource:
    """What is left out stays as it is."""

    name: str | None = field(default=None, validator=is_no_name_or_a_name, metadata=apart())
    sku: str | None = None
    settings_json: Mapping[str, Any] | None = field(default=None, metadata=apart())


def create_resource(
    work: UnitOfWork,
    project_id: ProjectId,
    command: CreateResource,
    *,
    actor: PrincipalId,
    platform: Platform,
) -> Resource:
    """Raises: NotFound, Forbidden, InvalidTransition for a project on its way out,
    ValidationFailed with every fault, LimitExceeded, AlreadyExists, PaymentRequired and what
    else ``purchase`` does."""
    now = platform.now()
    hold_for(work, Action.WRITE, Scope.of(project_id), actor, now)
    project, standing = work.projects.with_standing(project_id, actor, now)
    standing.require(Action.WRITE)
    project.require_active()
    wanted = Wish(
        type=command.type,
        sku=command.sku,
        preset=command.preset,
        settings=command.settings_json or {},
    )
    resource_id, wish = both(
        lambda: platform.new_id(ResourceId, command.id, command.name),
        lambda: settled(wanted, platform),
    )
    require_room(work, wish.type, wish.sku, project.path, platform)
    price_id = purchase(
        work, project, standing, wish.type, wish.sku, actor=actor, platform=platform
    )
    resource = Resource(
        resource_id=resource_id,
        project_id=project_id,
        org_id=project.org_id,
        name=command.name,
        type=wish.type,
        sku=wish.sku,
        settings_json=wish.settings,
        stripe_price_id=None if price_id is None else price_id.value,
        created_at=now,
        updated_at=now,
    )
    keep_new(work, resource, actor=actor, platform=platform)
    return resource


def read_resource(
    work: UnitOfWork,
    resource_id: ResourceId,
    *,
    project_id: ProjectId | None = None,
    actor: PrincipalId,
    platform: Platform,
) -> Resource:
    """``project_id`` says where it must be. Raises: NotFound."""
    resource, standing = work.resources.with_standing(resource_id, actor, platform.now())
    standing.require()
    require_in(resource, project_id)
    return resource


def list_resources(
    work: UnitOfWork,
    page: PageRequest,
    where: ResourceFilter,
    *,
    actor: PrincipalId,
    platform: Platform,
) -> Page[Resource]:
    """Raises: ValidationFailed for a type that the catalog does not know."""
    return work.resources.readable_by(actor, platform.now(), page, _canonical(where, platform))


def list_project_resources(
    work: UnitOfWork,
    project_id: ProjectId,
    page: PageRequest,
    where: ResourceFilter,
    *,
    actor: PrincipalId,
    platform: Platform,
) -> Page[Resource]:
    """Raises: NotFound for the project, ValidationFailed."""
    now = platform.now()
    _, standing = work.projects.with_standing(project_id, actor, now)
    standing.require()
    within = evolve(_canonical(where, platform), project_id=project_id)
    return work.resources.readable_by(actor, now, page, within)


def _canonical(where: ResourceFilter, platform: Platform) -> ResourceFilter:
    """A former name of a type finds what carries the present one."""
    if where.type is None:
        return where
    kind = platform.catalog.resource_type(where.type)
    if kind is None:
        raise ValidationFailed([unknown_type(platform)])
    return evolve(where, type=kind.type)


def update_resource(
    work: UnitOfWork,
    resource_id: ResourceId,
    command: UpdateResource,
    *,
    merge: bool,
    project_id: ProjectId | None = None,
    as_seen: Expectation[Resource] | None = None,
    actor: PrincipalId,
    platform: Platform,
) -> Resource:
    """``merge`` applies ``settings_json`` as a merge patch (RFC 7396) to the present
    settings; else it replaces them whole.

    Raises: NotFound, Forbidden, PreconditionFailed, InvalidTransition, ValidationFailed,
    LimitExceeded, and what ``purchase`` does.
    """
    resource, now = held_resource(
        work,
        resource_id,
        Action.WRITE,
        project_id=project_id,
        as_seen=as_seen,
        actor=actor,
        platform=platform,
    )
    resource.require_alive()
    changed = resource if command.name is None else resource.renamed(command.name)
    if command.sku is not None or command.settings_json is not None:
        fit = _fitting(work, resource, command, platform, merge=merge)
        changed = changed.changed(name=changed.name, sku=fit.sku, settings=fit.settings, now=now)
    if changed.sku != resource.sku:
        changed = _paid_anew(work, resource, changed, actor, platform)
    keep(work, [(resource, changed)], actor=actor, platform=platform)
    return changed


def _paid_anew(
    work: UnitOfWork,
    before: Resource,
    after: Resource,
    actor: PrincipalId,
    platform: Platform,
) -> Resource:
    """Raises: as ``purchase``."""
    project, standing = work.projects.with_standing(after.project_id, actor, platform.now())
    price_id = purchase(
        work,
        project,
        standing,
        after.type,
        after.sku,
        instead_of=before,
        actor=actor,
        platform=platform,
    )
    paid_at = None if price_id is None else price_id.value
    return evolve(after, stripe_price_id=paid_at, came_unpriced=False)


def _fitting(
    work: UnitOfWork,
    resource: Resource,
    command: UpdateResource,
    platform: Platform,
    *,
    merge: bool,
) -> Settled:
    """As it is in the other tier; or, where that does not fit, with the other tier's defaults
    in place of the former one's, which nobody chose.

    Raises: ValidationFailed, LimitExceeded.
    """
    present: Mapping[str, Any] = resource.settings_json.value
    wish = _wish(resource, present, command, merge=merge)
    try:
        return fitting(work, wish, resource, platform)
    except ValidationFailed:
        chosen = chosen_settings(resource.type, resource.sku, present, platform)
        other = _wish(resource, chosen, command, merge=merge)
        if wish.sku == resource.sku or other == wish:
            raise
        try:
            return fitting(work, other, resource, platform)
        except ValidationFailed:
            pass  # what is wrong with what there is says more
        raise


def _wish(
    resource: Resource, present: Mapping[str, Any], command: UpdateResource, *, merge: bool
) -> Wish:
    settings = present
    if command.settings_json is not None:
        settings = command.settings_json
        if merge and not faults_of(settings):  # else it is told below, and not walked here
            settings = merge_patch(present, settings)
    sku = resource.sku if command.sku is None else command.sku
    return Wish(type=resource.type, sku=sku, settings=settings)


def delete_resource(
    work: UnitOfWork,
    resource_id: ResourceId,
    *,
    project_id: ProjectId | None = None,
    as_seen: Expectation[Resource] | None = None,
    actor: PrincipalId,
    platform: Platform,
) -> Resource:
    """Deleting until a reconciler says that it is gone or the grace period ends. Deleting it
    again changes nothing.

    Raises: NotFound, Forbidden, PreconditionFailed.
    """
    resource, now = held_resource(
        work,
        resource_id,
        Action.DELETE,
        project_id=project_id,
        as_seen=as_seen,
        actor=actor,
        platform=platform,
    )
    deleting = resource.deleting(now)
    keep(work, [(resource, deleting)], actor=actor, platform=platform)
    return deleting
