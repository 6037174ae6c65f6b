"""What people play with the payment simulator, told as a provider would tell it."""

from typing import Final
from uuid import uuid4

from ktrlplane.domain.ids import CustomerId
from ktrlplane.domain.services.payment_notices import heed_notice
from ktrlplane.domain.services.platform import Platform
from ktrlplane.entrypoints.transactions import Transact
from ktrlplane.ports.payment_notices import Notice

_ABOUT_METHODS: Final = "card"


def tell_played(
    transact: Transact, platform: Platform, customer_id: CustomerId, what: str
) -> None:
    """So that somebody looks again at who has this customer."""
    notice = Notice(
        notice_id=f"sim_evt_{uuid4().hex}",
        customer_id=customer_id,
        about_method=_ABOUT_METHODS in what,
    )
    transact(lambda work: heed_notice(work, notice, platform=platform))
