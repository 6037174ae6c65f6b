"""Making a caller known, and letting them in where they were invited."""

import logging
import random
from functools import partial
from typing import Final

from ktrlplane.domain.errors import Interrupted
from ktrlplane.domain.services.invitations import accept_invitation, awaiting
from ktrlplane.domain.services.platform import Platform
from ktrlplane.domain.services.users import is_up_to_date, recognize
from ktrlplane.entrypoints.transactions import Transact
from ktrlplane.ports.identity import Claims

AT_ONCE: Final = 20
LOOKED_AT: Final = 40

_log = logging.getLogger(__name__)


def bring_up_to_date(transact: Transact, claims: Claims, platform: Platform) -> None:
    """The user with their token. Reads first: mostly there is nothing to do."""
    if not transact.read(lambda work: is_up_to_date(work, claims, platform=platform)):
        transact(lambda work: recognize(work, claims, platform=platform))


def welcome(transact: Transact, claims: Claims, platform: Platform) -> bool:
    """Brings the user up to date with their token, and accepts what waits for the address
    that it proves to be theirs (R1.9); whether that is all, and none still waits. Reads first:
    mostly there is nothing to do.

    Whoever invites does not keep the invited from their own affairs, nor from what others
    invite them to: no more than ``AT_ONCE`` are accepted, none of a tenant that is busy, and of
    many some are taken by chance, so that no number of them is always before the others.
    """
    bring_up_to_date(transact, claims, platform)
    user_id = claims.principal_id
    waiting = transact.read(lambda work: awaiting(work, user_id, platform=platform))
    is_all, accepted = len(waiting) <= AT_ONCE, 0
    if not is_all:
        waiting = random.sample(waiting, min(len(waiting), LOOKED_AT))
    for invitation_id in waiting:
        if accepted == AT_ONCE:
            break
        try:
            transact(
                partial(
                    accept_invitation,
                    invitation_id=invitation_id,
                    user_id=user_id,
                    platform=platform,
                )
            )
        except Interrupted:
            is_all = False
            _log.info("invitation_waits", extra={"invitation_id": str(invitation_id)})
        else:
            accepted += 1
    return is_all
