"""What commands are told, read as the domain has it."""

from datetime import UTC, datetime
from typing import Final

import click

from ktrlplane.domain.access import Scope, ScopeType

SCOPE_TYPES: Final = tuple(str(scope_type) for scope_type in ScopeType)


def scope_of(scope_type: str, scope_id: str) -> Scope:
    if not scope_id and scope_type != ScopeType.GLOBAL:
        raise click.UsageError(f"Missing option '--scope-id': which {scope_type}?")
    try:
        return Scope.parse(scope_type, scope_id)
    except ValueError as exc:
        raise click.BadParameter(str(exc), param_hint="--scope-id") from None


def moment_of(text: str, option: str = "--expires-at") -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise click.BadParameter(
            "Write a time with its zone, such as 2030-01-31T12:00:00Z.", param_hint=option
        )
    return moment.astimezone(UTC)
