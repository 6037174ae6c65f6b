"""What must come of every request, told in the simplest way: sets, dictionaries and texts.

None of the product's code is used here, or a fault in it would be told twice and found never.
A scope is a pair such as ``("project", "p-1")``; a refusal is its name, None is a yes. People
go by their names, the groups of an organization as ``@o-1/crew``, its roles as ``o-1/Helper``.
"""

from typing import NamedTuple

from tests.stateful.things import Refusal, Scope, Things

Key = tuple[str, str, Scope]
"""Who has or is invited to which role where."""

ROLES = {
    "Owner": {"read", "write", "delete", "manage_access", "manage_billing", "escalate"},
    "Editor": {"read", "write"},
    "Viewer": {"read"},
    "Steward": {"read", "manage_access"},
    "Data Owner": {"water", "boil"},
    "service-account-permission-checker": {"check_permissions_on_behalf_of"},
}
HIDDEN = {"service-account-permission-checker"}
MACHINES = {"robot"}
FOREVER = 10**9
"""Hours."""
OPEN_FOR = 48
"""Hours that an invitation is open."""


class Invited(NamedTuple):
    inviter: str
    made: int
    until: int
    role_until: int | None
    number: str
    """Of those made in the same hour, the lower one goes first."""


class Address(NamedTuple):
    text: str | None
    proven: bool
    since: int
    """The hour of the newest word about it."""


class World(Things):
    def __init__(self) -> None:
        super().__init__()
        self.roles: dict[Key, int | None] = {}
        """And the hour when it expires. Expired ones stay until something replaces them."""
        self.custom: dict[str, set[str]] = {}
        self.groups: dict[str, set[str]] = {}
        self.machines: set[tuple[str, str]] = set()
        """Who is registered in which organization."""
        self.invitations: dict[Key, Invited] = {}
        self.addresses = {
            who: Address(f"{who}@example.org", proven=True, since=0)
            for who in ("alice", "bob", "carol")
        } | {"robot": Address(None, proven=False, since=0)}

    def gives(self, role: str) -> set[str]:
        return ROLES[role] if role in ROLES else self.custom[role]

    def reach(self, who: str, scope: Scope) -> dict[str, int]:
        """What somebody holds at a scope, and until which hour."""
        path = self.path(scope)
        holders = {who, *(group for group, members in self.groups.items() if who in members)}
        reached: dict[str, int] = {}
        for (holder, role, where), until in self.roles.items():
            if holder in holders and where in path and self.is_still(until):
                for action in self.gives(role):
                    lasts = FOREVER if until is None else until
                    reached[action] = max(lasts, reached.get(action, 0))
        return reached

    def held(self, who: str, scope: Scope) -> set[str]:
        return set(self.reach(who, scope))

    def is_still(self, until: int | None) -> bool:
        return until is None or until > self.now

    def holds_still(self, key: Key) -> bool:
        return key in self.roles and self.is_still(self.roles[key])

    def refusal(self, who: str, scope: Scope, *actions: str) -> Refusal:
        held = self.held(who, scope)
        if "read" not in held:
            return "NotFound"
        return None if set(actions) <= held else "Forbidden"

    def refusal_to_manage(self, who: str, scope: Scope) -> Refusal:
        refusal = self.refusal(who, scope, "manage_access")
        return "Forbidden" if refusal is None and scope[0] == "global" else refusal

    def refusal_to_grant(self, who: str, scope: Scope) -> Refusal:
        refusal = self.refusal_to_manage(who, scope)
        if refusal is None and self.is_over(scope):
            return "InvalidTransition"
        return refusal

    def may_give(self, who: str, actions: set[str], scope: Scope) -> bool:
        held = self.held(who, scope)
        return "escalate" in held or actions <= held

    def may_let_in(self, who: str, group: str) -> bool:
        return all(
            self.may_give(who, self.gives(role), where)
            for (holder, role, where), until in self.roles.items()
            if holder == group and self.is_still(until)
        )

    def lends(self, made: str, scope: Scope) -> bool:
        """Whether a group or a role is of the organization that the scope is in."""
        is_there = made in self.groups or made in self.custom
        return is_there and maker(made) == self.organization_of(scope)

    def knows(self, who: str, made: str, scope: Scope) -> bool:
        """And whether somebody who gives something there may see that."""
        return self.lends(made, scope) and self.refusal(who, ("organization", maker(made))) is None

    def knows_role(self, who: str, role: str, scope: Scope) -> bool:
        return role not in HIDDEN if role in ROLES else self.knows(who, role, scope)

    def lasting_owners(self, scope: Scope) -> set[str]:
        return {
            who
            for (who, role, where), until in self.roles.items()
            if role == "Owner" and where == scope and until is None
            if who not in MACHINES and who not in self.groups
        }

    def is_last_owner(self, who: str, role: str, scope: Scope) -> bool:
        return (
            role == "Owner" and self.needs_owner(scope) and not self.lasting_owners(scope) - {who}
        )

    def create(self, who: str, scope: Scope) -> None:
        self.used.add(scope)
        if scope[0] != "resource":
            self.roles[who, "Owner", scope] = None
            self.roles[who, "Data Owner", scope] = None

    def forget(self, scope: Scope) -> None:
        self.roles = {key: v for key, v in self.roles.items() if scope not in self.path(key[2])}
        self.invitations = {
            key: v for key, v in self.invitations.items() if scope not in self.path(key[2])
        }
        kind, name = scope
        if kind == "organization":
            self.custom = {k: v for k, v in self.custom.items() if maker(k) != name}
            self.groups = {k: v for k, v in self.groups.items() if maker(k) != name}
            self.machines = {one for one in self.machines if one[0] != name}

    def refusal_to_move(self, who: str, project: str, where: str | None) -> Refusal:
        scope = ("project", project)
        refusal = self.refusal(who, scope, "delete")
        if refusal is None and where is not None:
            refusal = self.refusal(who, ("organization", where), "write")
        if refusal is not None or self.projects[project][0] == where:
            return refusal
        if where is None and not self.lasting_owners(scope):
            return "LastOwner"
        if where is not None and not self.may_bring(who, scope, where):
            return "Forbidden"
        return "InvalidTransition" if self.is_over(scope) else None

    def may_bring(self, who: str, scope: Scope, organization: str) -> bool:
        """What is granted there, its holders have on the scope from then on."""
        comes = [
            self.gives(role)
            for (_, role, where), until in self.roles.items()
            if where == ("organization", organization) and self.is_still(until)
        ]
        if not comes:
            return True
        manages = "manage_access" in self.held(who, scope)
        return manages and self.may_give(who, set().union(*comes), scope)

    def move(self, project: str, where: str | None) -> None:
        scope, (before, called, status) = ("project", project), self.projects[project]
        if where == before:
            return
        self.roles = {
            (holder, role, at): until
            for (holder, role, at), until in self.roles.items()
            if scope not in self.path(at) or (holder not in self.groups and role in ROLES)
        }
        self.invitations = {
            key: invited
            for key, invited in self.invitations.items()
            if scope not in self.path(key[2]) or key[1] in ROLES
        }
        self.projects[project] = where, called, status

    def delete_group(self, group: str) -> None:
        del self.groups[group]
        self.roles = {key: until for key, until in self.roles.items() if key[0] != group}

    def delete_role(self, role: str) -> None:
        del self.custom[role]
        self.roles = {key: until for key, until in self.roles.items() if key[1] != role}
        self.invitations = {key: v for key, v in self.invitations.items() if key[1] != role}

    def remove_machine(self, organization: str, who: str) -> None:
        self.machines.remove((organization, who))
        scope = ("organization", organization)
        self.roles = {
            key: until
            for key, until in self.roles.items()
            if key[0] != who or scope not in self.path(key[2])
        }
        for group, members in self.groups.items():
            if maker(group) == organization:
                members.discard(who)

    def listed(self, who: str, kind: str, *, deleted: bool) -> set[str]:
        """The ids of what ``who`` may read, either the Deleted ones or the others."""
        statuses = {
            "organization": dict.fromkeys(self.organizations, ""),
            "project": {name: status for name, (_, _, status) in self.projects.items()},
            "resource": {name: status for name, (_, _, status) in self.resources.items()},
        }
        return {
            name
            for name, status in statuses[kind].items()
            if (status == "Deleted") is deleted and self.refusal(who, (kind, name)) is None
        }


def maker(made: str) -> str:
    """The organization of a group or of a role of its own."""
    return made.removeprefix("@").partition("/")[0]
