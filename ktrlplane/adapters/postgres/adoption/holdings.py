"""Role assignments: of those who have signed in, as they are; of those who have not, as
invitations."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from attrs import define, field

from ktrlplane.adapters.postgres.adoption.findings import Findings
from ktrlplane.adapters.postgres.adoption.mending import digest, named_after
from ktrlplane.adapters.postgres.adoption.people import People
from ktrlplane.adapters.postgres.adoption.roles import Roles
from ktrlplane.adapters.postgres.adoption.tenants import Tenants
from ktrlplane.adapters.postgres.adoption.theirs import TheirAssignment
from ktrlplane.domain.access import GLOBAL, RoleAssignment, Scope, ScopeType
from ktrlplane.domain.ids import AssignmentId, InvitationId, PrincipalId
from ktrlplane.domain.invitations import Invitation
from ktrlplane.domain.paging import name_key
from ktrlplane.domain.roles import OWNER
from ktrlplane.ports.adoption import Kind
from ktrlplane.ports.mail import is_mailable

Path = tuple[Scope, ...]


@define
class Holdings:
    """Filled by ``sort``."""

    people: People
    roles: Roles
    tenants: Tenants
    found: Findings
    now: datetime
    invitation_ttl: timedelta
    assignments: list[RoleAssignment] = field(init=False, factory=list)
    invitations: list[Invitation] = field(init=False, factory=list)
    owners: Mapping[Scope, Sequence[RoleAssignment]] = field(init=False, factory=dict)
    """Users who are Owner directly at a scope, as yet, the oldest first."""
    _waiting: list[tuple[TheirAssignment, Path]] = field(init=False, factory=list)

    def sort(self, theirs: Iterable[TheirAssignment]) -> None:
        held = []
        for row in theirs:
            path = self._path(row)
            code = self._why_not(row, path)
            if code is not None:
                self.found.dropped(Kind.ROLE_ASSIGNMENTS, code, row.assignment_id)
            elif path is None:  # at something that is in the way
                self.found.kept(Kind.ROLE_ASSIGNMENTS)
            elif row.user_id in self.people.invited:
                self._waiting.append((row, path))
            else:
                held.append(self._assignment(row, path))
        self._keep(held)
        self.owners = self._owners()
        self._invite()

    def _path(self, row: TheirAssignment) -> Path | None:
        if row.scope_type == ScopeType.GLOBAL:
            return (GLOBAL,)
        return self.tenants.path(row.scope_type, row.scope_id)

    def _why_not(self, row: TheirAssignment, path: Path | None) -> str | None:
        if row.user_id not in self.people.known:
            return "no_such_user"
        if row.role_id not in self.roles.by_id:
            return "no_such_role"
        if path is None and (row.scope_type, row.scope_id) not in self.tenants.blocked:
            return "no_such_scope"
        if row.user_id in self.people.invited or self.people.real(row.user_id):
            return None
        return "cannot_sign_in"

    # -- of those who have signed in -----------------------------------------------------------

    def _assignment(self, row: TheirAssignment, path: Path) -> RoleAssignment:
        return RoleAssignment(
            assignment_id=named_after(AssignmentId, row.assignment_id, "asg"),
            holder=self.people.users[row.user_id].user_id,
            role_id=self.roles.by_id[row.role_id].role_id,
            scope=path[-1],
            assigned_by=self.people.real(row.assigned_by),
            created_at=row.created_at or self.now,
            expires_at=row.expires_at,
        )

    def _keep(self, held: Iterable[RoleAssignment]) -> None:
        """Of several of one role at one scope, which once had other names, that which lasts."""
        once: set[object] = set()
        for one in sorted(held, key=_the_lasting_first):
            key = (one.holder, one.role_id, one.scope)
            if key in once:
                self.found.dropped(Kind.ROLE_ASSIGNMENTS, "twice", one.assignment_id.value)
                continue
            once.add(key)
            self.found.kept(Kind.ROLE_ASSIGNMENTS)
            self.assignments.append(one)

    def _owners(self) -> Mapping[Scope, Sequence[RoleAssignment]]:
        owners = defaultdict(list)
        for one in sorted(self.assignments, key=lambda one: (one.created_at, one.assignment_id)):
            user = one.user_id
            is_person = user is not None and not user.is_service_account
            if one.role_id == OWNER.role_id and is_person and one.holds_at(self.now):
                owners[one.scope].append(one)
        return owners

    # -- of those who have not -----------------------------------------------------------------

    def _invite(self) -> None:
        once: set[object] = set()
        for row, path in self._waiting:
            inviter = self._inviter(row, path)
            code = self._why_not_invited(row, path)
            if code is None and inviter is None:
                code = "nobody_invites"
            key = (name_key(self.people.invited[row.user_id]), path[-1], row.role_id)
            if code is None and key in once:
                code = "twice"
            if code is not None or inviter is None:
                self.found.dropped(Kind.ROLE_ASSIGNMENTS, code or "", row.assignment_id)
                continue
            once.add(key)
            self.found.invited(Kind.ROLE_ASSIGNMENTS)
            self.invitations.append(self._invitation(row, path, inviter))

    def _why_not_invited(self, row: TheirAssignment, path: Path) -> str | None:
        role = self.roles.by_id[row.role_id]
        if role.is_hidden or path == (GLOBAL,):
            return "not_by_invitation"
        if row.expires_at is not None and row.expires_at <= self.now:
            return "invitation_expired"
        return None if is_mailable(self.people.invited[row.user_id]) else "no_mail"

    def _inviter(self, row: TheirAssignment, path: Path) -> PrincipalId | None:
        """Who granted it, if they are still an Owner there; else an Owner, of the organization
        before all others; else who granted it all the same. Accepting asks what the inviter may
        do, so one who may do nothing any more would invite in vain."""
        granted_by = self.people.real(row.assigned_by)
        owners = [one.user_id for scope in path for one in self.owners.get(scope, ())]
        return granted_by if not owners or granted_by in owners else owners[0]

    def _invitation(self, row: TheirAssignment, path: Path, inviter: PrincipalId) -> Invitation:
        """Nobody gets a mail by it: it is sent when somebody sends it again."""
        return Invitation(
            invitation_id=InvitationId(f"inv_{digest(row.assignment_id)}"),
            email=self.people.invited[row.user_id],
            role_id=self.roles.by_id[row.role_id].role_id,
            scope=path[-1],
            invited_by=inviter,
            created_at=row.created_at or self.now,
            expires_at=self.now + self.invitation_ttl,
            role_expires_at=row.expires_at,
        )


def _the_lasting_first(one: RoleAssignment) -> tuple[bool, float, AssignmentId]:
    ends = 0.0 if one.expires_at is None else -one.expires_at.timestamp()
    return one.expires_at is not None, ends, one.assignment_id
