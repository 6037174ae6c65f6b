"""The log of what happened: proving it, handing it out, and for how long it is kept."""

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import chain, islice
from typing import Final, TextIO

import click

from ktrlplane.domain.access import GLOBAL, Scope, ScopeType
from ktrlplane.domain.audit import LEAST_DAYS, MOST_DAYS, Link, Place, Retention
from ktrlplane.domain.services import audit as service
from ktrlplane.domain.services import exports, retention
from ktrlplane.domain.verification import Verdict, Verification
from ktrlplane.entrypoints.cli.arguments import moment_of, scope_of
from ktrlplane.entrypoints.cli.databases import current
from ktrlplane.entrypoints.cli.options import Command, config_option, settings_of
from ktrlplane.entrypoints.cli.refusals import Refused
from ktrlplane.entrypoints.container import Container
from ktrlplane.entrypoints.exporting import portions
from ktrlplane.entrypoints.transactions import Transact

_CHAINS: Final = 100
_FOR_EVER: Final = "all"


@click.group()
def audit() -> None:
    """The log of what happened: prove that it is whole, export it, say how long it is kept."""


def _of_a_tenant(command: Command) -> Command:
    for option in (
        click.option("--platform", is_flag=True, help="What happened outside of every tenant."),
        click.option("--project", metavar="P", help="A project that has no organization."),
        click.option("--organization", metavar="O"),
    ):
        command = option(command)
    return command


def _tenant(organization: str | None, project: str | None, *, platform: bool) -> Scope | None:
    named = [
        *([scope_of(ScopeType.ORGANIZATION, organization)] if organization is not None else []),
        *([scope_of(ScopeType.PROJECT, project)] if project is not None else []),
        *([GLOBAL] if platform else []),
    ]
    if len(named) > 1:
        raise click.UsageError("Name one of --organization, --project and --platform.")
    return named[0] if named else None


def _required(tenant: Scope | None) -> Scope:
    if tenant is None:
        raise click.UsageError("Whose log? Name --organization, --project or --platform.")
    return tenant


@audit.command()
@_of_a_tenant
@click.option(
    "--expect",
    metavar="SEQUENCE:HASH",
    help="A place in the chain that was kept elsewhere, as this command prints it.",
)
@click.option(
    "--file",
    type=click.File(encoding="utf-8", errors="surrogateescape"),
    help="An export, - for standard input. Needs no database.",
)
@config_option
@click.pass_context
def verify(
    context: click.Context,
    *,
    organization: str | None,
    project: str | None,
    platform: bool,
    expect: str | None,
    file: TextIO | None,
) -> int:
    """Check chains, all unless one is named; exit 1 where one is broken.

    One line a chain: how many entries, and the place of the last one. Keep that elsewhere, and
    --expect it later: an end that was cut off cannot be seen otherwise.
    """
    tenant = _tenant(organization, project, platform=platform)
    expected = None if expect is None else _place(expect)
    if file is not None:
        return _told([_verified_file(file, tenant, expected)])
    if tenant is None and expected is not None:
        raise click.UsageError("Whose place is expected? Name the chain.")
    with current(settings_of(context)) as container:
        transact = container.transact()
        tenants = _all(transact) if tenant is None else [tenant]
        return _told(_verified(transact, one, expected) for one in tenants)


def _place(text: str) -> Place:
    try:
        return Place.parse(text)
    except ValueError as exc:
        raise click.BadParameter(str(exc), param_hint="--expect") from None


def _all(transact: Transact) -> Iterator[Scope]:
    after: Scope | None = None
    while True:
        ask = partial(service.next_tenants, after=after, limit=_CHAINS)
        tenants = transact.read(ask)
        yield from tenants
        if len(tenants) < _CHAINS:
            return
        after = tenants[-1]


def _verified(transact: Transact, tenant: Scope, expected: Place | None) -> Verdict:
    return transact.read(partial(service.verify_chain, tenant=tenant, expected=expected))


def _verified_file(file: TextIO, tenant: Scope | None, expected: Place | None) -> Verdict:
    """In portions: it may be longer than memory."""
    links: Iterator[Link | None] = map(_link, file)
    first = next(links, None)
    if first is None:
        raise Refused(f"{file.name} does not begin with an entry of a log.")
    seen = Verification.of_export(first, expected)
    if tenant is not None and first.tenant != str(tenant):
        raise Refused(f"{file.name} is an export of {first.tenant}, not of {tenant}.")
    links = chain([first], links)
    while not seen.is_over and (some := list(islice(links, service.PORTION))):
        seen = seen.fed(some)
    return Verdict.of(seen.ended())


def _link(line: str) -> Link | None:
    try:
        return Link.read(line.removesuffix("\n"))
    except ValueError:
        return None


def _told(verdicts: Iterable[Verdict]) -> int:
    broken = 0
    for one in verdicts:
        if one.finding is None:
            since = f" since {one.start.sequence}" if one.start.sequence else ""
            click.echo(f"whole: {one.tenant}: {_counted(one.count)}{since}, last {one.head}")
        else:
            broken += 1
            found = one.finding
            named = "" if found.event_id is None else f" ({found.event_id})"
            click.echo(
                f"broken: {one.tenant}: at {found.sequence}{named}, {found.wrong}: {found.detail}"
            )
    return 1 if broken else 0


def _counted(count: int) -> str:
    return "1 entry" if count == 1 else f"{count} entries"


@audit.command()
@_of_a_tenant
@click.option("--after", type=click.IntRange(min=0), metavar="N", help="Go on after entry N.")
@click.option("--since", metavar="T", help="RFC 3339, such as 2030-01-31T12:00:00Z; included.")
@click.option("--until", metavar="T", help="Not included.")
@config_option
@click.pass_context
def export(
    context: click.Context,
    *,
    organization: str | None,
    project: str | None,
    platform: bool,
    after: int | None,
    since: str | None,
    until: str | None,
) -> None:
    """Print a chain, an entry a line, oldest first (NDJSON)."""
    tenant = _required(_tenant(organization, project, platform=platform))
    wish = exports.Wish(
        after=after,
        since=None if since is None else moment_of(since, "--since"),
        until=None if until is None else moment_of(until, "--until"),
    )
    with current(settings_of(context)) as container:
        for lines in _portions(container, tenant, wish):
            click.echo("\n".join(lines))


def _portions(container: Container, tenant: Scope, wish: exports.Wish) -> Iterator[Sequence[str]]:
    transact, platform = container.transact(), container.platform()
    begun = transact.read(
        lambda work: exports.begin_export(
            work, tenant, wish, of_a_chain=True, actor=None, platform=platform
        )
    )
    return portions(transact, begun, actor=None, platform=platform)


@audit.command("retention")
@_of_a_tenant
@click.option(
    "--days",
    metavar="N",
    help=f"Keep entries for {LEAST_DAYS} to {MOST_DAYS} days, or {_FOR_EVER} of them.",
)
@config_option
@click.pass_context
def retention_(
    context: click.Context,
    *,
    organization: str | None,
    project: str | None,
    platform: bool,
    days: str | None,
) -> None:
    """Say, or set, for how long a log is kept. What is older goes within days, for good."""
    tenant = _required(_tenant(organization, project, platform=platform))
    wanted = None if days is None else _retention(days)
    with current(settings_of(context)) as container:
        transact, known = container.transact(), container.platform()
        if wanted is None:
            kept = transact.read(partial(retention.operator_retention, tenant=tenant))
        else:
            kept = transact(
                partial(
                    retention.operator_set_retention,
                    tenant=tenant,
                    retention=wanted,
                    platform=known,
                )
            )
    told = "for ever" if kept.days is None else f"for {kept.days} days"
    click.echo(f"kept {told}: {tenant}")


def _retention(text: str) -> Retention:
    try:
        return Retention(days=None if text == _FOR_EVER else int(text))
    except ValueError:
        raise click.BadParameter(
            f"Write a number from {LEAST_DAYS} to {MOST_DAYS}, or {_FOR_EVER}.",
            param_hint="--days",
        ) from None
