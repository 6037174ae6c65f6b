"""What is written to people."""

from typing import Final

from ktrlplane.domain.users import User
from ktrlplane.ports.invitations import InvitationView
from ktrlplane.ports.mail import Message

_INVITATION: Final = """\
{inviter} invites you to the {kind} "{name}", as {role}{lasting}.

To accept, sign in with this address, {email}:

{link}

The invitation ends on {expires_at:%Y-%m-%d at %H:%M} UTC. If you did not expect it, do
nothing: without you it gives nobody anything.
"""


def invitation_letter(view: InvitationView, origin: str) -> Message:
    """The same until it is sent anew; ``origin`` is where people find this platform."""
    invitation, inviter = view.invitation, view.inviter
    ends = invitation.role_expires_at
    return Message(
        to=invitation.email,
        subject=f"An invitation to {view.scope_name}",
        text=_INVITATION.format(
            inviter=_told(inviter),
            kind=invitation.scope.scope_type,
            name=view.scope_name,
            role=view.role.display_name,
            lasting="" if ends is None else f", until {ends:%Y-%m-%d at %H:%M} UTC",
            email=invitation.email,
            link=invitation.link(origin),
            expires_at=invitation.expires_at,
        ),
        key=f"{invitation.invitation_id}.{invitation.expires_at:%Y%m%d%H%M%S}",
    )


def _told(inviter: User) -> str:
    """With the address, where the identity provider vouches for it: anybody can take a name."""
    email = inviter.email if inviter.email_verified else None
    if inviter.name and email:
        return f"{inviter.name} ({email})"
    return email or inviter.name or "Somebody"
