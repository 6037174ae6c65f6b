"""Inviting people by e-mail, and letting them in once they have proven who they are."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime

from attrs import evolve

from ktrlplane.domain.access import Action, Role, RoleAssignment, Scope
from ktrlplane.domain.errors import (
    AlreadyExists,
    Conflict,
    DomainError,
    Fault,
    NotFound,
    ValidationFailed,
)
from ktrlplane.domain.events import EventType
from ktrlplane.domain.ids import InvitationId, PrincipalId
from ktrlplane.domain.invitations import Invitation
from ktrlplane.domain.paging import Page, PageRequest, name_key
from ktrlplane.domain.services.platform import Expectation, Platform, expect
from ktrlplane.domain.services.standings import (
    hold_to_manage,
    require_alive,
    require_no_more_than_held,
    standing_on,
)
from ktrlplane.domain.services.telling import tell
from ktrlplane.domain.standings import Standing, missing_from
from ktrlplane.domain.users import User
from ktrlplane.ports.invitations import InvitationView
from ktrlplane.ports.mail import is_mailable
from ktrlplane.ports.unit_of_work import UnitOfWork


def invite(
    work: UnitOfWork,
    standing: Standing,
    email: str,
    role: Role,
    *,
    role_expires_at: datetime | None,
    actor: PrincipalId,
    platform: Platform,
) -> InvitationView:
    """For ``grant_role``, which has made sure that ``actor``, who has this standing, may.

    Raises: AlreadyExists, ValidationFailed for an address that no mail can go to.
    """
    now = platform.now()
    if not is_mailable(email):
        detail = "No mail can go to this address, so nobody can be invited by it; correct it."
        raise ValidationFailed([Fault("/email", "invalid", detail)])
    invitation = Invitation(
        invitation_id=InvitationId.new(now),
        email=email,
        role_id=role.role_id,
        scope=standing.scope,
        invited_by=actor,
        created_at=now,
        expires_at=now + platform.invitation_ttl,
        role_expires_at=role_expires_at,
        mail_due_at=now,
    )
    work.invitations.add(invitation)
    created = EventType.INVITATION_CREATED
    tell(work, created, standing.path, None, invitation, actor=actor, platform=platform)
    return work.invitations.get(invitation.invitation_id)


def list_invitations(
    work: UnitOfWork,
    scope: Scope,
    page: PageRequest,
    *,
    actor: PrincipalId,
    platform: Platform,
) -> Page[InvitationView]:
    """Directly to the scope, those that have expired too. Raises: NotFound, Forbidden."""
    standing_on(work, scope, actor, platform.now()).require(Action.MANAGE_ACCESS)
    return work.invitations.of(scope, page)


def read_invitation(
    work: UnitOfWork,
    scope: Scope,
    invitation_id: InvitationId,
    *,
    actor: PrincipalId,
    platform: Platform,
) -> InvitationView:
    """Raises: NotFound, Forbidden."""
    standing_on(work, scope, actor, platform.now()).require(Action.MANAGE_ACCESS)
    return _directly_to(work, scope, invitation_id)


def resend_invitation(
    work: UnitOfWork,
    scope: Scope,
    invitation_id: InvitationId,
    *,
    as_seen: Expectation[InvitationView] | None = None,
    actor: PrincipalId,
    platform: Platform,
) -> InvitationView:
    """From now on ``actor`` is who invites, for the whole time again.

    Raises: NotFound, Forbidden, PreconditionFailed, InvalidTransition, Conflict where what it
    would give has expired itself.
    """
    now = platform.now()
    standing = hold_to_manage(work, scope, actor, now)
    require_alive(work, scope)
    view = _directly_to(work, scope, invitation_id)
    expect(view, as_seen)
    require_no_more_than_held(standing, view.role.permissions, f"The role {view.role.name}")
    again = view.invitation.sent_again(actor, lasts=platform.invitation_ttl, now=now)
    if not again.is_open(now):
        raise Conflict("What it would give has expired; revoke it and invite again.")
    work.invitations.replace(again)
    kind, before = EventType.INVITATION_RESENT, view.invitation
    tell(work, kind, standing.path, before, again, actor=actor, platform=platform)
    return work.invitations.get(invitation_id)


def revoke_invitation(
    work: UnitOfWork,
    scope: Scope,
    invitation_id: InvitationId,
    *,
    as_seen: Expectation[InvitationView] | None = None,
    actor: PrincipalId,
    platform: Platform,
) -> None:
    """Raises: NotFound, Forbidden, PreconditionFailed."""
    standing = hold_to_manage(work, scope, actor, platform.now())
    view = _directly_to(work, scope, invitation_id)
    expect(view, as_seen)
    work.invitations.remove(invitation_id)
    kind, before = EventType.INVITATION_REVOKED, view.invitation
    tell(work, kind, standing.path, before, actor=actor, platform=platform)


def _directly_to(work: UnitOfWork, scope: Scope, invitation_id: InvitationId) -> InvitationView:
    """Raises: NotFound, in the same words whether it is elsewhere or nowhere (R1.4)."""
    nowhere = NotFound(f"There is no invitation {invitation_id} to {scope} itself.")
    try:
        view = work.invitations.get(invitation_id)
    except NotFound:
        raise nowhere from None
    if view.invitation.scope != scope:
        raise nowhere
    return view


def awaiting(
    work: UnitOfWork, user_id: PrincipalId, *, platform: Platform
) -> Sequence[InvitationId]:
    """The open invitations to an address that the identity provider has verified to be the
    user's (R1.9), oldest first."""
    user = work.users.find(user_id)
    if user is None or not _has_proven(user):
        return []
    assert user.email is not None
    now = platform.now()
    return [one.invitation_id for one in work.invitations.to(user.email) if one.is_open(now)]


def accept_invitation(
    work: UnitOfWork, invitation_id: InvitationId, user_id: PrincipalId, *, platform: Platform
) -> None:
    """Gives the user what they were invited to, if whoever invited them may still hand it out
    (R1.5); an invitation that no longer may be is gone. An expired one stays, to be sent
    again. Doing it twice does it once.

    Raises: TooBusy at once, where others change the tenant."""
    now = platform.now()
    try:
        scope = work.invitations.get(invitation_id).invitation.scope
        work.access.hold(scope, patience_s=0)
        view = work.invitations.get(invitation_id)
    except NotFound:
        return
    invitation, user = view.invitation, work.users.find(user_id)
    if user is None or not _is_to(invitation, user) or not invitation.is_open(now):
        return
    work.invitations.remove(invitation_id)
    standing = standing_on(work, scope, invitation.invited_by, now)
    path = standing.path
    if not _is_still_meant(work, view, standing):
        revoked = EventType.INVITATION_REVOKED
        tell(work, revoked, path, invitation, actor=None, platform=platform)
        return
    accepted = EventType.INVITATION_ACCEPTED
    tell(work, accepted, path, invitation, actor=user_id, platform=platform)
    granted = RoleAssignment.granted(
        user_id,
        invitation.role_id,
        invitation.scope,
        by=invitation.invited_by,
        at=now,
        expires_at=invitation.role_expires_at,
    )
    with suppress(AlreadyExists):  # somebody granted it meanwhile
        work.assignments.add(granted)
        kind = EventType.ROLE_ASSIGNMENT_CREATED
        tell(work, kind, path, None, granted, actor=user_id, platform=platform)


def _is_to(invitation: Invitation, user: User) -> bool:
    return _has_proven(user) and name_key(user.email or "") == name_key(invitation.email)


def _has_proven(user: User) -> bool:
    return user.email is not None and user.email_verified and not user.is_service_account


def _is_still_meant(work: UnitOfWork, view: InvitationView, standing: Standing) -> bool:
    """Whether the one who invited, who has this standing now, could grant it."""
    role = view.role
    try:
        standing.require(Action.MANAGE_ACCESS)
        require_alive(work, standing.scope)
    except DomainError:
        return False
    if role.is_hidden or role.org_id not in (None, standing.org_id):
        return False
    return not missing_from(standing, role.permissions)


def due_mail(
    work: UnitOfWork, *, until: datetime, limit: int, platform: Platform
) -> Sequence[InvitationView]:
    """Invitations to be sent now by whoever asks, until ``until``."""
    return work.invitations.take_mail(platform.now(), until, limit)


def settle_mail(
    work: UnitOfWork,
    *,
    seen: Invitation,
    sent_at: datetime | None = None,
    again_at: datetime | None = None,
    platform: Platform,
) -> None:
    """The mail of the invitation as it was ``seen`` has gone out, is to be tried again, or
    will never be taken. Nothing for one that is gone or was to be sent anew meanwhile."""
    work.access.hold(seen.scope)
    try:
        present = work.invitations.get(seen.invitation_id).invitation
    except NotFound:
        return
    if present.mail_due_at == seen.mail_due_at:
        work.invitations.replace(
            evolve(present, mail_due_at=again_at, sent_at=sent_at or present.sent_at)
        )
