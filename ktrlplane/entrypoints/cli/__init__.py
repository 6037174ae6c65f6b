"""The command line: ``ktrlplane``."""

import sys
from collections.abc import Sequence
from importlib.metadata import version

import click

from ktrlplane.entrypoints.cli import access, audit, database, documents, limits, payments, serving
from ktrlplane.entrypoints.cli.options import config_option
from ktrlplane.entrypoints.cli.refusals import sentences

USAGE = 2


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(version("ktrlplane"), message="%(version)s")
@config_option
def ktrlplane() -> None:
    """The control plane of a SaaS platform.

    Settings come from KTRLPLANE_* variables or a TOML file; "ktrlplane config" shows them.
    """


for command in (
    serving.serve,
    serving.worker,
    database.migrate,
    access.token,
    access.grant,
    access.revoke,
    access.grants,
    limits.limits,
    audit.audit,
    payments.payments,
    documents.catalog,
    documents.openapi,
    documents.config,
):
    ktrlplane.add_command(command)


def main(arguments: Sequence[str] | None = None) -> None:
    """Every failure is told in sentences on standard error; 2 for wrong usage, else 1."""
    sys.exit(run(arguments))


def run(arguments: Sequence[str] | None = None) -> int:
    try:
        status = ktrlplane.main(arguments, prog_name="ktrlplane", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as exc:
        click.echo(exc.format_message(), err=True)
        return USAGE
    except click.UsageError as exc:
        _tell(f"{exc.format_message()} See: ktrlplane {_path(exc)}--help")
        return USAGE
    except (click.Abort, KeyboardInterrupt):
        return 130
    except Exception as exc:
        told = sentences(exc)
        if told is None:
            raise
        for sentence in told:
            _tell(sentence)
        return 1
    return status if isinstance(status, int) else 0


def _tell(sentence: str) -> None:
    click.echo(f"ktrlplane: {sentence}", err=True)


def _path(exc: click.UsageError) -> str:
    words = exc.ctx.command_path.split()[1:] if exc.ctx else []
    return " ".join([*words, ""])
