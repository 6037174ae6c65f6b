"""What must come of every request, told in the simplest way: sets, dictionaries and texts.

None of the product's code is used here, or a fault in it would be told twice and found never.
A scope is a pair such as ``("project", "p-1")``; a refusal is its name, None is a yes.
"""

Scope = tuple[str, str]
Refusal = str | None

ROLES = {
    "Owner": {"read", "write", "delete", "manage_access", "manage_billing", "escalate"},
    "Editor": {"read", "write"},
    "Viewer": {"read"},
    "Steward": {"read", "manage_access"},
    "Data Owner": {"boil"},
    "service-account-permission-checker": {"check_permissions_on_behalf_of"},
}
HIDDEN = {"service-account-permission-checker"}
MACHINES = {"robot"}
GRACE = 24
"""Hours."""


class World:
    def __init__(self) -> None:
        self.now = 0
        self.organizations: dict[str, str] = {}
        """Name by id; those that were deleted are not in it."""
        self.projects: dict[str, tuple[str | None, str, str]] = {}
        """Organization, name and status by id; Deleted ones stay."""
        self.resources: dict[str, tuple[str, str, str]] = {}
        """Project, name and status by id; Deleted ones stay."""
        self.deleting_since: dict[str, int] = {}
        self.used: set[Scope] = set()
        self.roles: dict[tuple[str, str, Scope], int | None] = {}
        """Who has which role where, and the hour when it expires."""

    def path(self, scope: Scope) -> list[Scope]:
        """The scope and what it is in; nothing where it is not there."""
        kind, name = scope
        if kind == "organization":
            return [scope] if name in self.organizations else []
        if kind == "project":
            if name not in self.projects:
                return []
            above = self.projects[name][0]
            return [scope] if above is None else [scope, ("organization", above)]
        if kind == "resource":
            if name not in self.resources:
                return []
            return [scope, *self.path(("project", self.resources[name][0]))]
        return [scope]

    def told(self, scope: Scope) -> tuple[str | None, ...]:
        """All there is to know of a thing, its id first."""
        kind, name = scope
        if kind == "organization":
            return name, self.organizations[name]
        if kind == "project":
            return (name, *self.projects[name])
        return (name, *self.resources[name], self.projects[self.resources[name][0]][0])

    def held(self, who: str, scope: Scope) -> set[str]:
        return {
            action
            for (holder, role, where), until in self.roles.items()
            if holder == who and where in self.path(scope) and (until is None or until > self.now)
            for action in ROLES[role]
        }

    def refusal(self, who: str, scope: Scope, *actions: str) -> Refusal:
        if "read" not in self.held(who, scope):
            return "NotFound"
        return None if set(actions) <= self.held(who, scope) else "Forbidden"

    def refusal_to_manage(self, who: str, scope: Scope) -> Refusal:
        refusal = self.refusal(who, scope, "manage_access")
        return "Forbidden" if refusal is None and scope[0] == "global" else refusal

    def is_over(self, scope: Scope) -> bool:
        kind, name = scope
        if kind == "project":
            return self.projects[name][2] != "Active"
        if kind == "resource":
            return self.resources[name][2] in ("Deleting", "Deleted")
        return False

    def lasting_owners(self, scope: Scope) -> set[str]:
        return {
            who
            for (who, role, where), until in self.roles.items()
            if role == "Owner" and where == scope and until is None and who not in MACHINES
        }

    def holds_still(self, key: tuple[str, str, Scope]) -> bool:
        if key not in self.roles:
            return False
        until = self.roles[key]
        return until is None or until > self.now

    def may_hand_out(self, who: str, role: str, scope: Scope) -> bool:
        held = self.held(who, scope)
        return role not in HIDDEN and ("escalate" in held or ROLES[role] <= held)

    def is_last_owner(self, who: str, role: str, scope: Scope) -> bool:
        return (
            role == "Owner" and self.needs_owner(scope) and not self.lasting_owners(scope) - {who}
        )

    def needs_owner(self, scope: Scope) -> bool:
        kind, name = scope
        return kind == "organization" or (kind == "project" and self.projects[name][0] is None)

    def create(self, who: str, scope: Scope) -> None:
        self.used.add(scope)
        if scope[0] != "resource":
            self.roles[who, "Owner", scope] = None
            self.roles[who, "Data Owner", scope] = None

    def forget_roles_in(self, scope: Scope) -> None:
        self.roles = {
            (who, role, where): until
            for (who, role, where), until in self.roles.items()
            if scope not in self.path(where)
        }

    def inside(self, project: str) -> list[str]:
        """The resources of a project that are not Deleted."""
        return [
            name
            for name, (where, _, status) in self.resources.items()
            if where == project and status != "Deleted"
        ]

    def active_projects(self, organization: str) -> list[str]:
        return [
            name
            for name, (where, _, status) in self.projects.items()
            if where == organization and status == "Active"
        ]

    def delete_organization(self, name: str) -> None:
        for project in self.active_projects(name):
            self.delete_project(project)
        self.forget_roles_in(("organization", name))
        del self.organizations[name]

    def delete_project(self, name: str) -> None:
        for resource in self.inside(name):
            self.delete_resource(resource)
        where, called, _ = self.projects[name]
        self.projects[name] = where, called, "Deleting"
        self.end_if_empty(name)

    def delete_resource(self, name: str) -> None:
        where, called, status = self.resources[name]
        if status != "Deleting":
            self.resources[name] = where, called, "Deleting"
            self.deleting_since[name] = self.now

    def end_resource(self, name: str) -> None:
        where, called, _ = self.resources[name]
        self.resources[name] = where, called, "Deleted"
        self.forget_roles_in(("resource", name))
        self.end_if_empty(where)

    def end_if_empty(self, project: str) -> None:
        where, called, status = self.projects[project]
        if status == "Deleting" and not self.inside(project):
            self.projects[project] = where, called, "Deleted"
            self.forget_roles_in(("project", project))

    def due(self) -> list[str]:
        return [
            name
            for name, (_, _, status) in self.resources.items()
            if status == "Deleting" and self.now - self.deleting_since[name] > GRACE
        ]

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
