"""The payment provider, from the command line."""

from datetime import datetime, timedelta
from functools import partial
from typing import Final

import click
from attrs import evolve

from ktrlplane.domain.access import Scope
from ktrlplane.domain.ids import CustomerId
from ktrlplane.domain.services.merchants import bind
from ktrlplane.entrypoints.cli.arguments import scope_of
from ktrlplane.entrypoints.cli.databases import current
from ktrlplane.entrypoints.cli.offering import SIMULATED, sync
from ktrlplane.entrypoints.cli.options import config_option, settings_of
from ktrlplane.entrypoints.cli.refusals import Refused
from ktrlplane.entrypoints.container import Container
from ktrlplane.entrypoints.container.payments import (
    WHAT_IS_PLAYED,
    pass_simulated_time,
    play_simulated,
)
from ktrlplane.entrypoints.played import tell_played
from ktrlplane.entrypoints.settling import SettleAccounts
from ktrlplane.ports.unit_of_work import UnitOfWork

_PAYERS: Final = ("organization", "project")


@click.group()
def payments() -> None:
    """The payment provider: what it sells, and what people play where it is simulated."""


payments.add_command(sync)


@payments.command()
@click.argument("what", type=click.Choice(WHAT_IS_PLAYED))
@click.option("--scope-type", type=click.Choice(_PAYERS), help="Who pays, with --scope-id.")
@click.option("--scope-id", metavar="I")
@click.option("--customer", metavar="C", help="The customer's id, instead.")
@config_option
@click.pass_context
def play(
    context: click.Context,
    *,
    what: str,
    scope_type: str | None,
    scope_id: str | None,
    customer: str | None,
) -> None:
    """Have something happen to a customer of the simulator.

    The platform is told as a real provider would tell it, and looks at once.
    """
    named = _named(scope_type, scope_id, customer)
    with current(settings_of(context)) as container:
        customer_id = _customer(container, named) if isinstance(named, Scope) else named
        click.echo(play_simulated(container.payments(), what, customer_id))
        platform, transact = container.platform(), container.transact()
        settling = SettleAccounts(transact, platform, container.payments)
        looking = evolve(transact, settle=settling.at_once)
        tell_played(looking, platform, customer_id, what)


@payments.command("bind")
@config_option
@click.pass_context
def bind_(context: click.Context) -> None:
    """Say that the customers in the database are those of the account whose key is set.

    A key of any other account, or of the other mode of this one, is refused from then on. Nobody
    has to say this but who has moved the customers to another account: whom that does not have
    is lost.
    """
    settings = settings_of(context)
    if settings.stripe_secret_key is None:
        raise Refused(SIMULATED)
    with current(settings) as container:
        present = container.payment_provider().merchant()
        if present is None:
            raise Refused(
                "The payment provider does not say whose key this is. A restricted key has to be "
                "allowed to read the account."
            )
        before = container.transact()(partial(bind, present=present))
        was = "nobody's" if before is None else f"those of {before}"
        click.echo(f"The customers are those of {present} from now on; until now {was}.")


@payments.command()
@click.option("--days", required=True, type=click.IntRange(1, 3660), metavar="N")
@config_option
@click.pass_context
def later(context: click.Context, *, days: int) -> None:
    """Move the simulator's time on, for all of its customers: periods end, and are billed."""
    with current(settings_of(context)) as container:
        pass_simulated_time(container.payments(), timedelta(days=days))
        scopes = container.transact().read(lambda work: work.billing.with_customers())
        now = container.clock().now()
        for scope in scopes:
            container.transact()(partial(_look, scope=scope, at=now))
        click.echo(f"It is {days} days later there.")


def _named(
    scope_type: str | None, scope_id: str | None, customer: str | None
) -> Scope | CustomerId:
    if (customer is None) is (scope_type is None and scope_id is None):
        raise click.UsageError("Say who: --scope-type and --scope-id, or --customer.")
    if customer is not None:
        try:
            return CustomerId(customer)
        except ValueError as exc:
            raise click.BadParameter(str(exc), param_hint="--customer") from None
    if scope_type is None:
        raise click.UsageError("Missing option '--scope-type': organization or project?")
    return scope_of(scope_type, scope_id or "")


def _customer(container: Container, scope: Scope) -> CustomerId:
    account = container.transact().read(lambda work: work.billing.find(scope))
    if account is None or account.customer_id is None:
        raise Refused(f"There is no customer for {scope} yet; it has not begun to pay.")
    return account.customer_id


def _look(work: UnitOfWork, *, scope: Scope, at: datetime) -> None:
    work.billing.touch([scope], at)
