"""What organizations make for themselves: groups, roles and service accounts."""

from hypothesis import strategies as st
from hypothesis.stateful import rule

from ktrlplane.domain.ids import OrganizationId
from ktrlplane.domain.services.custom_roles import create_role, delete_role, update_role
from ktrlplane.domain.services.group_members import put_member, remove_member
from ktrlplane.domain.services.groups import CreateGroup, create_group, delete_group
from ktrlplane.domain.services.role_wishes import CreateRole, UpdateRole
from ktrlplane.domain.services.service_accounts import (
    RegisterServiceAccount,
    register_service_account,
    remove_service_account,
)
from tests.stateful.changes import Changes
from tests.stateful.oracle import ROLES, maker
from tests.stateful.things import Refusal, Scope
from tests.stateful.words import (
    IMPOSSIBLE,
    PERMISSIONS,
    WHO,
    actors,
    custom_roles,
    groups,
    organization_ids,
    people,
    permissions,
)


class Organizing(Changes):
    @rule(who=actors, group=groups)
    def create_group(self, who: str, group: str) -> None:
        who = self.choose(who, "manage_access", home(group))
        refusal = self.world.refusal_to_manage(who, home(group))
        if refusal is None and group in self.world.groups:
            refusal = "AlreadyExists"
        org_id, command = OrganizationId(maker(group)), CreateGroup(name=called(group))
        made = self.demand(refusal, create_group, org_id, command, by=who)
        if made is not None:
            self.group_ids[group] = made.group_id
            self.world.groups[group] = set()

    @rule(who=actors, group=groups)
    def delete_group(self, who: str, group: str) -> None:
        who = self.choose(who, "manage_access", home(group))
        refusal = self.refusal_to_change(who, group)
        self.demand(refusal, delete_group, self.group_id(group), by=who)
        if refusal is None:
            self.world.delete_group(group)

    @rule(who=actors, group=groups, member=people)
    def put_member(self, who: str, group: str, member: str) -> None:
        world, who = self.world, self.choose(who, "manage_access", home(group))
        refusal = self.refusal_to_change(who, group)
        is_new = refusal is None and member not in world.groups[group]
        if is_new and not world.may_let_in(who, group):
            refusal = "Forbidden"
        self.demand(refusal, put_member, self.group_id(group), WHO[member], by=who)
        if refusal is None:
            world.groups[group].add(member)

    @rule(who=actors, group=groups, member=people)
    def remove_member(self, who: str, group: str, member: str) -> None:
        who = self.choose(who, "manage_access", home(group))
        refusal = self.refusal_to_change(who, group)
        if refusal is None and member not in self.world.groups[group]:
            refusal = "NotFound"
        self.demand(refusal, remove_member, self.group_id(group), WHO[member], by=who)
        if refusal is None:
            self.world.groups[group].remove(member)

    def refusal_to_change(self, who: str, group: str) -> Refusal:
        is_there = group in self.world.groups
        return self.world.refusal_to_manage(who, home(group)) if is_there else "NotFound"

    @rule(who=actors, role=custom_roles | st.just("o-1/Viewer"), gives=permissions)
    def create_role(self, who: str, role: str, gives: list[str]) -> None:
        world, who = self.world, self.choose(who, "manage_access", home(role))
        refusal = world.refusal_to_manage(who, home(role))
        if refusal is None and (not is_possible(gives) or called(role) in ROLES):
            refusal = "ValidationFailed"
        if refusal is None and not world.may_give(who, allowed(gives), home(role)):
            refusal = "Forbidden"
        if refusal is None and role in world.custom:
            refusal = "AlreadyExists"
        command = CreateRole(name=called(role), permissions=tuple(gives))
        org_id = OrganizationId(maker(role))
        made = self.demand(refusal, create_role, org_id, command, by=who)
        if made is not None:
            self.role_ids[role] = made.role_id
            world.custom[role] = allowed(gives)

    @rule(who=actors, role=custom_roles | st.just("o-1/Viewer"), gives=permissions)
    def change_role(self, who: str, role: str, gives: list[str]) -> None:
        """Made wider or narrower, or both."""
        world, who = self.world, self.choose(who, "manage_access", home(role))
        refusal = self.refusal_to_change_role(who, role)
        if refusal is None and not is_possible(gives):
            refusal = "ValidationFailed"
        if refusal is None and not world.may_give(
            who, allowed(gives) - world.gives(role), home(role)
        ):
            refusal = "Forbidden"
        command, org_id = UpdateRole(permissions=tuple(gives)), OrganizationId(maker(role))
        self.demand(refusal, update_role, org_id, called(role), command, by=who)
        if refusal is None:
            world.custom[role] = allowed(gives)

    @rule(who=actors, role=custom_roles | st.just("o-1/Viewer"), cascade=st.booleans())
    def delete_role(self, who: str, role: str, *, cascade: bool) -> None:
        world, who = self.world, self.choose(who, "manage_access", home(role))
        refusal = self.refusal_to_change_role(who, role)
        held = any(key[1] == role and world.holds_still(key) for key in world.roles)
        if refusal is None and held and not cascade:
            refusal = "NotEmpty"
        org_id = OrganizationId(maker(role))
        self.demand(refusal, delete_role, org_id, called(role), cascade=cascade, by=who)
        if refusal is None:
            world.delete_role(role)

    def refusal_to_change_role(self, who: str, role: str) -> Refusal:
        """The platform's own can be seen everywhere and changed nowhere."""
        refusal = self.world.refusal(who, home(role))
        if refusal is None and role not in self.world.custom and called(role) not in ROLES:
            return "NotFound"
        refusal = refusal or self.world.refusal_to_manage(who, home(role))
        return "Forbidden" if refusal is None and called(role) in ROLES else refusal

    @rule(who=actors, name=organization_ids)
    def register_service_account(self, who: str, name: str) -> None:
        scope = ("organization", name)
        who = self.choose(who, "manage_access", scope)
        refusal = self.world.refusal_to_manage(who, scope)
        if refusal is None and (name, "robot") in self.world.machines:
            refusal = "AlreadyExists"
        command = RegisterServiceAccount(client_id="robot", name="Robot")
        register, org_id = register_service_account, OrganizationId(name)
        self.demand(refusal, register, org_id, command, by=who)
        if refusal is None:
            self.world.machines.add((name, "robot"))

    @rule(who=actors, name=organization_ids, whom=st.just("robot") | people)
    def remove_service_account(self, who: str, name: str, whom: str) -> None:
        scope = ("organization", name)
        who = self.choose(who, "manage_access", scope)
        refusal = self.world.refusal_to_manage(who, scope)
        if refusal is None and (name, whom) not in self.world.machines:
            refusal = "NotFound"
        remove, org_id = remove_service_account, OrganizationId(name)
        self.demand(refusal, remove, org_id, WHO[whom], by=who)
        if refusal is None:
            self.world.remove_machine(name, whom)


def home(made: str) -> Scope:
    return ("organization", maker(made))


def called(made: str) -> str:
    return made.partition("/")[2]


def is_possible(gives: list[str]) -> bool:
    return not set(gives) & set(IMPOSSIBLE)


def allowed(gives: list[str]) -> set[str]:
    return {action for text in gives for action in PERMISSIONS[text]}
