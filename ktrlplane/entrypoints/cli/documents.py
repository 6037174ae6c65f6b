"""What can be shown without a database: catalog, API document, settings."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs
import click
import orjson

from ktrlplane.domain.access import Permission
from ktrlplane.domain.catalog import BrokenCatalog, Catalog
from ktrlplane.domain.documents import Document
from ktrlplane.domain.ids import Identity
from ktrlplane.domain.settings import SettingsSchema
from ktrlplane.entrypoints.cli.options import config_option, settings_of
from ktrlplane.entrypoints.container import Container


@click.group()
def catalog() -> None:
    """Check or print a catalog: that of the settings, unless a PATH is given."""


@catalog.command()
@click.argument("path", required=False, type=click.Path(path_type=Path))
@config_option
@click.pass_context
def validate(context: click.Context, path: Path | None) -> None:
    """List every fault, one a line, and exit 1; or say what is there."""
    loaded = _catalog(context, path)
    kinds = loaded.resource_types
    tiers = sum(len(kind.tiers) for kind in kinds)
    counted = (
        _counted(len(kinds), "resource type"),
        _counted(tiers, "tier"),
        _counted(len(loaded.roles), "role"),
    )
    click.echo(f"The catalog of {loaded.platform} is valid: {', '.join(counted)}.")


def _counted(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


@catalog.command()
@click.argument("path", required=False, type=click.Path(path_type=Path))
@config_option
@click.pass_context
def show(context: click.Context, path: Path | None) -> None:
    """Print it as JSON, with each tier's settings schema as it comes out."""
    _print(_catalog(context, path))


@click.command()
@config_option
@click.pass_context
def openapi(context: click.Context) -> None:
    """Print the OpenAPI document."""
    from ktrlplane.entrypoints.http import app, openapi  # noqa: PLC0415 - Falcon, for this alone

    document = openapi.document(app.OPERATIONS, _catalog(context, None))
    _print(document)


@click.command()
@config_option
@click.pass_context
def config(context: click.Context) -> None:
    """Print every setting as it is in force, secrets masked."""
    for name, value in settings_of(context).shown():
        click.echo(f"{name}={value}")


def _catalog(context: click.Context, path: Path | None) -> Catalog:
    """Raises: BrokenCatalog, without the folder where a person has just named it."""
    settings = settings_of(context)
    if path is None:
        return Container(settings=settings).catalog()
    try:
        return Container(settings=attrs.evolve(settings, catalog=path)).catalog()
    except BrokenCatalog as broken:
        raise BrokenCatalog(broken.faults) from None


def _print(document: object) -> None:
    click.echo(orjson.dumps(document, option=orjson.OPT_INDENT_2, default=_plain).decode())


def _plain(value: Any) -> object:
    match value:
        case SettingsSchema():
            return value.effective
        case Document() | Identity():
            return value.value
        case Permission():
            return str(value)
        case Mapping():
            return dict(value)
    # attrs: what has a name that begins with an underscore is nobody else's business.
    names = (known.name for known in attrs.fields(type(value)) if known.name[0] != "_")
    return {name: getattr(value, name) for name in names}
