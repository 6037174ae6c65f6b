"""``ktrlplane migrate``."""

from collections.abc import Sequence

import click

from ktrlplane.domain.services.operator import synchronize_catalog
from ktrlplane.entrypoints.cli.databases import opened
from ktrlplane.entrypoints.cli.options import config_option, settings_of


@click.command()
@click.option("--to", "to", metavar="V", help="Go as far as this version and no further.")
@click.option("--check", is_flag=True, help="Change nothing; exit 1 if anything is to be done.")
@config_option
@click.pass_context
def migrate(context: click.Context, to: str | None, *, check: bool) -> int:
    """Bring the database to the current schema, with its data kept."""
    with opened(settings_of(context)) as container:
        migrations = container.migrations()
        if check:
            return _tell_pending(migrations.pending(to), to)
        for step in migrations.apply(to):
            click.echo(f"applied: {step}")
        left = migrations.pending()
        if left:
            return _tell_pending(left, to, status=0)
        platform = container.platform()
        container.transact()(lambda work: synchronize_catalog(work, platform=platform))
        click.echo("The database is at the current schema.")
    return 0


def _tell_pending(steps: Sequence[str], to: str | None, status: int = 1) -> int:
    for step in steps:
        click.echo(f"pending: {step}")
    if not steps:
        at = "the current schema" if to is None else f"{to} or further"
        click.echo(f"The database is at {at}.")
    return status if steps else 0
