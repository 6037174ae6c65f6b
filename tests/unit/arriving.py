"""Somebody who was invited, and comes."""

from typing import Any

from ktrlplane.domain.access import Role, RoleAssignment
from ktrlplane.domain.ids import PrincipalId
from ktrlplane.domain.invitations import Invitation
from ktrlplane.entrypoints.recognition import welcome
from ktrlplane.entrypoints.transactions import Transact
from ktrlplane.ports.identity import Claims
from tests.builders import DAY, VIEWER, an_invitation
from tests.platforms import Acting
from tests.unit.acme import ORG, held_by

NEW = "new@example.org"
NINA, TWIN = PrincipalId("auth0|nina"), PrincipalId("google|nina")


def sign_in(
    do: Acting, who: PrincipalId = NINA, email: str | None = NEW, **but: Any
) -> list[RoleAssignment]:
    """What somebody holds once they have come with a token."""
    welcome(Transact(do.units), claims_of(do, who, email, **but), do.platform)
    return held_by(do, who)


def claims_of(do: Acting, who: PrincipalId = NINA, email: str | None = NEW, **but: Any) -> Claims:
    known: dict[str, Any] = {
        "principal_id": who,
        "email": email,
        "email_verified": email is not None,
        "name": "Nina",
        "is_service_account": False,
        "issued_at": do.platform.now(),
        "expires_at": do.platform.now() + DAY,
    }
    return Claims(**known | but)


def keep(do: Acting, role: Role = VIEWER, scope: str = ORG, **but: Any) -> Invitation:
    made = an_invitation(but.pop("email", NEW), role, scope, but.pop("number", None), **but)
    do.keep(made)
    return made
