"""What every service is given beside its command: the platform it works for."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Self, TypeVar

from attrs import evolve, field, frozen

from ktrlplane.domain.addresses import Reach
from ktrlplane.domain.catalog import Catalog
from ktrlplane.domain.errors import Fault, PreconditionFailed, ValidationFailed
from ktrlplane.domain.ids import ALWAYS_RESERVED, Label, is_reserved
from ktrlplane.domain.observability.backend_queries import Backend
from ktrlplane.ports.clock import Clock
from ktrlplane.ports.payment_notices import PaymentNotices
from ktrlplane.ports.schemas import SettingsValidator

T = TypeVar("T")
L = TypeVar("L", bound=Label)

Expectation = Callable[[T], bool]
"""Whether a thing is as its caller expects it to be, say as they saw it."""


@frozen(kw_only=True)
class Observability:
    """How the backends of logs and metrics know a resource: by a ``label`` with its id, in the
    ``tenant`` that is its ``project_id`` or ``org_id``. ``longest`` is how much time a request
    may span; ``backends`` are those that there are."""

    label: str = "resource_id"
    tenant: str = "project_id"
    longest: timedelta = timedelta(days=31)
    backends: frozenset[Backend] = frozenset()


@frozen(kw_only=True)
class Platform:
    """``reserved_ids`` come on top of those that are reserved everywhere. ``may_return_to`` says
    of a URL whether the payment provider's pages may send people there. ``request_id`` names
    the request that is served, where there is one."""

    catalog: Catalog
    validator: SettingsValidator
    clock: Clock
    reserved_ids: tuple[str, ...] = ()
    deletion_grace: timedelta = timedelta(days=1)
    invitation_ttl: timedelta = timedelta(days=7)
    payment_grace: timedelta = timedelta(days=7)
    webhook_reach: Reach = field(factory=Reach)
    may_return_to: Callable[[str], bool] = lambda _: False
    payment_notices: PaymentNotices | None = None
    observability: Observability = field(factory=Observability)
    request_id: str | None = None

    def serving(self, request_id: str) -> Self:
        return evolve(self, request_id=request_id)

    def now(self) -> datetime:
        return self.clock.now()

    @property
    def reserved(self) -> tuple[str, ...]:
        """Patterns of ids that nobody may choose."""
        return (*ALWAYS_RESERVED, *self.reserved_ids)

    def new_id(self, kind: type[L], wanted: L | None, name: str) -> L:
        """``wanted``, or one made from ``name``. Raises: ValidationFailed for a reserved one."""
        reserved = self.reserved
        if wanted is None:
            made = kind.from_name(name)
            return made if not is_reserved(made.value, reserved) else kind.from_name("")
        if is_reserved(wanted.value, reserved):
            detail = f"The id {wanted} is reserved; choose another one."
            raise ValidationFailed([Fault("/id", "reserved", detail)])
        return wanted


def expect(thing: T, as_seen: Expectation[T] | None) -> None:
    """Raises: PreconditionFailed."""
    if as_seen is not None and not as_seen(thing):
        raise PreconditionFailed(
            "It is not as the request expects it. Read it again, look at what changed, "
            "and decide again."
        )
