"""Users: those who have signed in, and those who were only invited."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Final

from attrs import frozen

from ktrlplane.adapters.postgres.adoption.findings import Findings
from ktrlplane.adapters.postgres.adoption.mending import identity, times
from ktrlplane.adapters.postgres.adoption.theirs import TheirUser
from ktrlplane.domain.ids import PrincipalId
from ktrlplane.domain.users import MACHINE, User
from ktrlplane.ports.adoption import Kind

_INVITED: Final = "Invited User"
_EPOCH: Final = datetime.fromtimestamp(0, tz=UTC)
"""When what is known of a user was told: any token is newer."""


@frozen(kw_only=True)
class People:
    """By the id that the former system knew them as."""

    users: Mapping[str, User]
    invited: Mapping[str, str]
    """The address of each."""
    known: frozenset[str]

    def real(self, user_id: str | None) -> PrincipalId | None:
        user = None if user_id is None else self.users.get(user_id)
        return None if user is None else user.user_id


def people_of(theirs: Iterable[TheirUser], found: Findings, now: datetime) -> People:
    users: dict[str, User] = {}
    invited: dict[str, str] = {}
    known = set()
    for row in theirs:
        known.add(row.user_id)
        if _was_only_invited(row):
            invited[row.user_id] = row.email
            continue
        user_id = identity(PrincipalId, row.user_id)
        if user_id is None:
            found.dropped(Kind.USERS, "id", row.user_id)
            continue
        found.kept(Kind.USERS)
        users[row.user_id] = _user(user_id, row, now)
    return People(users=users, invited=invited, known=frozenset(known))


def _was_only_invited(row: TheirUser) -> bool:
    is_an_address = "@" in row.email and not row.user_id.endswith(MACHINE)
    return is_an_address and row.name == _INVITED and row.user_id.lower() == row.email.lower()


def _user(user_id: PrincipalId, row: TheirUser, now: datetime) -> User:
    """The former system did not record whether the address was verified: the next token says."""
    is_machine = user_id.is_service_account
    address = None if is_machine and row.email == row.user_id else row.email
    return User(
        user_id=user_id,
        email=address or None,
        email_verified=False,
        name=row.name or None,
        is_service_account=is_machine,
        claims_at=_EPOCH,
        **times(row.created_at, row.updated_at, now),
    )
