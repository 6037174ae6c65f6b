"""What is written to people."""

import html
from collections.abc import Sequence
from typing import Final

from ktrlplane.domain.events import EventType
from ktrlplane.domain.notifications import Mailing, Notification
from ktrlplane.domain.services.notifications import DueLetter
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


SHOWN: Final = 50
"""Notifications that a mail lists; of the rest it says how many there are."""

_NEWS: Final = """\
{lead}

{items}
{rest}
It is in the list of your notifications{where}. What you are told of, and how, is yours to choose:
PUT /api/v1/notifications/preferences.
"""
_NEWS_HTML: Final = """\
<!DOCTYPE html>
<html lang="en">
<body style="font-family: sans-serif">
<p>{lead}</p>
<ul>
{items}
</ul>
{rest}<p>It is in the list of your notifications{where}. What you are told of, and how, is yours
to choose: <code>PUT /api/v1/notifications/preferences</code>.</p>
</body>
</html>
"""


def news_letter(due: DueLetter, origin: str) -> Message:
    """``origin`` is where people find this platform. Titles have names in them that anybody may
    have given."""
    assert due.user.email is not None, "who has no address gets no letter"
    shown, more = due.notifications[:SHOWN], len(due.notifications) - SHOWN
    lead = "What happened today:" if due.letter.email is Mailing.DAILY else "What just happened:"
    rest = f"And {more} more." if more > 0 else ""
    address = html.escape(origin)
    return Message(
        to=due.user.email,
        subject=_subject(due.notifications),
        text=_NEWS.format(
            lead=lead,
            items="\n".join(f"- {_told_at(one)}: {one.title}" for one in shown),
            rest=f"{rest}\n" if rest else "",
            where=f", {origin}" if origin else "",
        ),
        html=_NEWS_HTML.format(
            lead=lead,
            items="\n".join(_item(one) for one in shown),
            rest=f"<p>{rest}</p>\n" if rest else "",
            where=f', <a href="{address}">{address}</a>' if origin else "",
        ),
        key=due.letter.letter_id.value,
    )


_GIVEN: Final = frozenset({EventType.ROLE_ASSIGNMENT_CREATED, EventType.GROUP_MEMBER_ADDED})
"""Anybody may give somebody something, and has named what it is about: that is no subject."""


def _subject(notifications: Sequence[Notification]) -> str:
    first, *others = notifications
    told = "You were given access" if first.event_type in _GIVEN else first.title
    return f"{told}, and {len(others)} more" if others else told


def _item(one: Notification) -> str:
    return f"<li>{_told_at(one)}: {html.escape(one.title)}</li>"


def _told_at(one: Notification) -> str:
    return f"{one.created_at:%Y-%m-%d %H:%M} UTC"
