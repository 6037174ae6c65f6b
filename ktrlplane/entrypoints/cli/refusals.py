"""What a person is told when a command cannot do its work."""

from collections.abc import Sequence
from typing import Final

import click

from ktrlplane.domain.catalog import BrokenCatalog
from ktrlplane.domain.errors import DomainError, ValidationFailed
from ktrlplane.entrypoints.container.payments import NotSimulated
from ktrlplane.entrypoints.serving.addresses import CannotListen
from ktrlplane.entrypoints.serving.supervisor import ServingFailed
from ktrlplane.entrypoints.settings import WrongSettings
from ktrlplane.ports.database import CannotMigrate, DatabaseUnavailable


class Refused(Exception):
    """A command that cannot be done as things are. ``str()`` is a sentence for a person."""


_TOLD_BY_STR: Final = (
    CannotListen,
    CannotMigrate,
    DatabaseUnavailable,
    NotSimulated,
    Refused,
    ServingFailed,
)


def sentences(exc: BaseException) -> Sequence[str] | None:
    """None for what nobody foresaw: a fault in the program, which needs its traceback."""
    told: Sequence[str] | None
    match exc:
        case WrongSettings():
            told = exc.faults
        case BrokenCatalog():
            named = f"KTRLPLANE_CATALOG names {exc.folder}, which is no catalog that can be used."
            faults = tuple(f"{fault.pointer}: {fault.detail}" for fault in exc.faults)
            told = faults if exc.folder is None else (named, *faults)
        case ValidationFailed():
            told = tuple(fault.detail for fault in exc.faults)
        case DomainError():
            told = (exc.detail,)
        case click.ClickException():
            told = (exc.format_message(),)
        case _:
            told = (str(exc),) if isinstance(exc, _TOLD_BY_STR) else None
    return told
