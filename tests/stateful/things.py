"""The oracle's part about organizations, projects and resources: what is in what, what ends."""

Scope = tuple[str, str]
Refusal = str | None

GRACE = 24
"""Hours."""


class Things:
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

    def organization_of(self, scope: Scope) -> str | None:
        return next((name for kind, name in self.path(scope) if kind == "organization"), None)

    def told(self, scope: Scope) -> tuple[str | None, ...]:
        """All there is to know of a thing, its id first."""
        kind, name = scope
        if kind == "organization":
            return name, self.organizations[name]
        if kind == "project":
            return (name, *self.projects[name])
        return (name, *self.resources[name], self.projects[self.resources[name][0]][0])

    def is_over(self, scope: Scope) -> bool:
        kind, name = scope
        if kind == "project":
            return self.projects[name][2] != "Active"
        if kind == "resource":
            return self.resources[name][2] in ("Deleting", "Deleted")
        return False

    def alive(self, kind: str) -> list[str]:
        if kind == "organization":
            return list(self.organizations)
        things = self.projects if kind == "project" else self.resources
        return [name for name in things if not self.is_over((kind, name))]

    def needs_owner(self, scope: Scope) -> bool:
        kind, name = scope
        return kind == "organization" or (kind == "project" and self.projects[name][0] is None)

    def forget(self, scope: Scope) -> None:
        """What was given on the scope, on what is in it, and what it made."""
        raise NotImplementedError

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
        self.forget(("organization", name))
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
        self.forget(("resource", name))
        self.end_if_empty(where)

    def end_if_empty(self, project: str) -> None:
        where, called, status = self.projects[project]
        if status == "Deleting" and not self.inside(project):
            self.projects[project] = where, called, "Deleted"
            self.forget(("project", project))

    def due(self) -> list[str]:
        return [
            name
            for name, (_, _, status) in self.resources.items()
            if status == "Deleting" and self.now - self.deleting_since[name] > GRACE
        ]
