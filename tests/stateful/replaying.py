"""A platform as one knows it who has read nothing but the log."""

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from attrs import define, field

from tests.stateful.things import Scope

Told = Mapping[str, Any]


@define
class Reader:
    """Follows the text of entries, and nothing else of the product."""

    organizations: dict[str, str] = field(factory=dict)
    projects: dict[str, tuple[str | None, str, str]] = field(factory=dict)
    resources: dict[str, tuple[str, str, str]] = field(factory=dict)
    assignments: dict[str, tuple[str, str, Scope, str | None]] = field(factory=dict)
    members: set[tuple[str, str]] = field(factory=set)
    groups: dict[str, str] = field(factory=dict)
    machines: set[tuple[str, str]] = field(factory=set)

    def read(self, text: str) -> None:
        entry = json.loads(text)
        known = _READ.get(entry["type"])
        if known is not None:
            known(self, entry, entry["data"]["before"], entry["data"]["after"])

    # -- tenants and what is in them -----------------------------------------------------------

    def organization(self, entry: Told, before: Told, after: Told | None) -> None:
        name = entry["org_id"]
        if after is not None:
            self.organizations[name] = after.get("name", self.organizations.get(name))
            return
        del self.organizations[name]
        below = {("project", one) for one, (org, _, _) in self.projects.items() if org == name}
        inside = {("resource", one) for one in self.resources if self._project(one) in below}
        self._end({("organization", name)} | below | inside)
        self._end_groups(name)
        self.machines = {one for one in self.machines if one[0] != name}

    def project(self, entry: Told, before: Told | None, after: Told | None) -> None:
        name = entry["project_id"]
        if after is None:
            where, called, _ = self.projects[name]
            self.projects[name] = where, called, "Deleted"
            inside = {
                ("resource", one) for one in self.resources if self.resources[one][0] == name
            }
            self._end({("project", name)} | inside)
            return
        where, called, status = self.projects.get(name, (None, "", ""))
        self.projects[name] = (
            after.get("org_id", where),
            after.get("name", called),
            after.get("status", status),
        )

    def resource(self, entry: Told, before: Told | None, after: Told | None) -> None:
        name = entry["resource_id"]
        _, called, status = self.resources.get(name, ("", "", ""))
        if after is None:
            self._end({("resource", name)})
            after = {"status": "Deleted"}
        self.resources[name] = (
            entry["project_id"],
            after.get("name", called),
            after.get("status", status),
        )

    def _project(self, resource: str) -> Scope:
        return "project", self.resources[resource][0]

    def _end(self, scopes: set[Scope]) -> None:
        self.assignments = {k: v for k, v in self.assignments.items() if v[2] not in scopes}

    # -- access --------------------------------------------------------------------------------

    def assignment(self, entry: Told, before: Told | None, after: Told | None) -> None:
        subject = entry["data"]["subject"]
        number = subject["assignment_id"]
        if after is None:
            del self.assignments[number]
            return
        same = subject["principal_id"], subject["role_id"], _scope(subject)
        if before is None:  # it takes the place of one that has expired
            self.assignments = {k: v for k, v in self.assignments.items() if v[:3] != same}
        self.assignments[number] = (*same, after["expires_at"])

    def group(self, entry: Told, before: Told | None, after: Told | None) -> None:
        whole = before if after is None else after
        assert whole is not None
        if before is None:
            self.groups[whole["group_id"]] = entry["org_id"]
        elif after is None:
            del self.groups[whole["group_id"]]
            self.members = {one for one in self.members if one[0] != whole["group_id"]}

    def _end_groups(self, org_id: str) -> None:
        gone = {group for group, org in self.groups.items() if org == org_id}
        self.members = {one for one in self.members if one[0] not in gone}
        self.groups = {group: org for group, org in self.groups.items() if group not in gone}

    def member(self, _: Told, before: Told | None, after: Told | None) -> None:
        whole = after or before
        assert whole is not None
        pair = whole["group_id"], whole["user_id"]
        (self.members.add if after else self.members.discard)(pair)

    def machine(self, entry: Told, before: Told | None, after: Told | None) -> None:
        whole = after or before
        assert whole is not None
        pair = entry["org_id"], whole["user_id"]
        if after:
            self.machines.add(pair)
            return
        self.machines.discard(pair)
        left = {group for group, org in self.groups.items() if org == entry["org_id"]}
        self.members = {
            (group, user) for group, user in self.members if user != pair[1] or group not in left
        }


def _scope(whole: Told) -> Scope:
    return whole["scope_type"], whole["scope_id"]


_READ: Final[Mapping[str, Callable[[Reader, Told, Any, Any], None]]] = {
    "organization.created": Reader.organization,
    "organization.updated": Reader.organization,
    "organization.deleted": Reader.organization,
    "project.created": Reader.project,
    "project.updated": Reader.project,
    "project.moved": Reader.project,
    "project.deletion_started": Reader.project,
    "project.deleted": Reader.project,
    "resource.created": Reader.resource,
    "resource.updated": Reader.resource,
    "resource.status_changed": Reader.resource,
    "resource.deletion_started": Reader.resource,
    "resource.deleted": Reader.resource,
    "role_assignment.created": Reader.assignment,
    "role_assignment.updated": Reader.assignment,
    "role_assignment.deleted": Reader.assignment,
    "group.created": Reader.group,
    "group.deleted": Reader.group,
    "group_member.added": Reader.member,
    "group_member.removed": Reader.member,
    "service_account.created": Reader.machine,
    "service_account.deleted": Reader.machine,
}
