"""Whom a role is granted to, and which roles one may grant at a scope."""

from collections.abc import Sequence
from difflib import get_close_matches

from attrs import frozen

from ktrlplane.domain.access import Holder, Role
from ktrlplane.domain.errors import Fault, NotFound
from ktrlplane.domain.ids import GroupId, PrincipalId
from ktrlplane.domain.paging import name_key
from ktrlplane.domain.standings import Standing
from ktrlplane.ports.unit_of_work import UnitOfWork


@frozen(kw_only=True)
class Grantee:
    """``holder`` is None for an e-mail address that nobody has proven to be theirs yet."""

    holder: Holder | None
    email: str | None = None


Found = tuple[Grantee | None, list[Fault]]


def grantee(
    work: UnitOfWork,
    standing: Standing,
    *,
    user_id: PrincipalId | None,
    email: str | None,
    group_id: GroupId | None,
) -> Found:
    """Exactly one of the three names it. An address is this unit of work's from now on, so
    that who signs in with it meanwhile is not passed over."""
    if sum(one is not None for one in (user_id, email, group_id)) != 1:
        detail = "Name whom it is for by one of user_id, email and group_id."
        return None, [Fault("/user_id", "one_of", detail)]
    if user_id is not None:
        return _user(work, user_id)
    if email is not None:
        return _address(work, email)
    assert group_id is not None
    return _group(work, standing, group_id)


def _user(work: UnitOfWork, user_id: PrincipalId) -> Found:
    if work.users.find(user_id) is None:
        detail = (
            "No user with this id has signed in yet; name a person by email, which invites who "
            "is not known yet, and register a service account in its organization."
        )
        return None, [Fault("/user_id", "unknown_user", detail)]
    return Grantee(holder=user_id), []


def _address(work: UnitOfWork, email: str) -> Found:
    work.access.hold_address(email)
    known = work.users.with_email(email)
    if len(known) > 1:
        detail = "Several users have this address; name the one you mean by user_id."
        return None, [Fault("/email", "ambiguous", detail)]
    return Grantee(holder=known[0].user_id if known else None, email=email), []


def _group(work: UnitOfWork, standing: Standing, group_id: GroupId) -> Found:
    unknown = Fault("/group_id", "unknown_group", "The organization has no such group.")
    try:
        group = work.groups.get(group_id)
    except NotFound:
        return None, [unknown]
    if group.org_id != standing.readable_org():
        return None, [unknown]
    return Grantee(holder=group_id), []


def grantable_role(
    work: UnitOfWork, standing: Standing, id_or_name: str
) -> tuple[Role | None, list[Fault]]:
    """Among the platform's own that are not hidden and those of the organization, if the
    grantor may read that."""
    org_id = standing.readable_org()
    role = work.roles.named(id_or_name, org_id)
    if role is None or role.is_hidden:
        own = () if org_id is None else work.roles.of(org_id)
        known = [one for one in (*work.roles.system(), *own) if not one.is_hidden]
        where = "GET /roles lists the platform's, GET /organizations/{org_id}/roles its own"
        detail = f"There is no such role; {_meant(id_or_name, known)}{where}."
        return None, [Fault("/role_id", "unknown_role", detail)]
    return role, []


def _meant(text: str, roles: Sequence[Role]) -> str:
    """By another case, by what people are shown, or by a slip."""
    names = {name_key(role.display_name): role.name for role in roles}
    names |= {name_key(role.name): role.name for role in roles}
    near = get_close_matches(name_key(text), list(names), 1)
    return f"did you mean {names[near[0]]}? " if near else ""
