"""Where the settings of a command come from."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import click

from ktrlplane.entrypoints.setting_sources import load_settings
from ktrlplane.entrypoints.settings import Settings

_KEY: Final = "ktrlplane.config"

Command = Callable[..., Any]


def config_option(command: Command) -> Command:
    """``--config``, before or after the command's name."""
    return click.option(
        "--config",
        type=click.Path(path_type=Path),
        expose_value=False,
        callback=_remember,
        help="A TOML file of settings; KTRLPLANE_* variables win over it.",
    )(command)


def _remember(context: click.Context, _: click.Parameter, value: Path | None) -> None:
    if value is not None:
        context.meta[_KEY] = value


def settings_of(
    context: click.Context, *, defaults: Mapping[str, str] | None = None, **flags: object
) -> Settings:
    """``flags`` win over everything where they are given.

    Raises: WrongSettings.
    """
    given = {name: str(value) for name, value in flags.items() if value is not None}
    return load_settings(config=context.meta.get(_KEY), defaults=defaults, flags=given)
