"""What the payment provider sells, made to match the catalog."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import click

from ktrlplane.domain.billing import Interval, Meter, Money, Price, Product
from ktrlplane.domain.offering import MakePrice, Offering, PutMeter, PutProduct, Sold, Step, Stray
from ktrlplane.entrypoints.cli.databases import current
from ktrlplane.entrypoints.cli.options import config_option, settings_of
from ktrlplane.entrypoints.cli.refusals import Refused
from ktrlplane.entrypoints.container import Container
from ktrlplane.entrypoints.offering import sold_by, synchronize
from ktrlplane.entrypoints.settings import Settings
from ktrlplane.entrypoints.tables import on_a_line

_PAST: Final = {
    "make": "made",
    "rename": "renamed",
    "replace": "replaced",
    "sell again": "sold again",
}
SIMULATED: Final = (
    "It is the simulator, which bills nobody: no KTRLPLANE_STRIPE_SECRET_KEY is set."
)
_MATCHES: Final = "The payment provider sells what the catalog does."


@click.command()
@click.option("--dry-run", is_flag=True, help="Say what would be done, and change nothing.")
@config_option
@click.pass_context
def sync(context: click.Context, *, dry_run: bool) -> None:
    """Make the payment provider's products, prices and meters match the catalog.

    Nobody pays anything else afterwards: a price that differs is made anew, for those who buy
    from now on. What the catalog does not name is told and left as it is. Run it as often as
    you like, and again where it was stopped.
    """
    settings = settings_of(context)
    if settings.stripe_secret_key is None:
        click.echo(f"ktrlplane: {SIMULATED}", err=True)
    with _container(settings) as container:
        offering = Offering.of(container.catalog(), settings.stripe_products)
        payments = container.payment_provider()
        sold = sold_by(payments)
        _require_kept(settings, sold)
        steps = offering.steps(sold) if dry_run else synchronize(payments, offering, sold)
        count = 0
        for count, step in enumerate(steps, 1):  # noqa: B007 - told below
            click.echo(_told(step, done=not dry_run))
        for stray in offering.strays(sold):
            click.echo(f"left as it is: {_named(stray)}, which the catalog does not name")
        click.echo(_total(count, dry_run=dry_run))


def _require_kept(settings: Settings, sold: Sold) -> None:
    """Raises: Refused, so that a slip of the pen makes no products."""
    there = {product.product_id for product in sold.products}
    for kept in settings.stripe_products:
        if kept.product_id not in there:
            raise Refused(
                f"The payment provider has no product {kept.product_id}, which "
                f"KTRLPLANE_STRIPE_PRODUCTS says is there for {kept.type}:{kept.sku}."
            )


@contextmanager
def _container(settings: Settings) -> Iterator[Container]:
    """What is simulated is in the database; a provider needs none."""
    if settings.stripe_secret_key is None:
        with current(settings) as container:
            yield container
    else:
        yield Container(settings=settings)


def _total(count: int, *, dry_run: bool) -> str:
    if not count:
        return _MATCHES
    steps = "1 step" if count == 1 else f"{count} steps"
    return f"{steps} to take; nothing was changed." if dry_run else f"{steps} taken. {_MATCHES}"


def _told(step: Step, *, done: bool) -> str:
    verb, what = _words(step)
    return f"{_PAST[verb] if done else f'would {verb}'}: {what}"


def _words(step: Step) -> tuple[str, str]:
    """What is done, and to what."""
    match step:
        case PutProduct():
            before = None if step.before is None else step.before.name
            return _put(_named(step.product), step.product.name, before)
        case PutMeter():
            before = None if step.before is None else step.before.display_name
            return _put(_named(step.meter), step.meter.display_name, before)
        case MakePrice(offer=offer):
            cost = _cost(offer.each, offer.interval)
            what = f"price {offer.lookup_key} of {offer.product_id}, {cost}"
            if step.before is None:
                return "make", what
            return "replace", f"{what}, {_goes_on(step.before)}"


def _put(what: str, name: str, before: str | None) -> tuple[str, str]:
    if before is None:
        return "make", what
    if before == name:
        return "sell again", what
    return "rename", f"{what}, until now {on_a_line(before)}"


def _goes_on(before: Price) -> str:
    cost = _cost(before.each, before.interval)
    return f"until now {cost}; who pays {before.price_id} of {before.product_id} goes on so"


def _cost(each: Money, interval: Interval) -> str:
    return f"{each.amount} {each.currency} each {interval}"


def _named(thing: Stray) -> str:
    match thing:
        case Product():
            return f"product {thing.product_id} ({on_a_line(thing.name)})"
        case Price():
            cost = _cost(thing.each, thing.interval)
            return f"price {on_a_line(thing.lookup_key or '')} of {thing.product_id}, {cost}"
        case Meter():
            return f"meter {on_a_line(thing.event_name)} ({on_a_line(thing.display_name)})"
