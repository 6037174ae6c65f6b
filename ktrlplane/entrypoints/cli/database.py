"""``ktrlplane migrate``."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import click

from ktrlplane.domain.services.operator import synchronize_catalog
from ktrlplane.domain.services.wishes import allows
from ktrlplane.entrypoints.cli.adoption import told, write_report
from ktrlplane.entrypoints.cli.databases import opened
from ktrlplane.entrypoints.cli.options import config_option, settings_of
from ktrlplane.entrypoints.container import Container
from ktrlplane.ports.adoption import TAKEN_OVER, Adoption, AdoptionReport


@click.command()
@click.option("--to", "to", metavar="V", help="Go as far as this version and no further.")
@click.option("--check", is_flag=True, help="Change nothing; exit 1 if anything is to be done.")
@click.option(
    "--report",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write what becomes of a former system's rows there, as JSON with every id.",
)
@config_option
@click.pass_context
def migrate(context: click.Context, to: str | None, report: Path | None, *, check: bool) -> int:
    """Bring the database to the current schema, with its data kept.

    A database of the system that KtrlPlane replaces is taken over: see
    docs/operations/migration.md.
    """
    with opened(settings_of(context)) as container:
        if check:
            return _look(container, to, report)
        migrations = container.migrations()
        applied = migrations.apply(to, adoption=_adoption(container))
        for step in applied:
            click.echo(f"applied: {step}")
        left = migrations.pending()
        if left:
            return _tell_pending(left, to, status=0)
        platform = container.platform()
        container.transact()(lambda work: synchronize_catalog(work, platform=platform))
        _tell_report(migrations.adopted(), report, aloud=TAKEN_OVER in applied)
        click.echo("The database is at the current schema.")
    return 0


def _look(container: Container, to: str | None, report: Path | None) -> int:
    migrations = container.migrations()
    pending = migrations.pending(to)
    if TAKEN_OVER in migrations.pending():
        expected = migrations.preview(_adoption(container))
        _tell_report(expected, report, aloud=True)
        click.echo("")
    else:
        _tell_report(migrations.adopted(), report, aloud=False)
    return _tell_pending(pending, to)


def _adoption(container: Container) -> Adoption:
    platform = container.platform()
    return Adoption(
        catalog=platform.catalog,
        invitation_ttl=platform.invitation_ttl,
        reserved_ids=platform.reserved,
        allows=partial(allows, platform=platform),
    )


def _tell_report(report: AdoptionReport | None, path: Path | None, *, aloud: bool) -> None:
    """A file that was asked for is written whenever there is something for it."""
    if report is None:
        return
    if path is not None:
        write_report(path, report)
    if aloud:
        for line in told(report):
            click.echo(line)


def _tell_pending(steps: Sequence[str], to: str | None, status: int = 1) -> int:
    for step in steps:
        click.echo(f"pending: {step}")
    if not steps:
        at = "the current schema" if to is None else f"{to} or further"
        click.echo(f"The database is at {at}.")
    return status if steps else 0
