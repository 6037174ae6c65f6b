"""What the payment provider tells by itself (product.md R5.5). It is taken as a reason to look,
and for nothing else: what has become of an account is read from the provider, so that no order
in which notices come, and no notice that is old, says anything wrong."""

from datetime import timedelta
from typing import Final

from attrs import evolve

from ktrlplane.domain.services.platform import Platform
from ktrlplane.ports.payment_notices import Notice
from ktrlplane.ports.unit_of_work import UnitOfWork

KEPT_FOR: Final = timedelta(days=40)
"""The provider tells again for some days; and signatures are refused long before this."""


def heed_notice(work: UnitOfWork, notice: Notice, *, platform: Platform) -> bool:
    """Whether it is new, and about somebody who is known here."""
    now = platform.now()
    if not work.billing.note(notice.notice_id, now) or notice.customer_id is None:
        return False
    account = work.billing.of_customer(notice.customer_id)
    if account is None:
        return False
    if not notice.about_method:
        work.billing.look_at(account.scope, now)
        return True
    work.access.hold(account.scope)
    account = work.billing.find(account.scope) or account
    work.billing.change(evolve(account, pay_again=True, updated_at=now))
    work.billing.touch([account.scope], now)
    return True


def forget_notices(work: UnitOfWork, *, limit: int, platform: Platform) -> int:
    """How many."""
    return work.billing.forget_notices(platform.now() - KEPT_FOR, limit)
