"""Tokens of the local issuer, and what the platform's operator grants."""

import re
from datetime import datetime

import click

from ktrlplane.domain.access import GLOBAL, Holder
from ktrlplane.domain.ids import GroupId, PrincipalId
from ktrlplane.domain.services import operator
from ktrlplane.entrypoints.cli.arguments import SCOPE_TYPES, moment_of, scope_of
from ktrlplane.entrypoints.cli.databases import current
from ktrlplane.entrypoints.cli.options import Command, config_option, settings_of
from ktrlplane.entrypoints.cli.refusals import Refused
from ktrlplane.entrypoints.container import Container
from ktrlplane.entrypoints.tables import table

_GROUP = re.compile(r"grp_[0-9a-f]{32}")
_LONGEST_TTL_S = 10 * 365 * 24 * 3600


@click.command()
@click.option("--sub", required=True, metavar="S", help="The user's id.")
@click.option("--email", metavar="E")
@click.option("--unverified", is_flag=True, help="The e-mail address has not been verified.")
@click.option("--name", metavar="N")
@click.option(
    "--m2m",
    is_flag=True,
    help="For a service account. Issuers call one CLIENT@clients: write --sub like that.",
)
@click.option(
    "--ttl",
    type=click.IntRange(1, _LONGEST_TTL_S),
    default=3600,
    show_default=True,
    help="Seconds until it expires; servers take it for up to 60 s more.",
)
@config_option
@click.pass_context
def token(
    context: click.Context,
    *,
    sub: str,
    email: str | None,
    unverified: bool,
    name: str | None,
    m2m: bool,
    ttl: int,
) -> None:
    """Print a bearer token of the local development issuer."""
    settings = settings_of(context)
    if not settings.is_local_issuer:
        raise Refused(
            f"Tokens come from {settings.auth_issuer} here, since KTRLPLANE_AUTH_ISSUER is set; "
            "ask for one there."
        )
    if m2m and not PrincipalId(sub).is_service_account:
        click.echo(
            f"ktrlplane: Issuers call a service account CLIENT@clients; {sub} is taken for one by "
            "this token alone.",
            err=True,
        )
    try:
        issuer = Container(settings=settings).local_issuer()
        minted = issuer.mint(
            sub,
            ttl_s=ttl,
            email=email,
            email_verified=not unverified and not m2m,
            name=name,
            is_service_account=m2m,
        )
    except OSError as exc:
        raise Refused(
            f"The key of the local issuer in {settings.data_dir} cannot be used: "
            f"{exc.strerror or exc}; set KTRLPLANE_DATA_DIR to a folder of your own."
        ) from None
    except ValueError as exc:
        raise Refused(str(exc)) from None
    if issuer.is_new:
        click.echo(
            f"ktrlplane: Made a new key in {settings.data_dir}: a ktrlplane serve with this "
            "KTRLPLANE_DATA_DIR, and no other, takes the token.",
            err=True,
        )
    click.echo(minted)


def _named_grant(command: Command) -> Command:
    for option in (
        click.option(
            "--scope-id", metavar="I", default="", help="Left out, or *, for the global scope."
        ),
        click.option("--scope-type", required=True, type=click.Choice(SCOPE_TYPES)),
        click.option("--role", required=True, metavar="R", help="A role's id or name."),
        click.option(
            "--principal",
            required=True,
            metavar="P",
            help="A user, service account or group, by id.",
        ),
    ):
        command = option(command)
    return command


@click.command()
@_named_grant
@click.option("--expires-at", metavar="T", help="RFC 3339, such as 2030-01-31T12:00:00Z.")
@config_option
@click.pass_context
def grant(
    context: click.Context,
    *,
    principal: str,
    role: str,
    scope_type: str,
    scope_id: str,
    expires_at: str | None,
) -> None:
    """Grant a role as the platform's operator: hidden roles and the global scope included."""
    command = operator.OperatorGrant(
        principal=_principal(principal),
        role=role,
        scope=scope_of(scope_type, scope_id),
        expires_at=None if expires_at is None else moment_of(expires_at),
    )
    with current(settings_of(context)) as container:
        platform = container.platform()
        transact = container.transact()
        is_known = transact.read(lambda work: operator.is_known(work, command.principal))
        made = transact(lambda work: operator.operator_grant(work, command, platform=platform))
        given = transact.read(lambda work: work.roles.find(made.role_id))
    if not is_known:
        click.echo(
            f"ktrlplane: Nobody has called as {made.holder} yet. If that is not what a token will "
            "say (a service account's ends in @clients), revoke it and grant again.",
            err=True,
        )
    if made.scope == GLOBAL and given is not None and not given.is_hidden:
        click.echo(
            "ktrlplane: At global scope a role gives what concerns the platform itself, and "
            "nothing in any organization or project.",
            err=True,
        )
    click.echo(f"granted: {made.holder} has {role} on {made.scope} ({made.assignment_id})")


@click.command()
@_named_grant
@config_option
@click.pass_context
def revoke(
    context: click.Context, *, principal: str, role: str, scope_type: str, scope_id: str
) -> None:
    """Take back a role, expired or not."""
    who, where = _principal(principal), scope_of(scope_type, scope_id)
    with current(settings_of(context)) as container:
        platform = container.platform()
        container.transact()(
            lambda work: operator.operator_revoke(work, who, role, where, platform=platform)
        )
    click.echo(f"revoked: {who} no longer has {role} on {where}")


@click.command()
@click.option("--principal", metavar="P", help="Only theirs.")
@config_option
@click.pass_context
def grants(context: click.Context, principal: str | None) -> None:
    """List who has which role where, oldest first, expired ones too."""
    who = None if principal is None else _principal(principal)
    with current(settings_of(context)) as container:
        held = container.transact().read(lambda work: operator.operator_grants(work, who))
        now = container.platform().now()
    rows = [_row(view, now) for view in held]
    for line in table(("PRINCIPAL", "ROLE", "SCOPE", "EXPIRES"), rows):
        click.echo(line)


def _row(view: operator.OperatorView, now: datetime) -> tuple[str, ...]:
    held = view.assignment
    expires = "never" if held.expires_at is None else f"{held.expires_at:%Y-%m-%dT%H:%M:%SZ}"
    note = "" if held.holds_at(now) else " (expired)"
    return str(held.holder), view.role_name, str(held.scope), expires + note


def _principal(text: str) -> Holder:
    try:
        return GroupId(text) if _GROUP.fullmatch(text) else PrincipalId(text)
    except ValueError as exc:
        raise click.BadParameter(str(exc), param_hint="--principal") from None
