"""What the platform's operator allows in place of the limits of tiers."""

from collections.abc import Iterator
from datetime import datetime
from typing import Final

import click
from attrs import evolve

from ktrlplane.domain.access import Scope, ScopeType
from ktrlplane.domain.ids import OverrideId
from ktrlplane.domain.limits import MAX_MAXIMUM, RESOURCES, LimitOverride
from ktrlplane.domain.paging import MAX_LIMIT, PageRequest, Sort
from ktrlplane.domain.services import limit_overrides as service
from ktrlplane.domain.services.platform import Platform
from ktrlplane.entrypoints.cli.arguments import SCOPE_TYPES, moment_of, scope_of
from ktrlplane.entrypoints.cli.databases import current
from ktrlplane.entrypoints.cli.options import config_option, settings_of
from ktrlplane.entrypoints.tables import table
from ktrlplane.ports.unit_of_work import UnitOfWork

_LIMITED: Final = [name for name in SCOPE_TYPES if name != ScopeType.GLOBAL]
_NO_LIMIT: Final = "none"


@click.group()
def limits() -> None:
    """Limits of tiers: override them for one scope, lift that, list what was overridden."""


@limits.command()
@click.option("--scope-type", required=True, type=click.Choice(_LIMITED))
@click.option("--scope-id", required=True, metavar="I")
@click.option("--type", "type_", required=True, metavar="T", help="A resource type.")
@click.option("--sku", required=True, metavar="S", help="The tier.")
@click.option(
    "--limit",
    default=RESOURCES,
    show_default=True,
    metavar="L",
    help="How many resources of the tier there may be in the scope, or a meter.",
)
@click.option("--maximum", required=True, metavar="N", help=f"A number, or {_NO_LIMIT}.")
@click.option("--reason", required=True, metavar="R", help="For who reads it next year.")
@click.option("--expires-at", metavar="T", help="RFC 3339, such as 2030-01-31T12:00:00Z.")
@config_option
@click.pass_context
def override(
    context: click.Context,
    *,
    scope_type: str,
    scope_id: str,
    type_: str,
    sku: str,
    limit: str,
    maximum: str,
    reason: str,
    expires_at: str | None,
) -> None:
    """Set another limit for one scope, in place of the tier's and of what was set before."""
    scope = scope_of(scope_type, scope_id)
    try:
        command = service.OverrideLimit(
            scope_type=scope.scope_type,
            scope_id=scope.scope_id,
            type=type_,
            sku=sku,
            limit=limit,
            maximum=_maximum_of(maximum),
            reason=reason,
            expires_at=None if expires_at is None else moment_of(expires_at),
        )
    except ValueError as exc:
        raise click.BadParameter(str(exc), param_hint="--reason or --maximum") from None
    with current(settings_of(context)) as container:
        platform = container.platform()
        made = container.transact()(
            lambda work: service.override_limit(work, command, actor=None, platform=platform)
        )
    click.echo(f"overridden: {_told(made)} on {made.scope} ({made.override_id})")


@limits.command()
@click.argument("override_id")
@config_option
@click.pass_context
def lift(context: click.Context, override_id: str) -> None:
    """Let the tier's limit hold again; "ktrlplane limits list" tells the id."""
    try:
        wanted = OverrideId(override_id)
    except ValueError as exc:
        raise click.BadParameter(str(exc), param_hint="OVERRIDE_ID") from None
    with current(settings_of(context)) as container:
        platform = container.platform()
        lifted = container.transact()(
            lambda work: service.lift_override(work, wanted, actor=None, platform=platform)
        )
    click.echo(f"lifted: {_told(lifted)} on {lifted.scope}")


@limits.command("list")
@click.option("--scope-type", type=click.Choice(_LIMITED), help="With --scope-id: only there.")
@click.option("--scope-id", metavar="I")
@click.option("--all", "all_", is_flag=True, help="Those that no longer hold too.")
@config_option
@click.pass_context
def list_(
    context: click.Context, *, scope_type: str | None, scope_id: str | None, all_: bool
) -> None:
    """List what was set in place of limits, oldest first."""
    if (scope_type is None) != (scope_id is None):
        raise click.UsageError("--scope-type and --scope-id go together.")
    scope = None if scope_type is None or scope_id is None else scope_of(scope_type, scope_id)
    with current(settings_of(context)) as container:
        platform = container.platform()
        found = container.transact().read(
            lambda work: list(_found(work, scope, platform, holding=not all_))
        )
        rows = [_row(one, platform.now()) for one in found]
    head = ("ID", "SCOPE", "TYPE", "SKU", "LIMIT", "MAXIMUM", "UNTIL", "BY", "REASON")
    for line in table(head, rows):
        click.echo(line)


def _found(
    work: UnitOfWork, scope: Scope | None, platform: Platform, *, holding: bool
) -> Iterator[LimitOverride]:
    page: PageRequest | None = PageRequest(limit=MAX_LIMIT, sort=Sort.CREATED_AT)
    while page is not None:
        some = service.list_overrides(
            work, page, scope=scope, holding=holding, actor=None, platform=platform
        )
        yield from some.items
        page = None if some.next is None else evolve(page, after=some.next)


def _told(one: LimitOverride) -> str:
    return f"{one.limit} of {one.type} {one.sku} at most {_maximum(one)}"


def _maximum_of(text: str) -> int | None:
    if text == _NO_LIMIT:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > len(str(MAX_MAXIMUM)):
        raise click.BadParameter(
            f"Write a whole number from 0 on, or {_NO_LIMIT}.", param_hint="--maximum"
        )
    return int(text)


def _maximum(one: LimitOverride) -> str:
    return _NO_LIMIT if one.maximum is None else str(one.maximum)


def _row(one: LimitOverride, now: datetime) -> tuple[str, ...]:
    return (
        str(one.override_id),
        str(one.scope),
        one.type,
        one.sku,
        one.limit,
        _maximum(one),
        _until(one, now),
        "command line" if one.created_by is None else str(one.created_by),
        " ".join(one.reason.split()),
    )


def _until(one: LimitOverride, now: datetime) -> str:
    end = min(filter(None, (one.ended_at, one.expires_at)), default=None)
    if end is None:
        return "further notice"
    told = f"{end:%Y-%m-%dT%H:%M:%SZ}"
    return told if one.holds_at(now) else f"{told} (over)"
