"""The payment provider, from the command line."""

from datetime import timedelta
from typing import Final

import click
from attrs import evolve

from ktrlplane.domain.access import Scope
from ktrlplane.domain.ids import CustomerId
from ktrlplane.entrypoints.cli.arguments import scope_of
from ktrlplane.entrypoints.cli.databases import current
from ktrlplane.entrypoints.cli.offering import sync
from ktrlplane.entrypoints.cli.options import config_option, settings_of
from ktrlplane.entrypoints.cli.refusals import Refused
from ktrlplane.entrypoints.container import (
    WHAT_IS_PLAYED,
    Container,
    pass_simulated_time,
    play_simulated,
)
from ktrlplane.ports.unit_of_work import UnitOfWork

_PAYERS: Final = ("organization", "project")


@click.group()
def payments() -> None:
    """The payment provider: what it sells, and what people play where it is simulated."""


payments.add_command(sync)


@payments.command()
@click.argument("what", type=click.Choice(WHAT_IS_PLAYED))
@click.option("--scope-type", required=True, type=click.Choice(_PAYERS))
@click.option("--scope-id", required=True, metavar="I")
@config_option
@click.pass_context
def play(context: click.Context, *, what: str, scope_type: str, scope_id: str) -> None:
    """Have something happen to a customer of the simulator.

    The platform is told as a real provider would tell it, and looks within a second.
    """
    scope = scope_of(scope_type, scope_id)
    with current(settings_of(context)) as container:
        customer_id = _customer(container, scope)
        click.echo(play_simulated(container, what, customer_id))
        _look(container, scope, pay_again="card" in what)


@payments.command()
@click.option("--days", required=True, type=click.IntRange(1, 3660), metavar="N")
@config_option
@click.pass_context
def later(context: click.Context, *, days: int) -> None:
    """Move the simulator's time on, for all of its customers: periods end, and are billed."""
    with current(settings_of(context)) as container:
        pass_simulated_time(container, timedelta(days=days))
        scopes = container.transact().read(lambda work: work.billing.with_customers())
        for scope in scopes:
            _look(container, scope, pay_again=False)
        click.echo(f"It is {days} days later there.")


def _customer(container: Container, scope: Scope) -> CustomerId:
    account = container.transact().read(lambda work: work.billing.find(scope))
    if account is None or account.customer_id is None:
        raise Refused(f"There is no customer for {scope} yet; it has not begun to pay.")
    return account.customer_id


def _look(container: Container, scope: Scope, *, pay_again: bool) -> None:
    now = container.clock().now()

    def touch(work: UnitOfWork) -> None:
        work.access.hold(scope)
        account = work.billing.find(scope)
        if account is not None and pay_again:
            work.billing.change(evolve(account, pay_again=True))
        work.billing.touch([scope], now)

    container.transact()(touch)
