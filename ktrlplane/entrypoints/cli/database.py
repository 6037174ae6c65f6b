"""``ktrlplane migrate``."""

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
        pending = migrations.pending()
        if check:
            for version in pending:
                click.echo(f"pending: {version}")
            click.echo("The database needs ktrlplane migrate." if pending else "Up to date.")
            return 1 if pending else 0
        migrations.apply(to)
        left = migrations.pending()
        if not left:
            platform = container.platform()
            container.transact()(lambda work: synchronize_catalog(work, platform=platform))
        for version in pending:
            if version not in left:
                click.echo(f"applied: {version}")
        click.echo("Up to date." if not left else f"{len(left)} migrations are left.")
    return 0
