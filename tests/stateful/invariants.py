"""What must hold of the product and of its oracle at any time."""

from itertools import cycle

from hypothesis.stateful import invariant

from ktrlplane.domain.access import Scope as ProductScope
from ktrlplane.domain.access import ScopeType
from ktrlplane.domain.chains import Entry, Head, chained
from ktrlplane.domain.ids import OrganizationId, ProjectId, ResourceId
from ktrlplane.domain.paging import PageRequest, time_key
from ktrlplane.domain.projects import Project
from ktrlplane.domain.resources import Resource
from ktrlplane.domain.services.access import Check, CheckPermissions, check_permissions
from ktrlplane.ports.unit_of_work import UnitOfWork, UnitsOfWork
from tests.builders import ALICE, OWNER, ROBOT
from tests.stateful.machine import Machine, place
from tests.stateful.oracle import FOREVER
from tests.stateful.replaying import Reader
from tests.stateful.things import Scope
from tests.stateful.words import (
    ACTIONS,
    ADDRESSES,
    EVERYWHERE,
    LISTS,
    NAMES,
    ORGANIZATIONS,
    WHO,
    allowed_by,
    hour_of,
    told,
)

ALL = PageRequest(limit=200, include_total=True)
_ASKED = [(action, scope) for action in ("read", "manage_access", "boil") for scope in EVERYWHERE]
_CHECKS = CheckPermissions(
    checks=tuple(
        Check(action=ACTIONS.get(action, action), scope_type=ScopeType(kind), scope_id=name)
        for action, (kind, name) in _ASKED
    )
)


class Invariants(Machine):
    def __init__(self, units: UnitsOfWork) -> None:
        super().__init__(units)
        self.ended: set[Scope] = set()
        self.turns = cycle(WHO)
        self.acts = 0
        self.heads: dict[ProductScope, Head] = {}
        self.unread: list[Entry] = []
        self.reader = Reader()

    @invariant()
    def a_person_remains_owner(self) -> None:
        """Of every organization and of every project that stands alone (R1.6)."""
        scopes: list[Scope] = [("organization", name) for name in self.world.organizations]
        scopes += [
            ("project", name)
            for name, (where, _, status) in self.world.projects.items()
            if where is None and status != "Deleted"
        ]
        with self.do.units.view() as work:
            for scope in scopes:
                assert any(
                    held.role_id == OWNER.role_id and held.expires_at is None
                    for held in work.assignments.on(place(scope), self.clock.now())
                    if held.user_id not in (None, ROBOT)
                )

    @invariant()
    def things_are_as_told(self) -> None:
        """And what has ended stays so (R1.8)."""
        world, ended = self.world, set[Scope]()
        with self.do.units.view() as work:
            for name in world.projects:
                found: Project | Resource = work.projects.get(ProjectId(name))
                assert told(found) == world.told(("project", name))
                ended |= {("project", name)} if found.status == "Deleted" else set()
            for name in world.resources:
                found = work.resources.get(ResourceId(name))
                assert told(found) == world.told(("resource", name))
                ended |= {("resource", name)} if found.status == "Deleted" else set()
            scopes = [("organization", name) for name in ORGANIZATIONS]
            asked = [(ALICE, place(scope)) for scope in scopes]
            standings = work.access.standings(asked, self.clock.now())
        there = {scope for scope, found in zip(scopes, standings, strict=True) if found}
        assert there == {("organization", name) for name in world.organizations}
        ended |= world.used & set(scopes) - there
        assert self.ended <= ended
        self.ended = ended

    @invariant()
    def what_is_granted_is_as_told(self) -> None:
        """Expired roles too: what is gone leaves nothing that could revive."""
        with self.do.units.view() as work:
            kept = [
                (self.key_of(held), hour_of(held.expires_at)) for held in work.assignments.of(None)
            ]
        roles = self.world.roles.items()
        assert sorted(kept) == sorted((k, FOREVER if v is None else v) for k, v in roles)
        assert not self.ended & {scope for (_, _, scope), _ in kept}

    @invariant()
    def the_log_tells_it_all(self) -> None:
        """Who has read nothing but the log knows what there is, and who holds what."""
        with self.do.units.view() as work:
            for chain in work.events.chains(None, 100):
                tenant, head = chain.tenant, self.heads.get(chain.tenant, Head())
                entries = work.events.entries(tenant, head.sequence, 10_000)
                assert list(chained(head, [entry.event for entry in entries])) == list(entries)
                self.heads[tenant] = entries[-1].head if entries else head
                assert self.heads[tenant] == chain.head
                self.unread += entries
            held = {
                one.assignment_id.value: (
                    one.holder.value,
                    one.role_id.value,
                    (one.scope.scope_type.value, one.scope.scope_id),
                    None if one.expires_at is None else time_key(one.expires_at),
                )
                for one in work.assignments.of(None)
            }
        self.unread.sort(key=lambda entry: entry.event.event_id)  # as it was decided upon
        for entry in self.unread:
            self.reader.read(entry.text)
        self.unread.clear()
        reader, world = self.reader, self.world
        assert reader.organizations == world.organizations
        assert reader.projects == world.projects
        assert reader.resources == world.resources
        assert reader.assignments == held
        assert reader.machines == {(org, WHO[name].value) for org, name in world.machines}
        assert reader.members == {
            (self.group_ids[group].value, WHO[name].value)
            for group, names in world.groups.items()
            for name in names
        }

    @invariant()
    def what_organizations_made_is_as_told(self) -> None:
        groups: dict[str, set[str]] = {}
        custom: dict[str, set[str]] = {}
        machines = set()
        with self.do.units.view() as work:
            for name in ORGANIZATIONS:
                groups |= self.groups_of(work, name)
                for role in work.roles.of(OrganizationId(name)):
                    custom[self.role_of(role.role_id)] = allowed_by(role.permissions)
                for account in work.service_accounts.of(OrganizationId(name), ALL).items:
                    machines.add((name, NAMES[account.user_id]))
        world = self.world
        assert (groups, custom, machines) == (world.groups, world.custom, world.machines)

    def groups_of(self, work: UnitOfWork, name: str) -> dict[str, set[str]]:
        return {
            self.name_of(group.group_id): {
                NAMES[member] for member in work.groups.member_ids(group.group_id)
            }
            for group in work.groups.of(OrganizationId(name), ALL).items
        }

    @invariant()
    def who_waits_to_be_let_in_is_as_told(self) -> None:
        waiting = {}
        with self.do.units.view() as work:
            for address in {address.lower() for address in ADDRESSES}:
                for one in work.invitations.to(address):
                    scope = one.scope.scope_type.value, one.scope.scope_id
                    waiting[address, self.role_of(one.role_id), scope] = (
                        NAMES[one.invited_by],
                        hour_of(one.created_at),
                        hour_of(one.expires_at),
                        hour_of(one.role_expires_at),
                        one.invitation_id.value,
                    )
        assert waiting == {
            key: (*one[:3], FOREVER if one.role_until is None else one.role_until, one.number)
            for key, one in self.world.invitations.items()
        }

    @invariant()
    def what_people_reach_is_as_told(self) -> None:
        """Where something has happened: what is kept, looked at above, makes the difference."""
        if self.ledger.acts == self.acts:
            return
        self.acts = self.ledger.acts
        for (who, scope), held in self.ledger.reach.items():
            assert held == self.world.reach(who, scope), (who, scope)
        self.require_lists_and_checks_as_told(next(self.turns))

    def require_lists_and_checks_as_told(self, who: str) -> None:
        for kind, service, filters, deleted in LISTS:
            listed = self.do(service, ALL, *filters, by=WHO[who])
            expected = self.world.listed(who, kind, deleted=deleted)
            assert sorted(told(item)[0] for item in listed.items) == sorted(expected)
            assert listed.total == len(expected)
        held = {scope: self.world.held(who, scope) for scope in EVERYWHERE}
        for (action, scope), verdict in zip(
            _ASKED, self.do(check_permissions, _CHECKS, by=WHO[who]), strict=True
        ):
            assert verdict.allowed is (action in held[scope]), (who, action, scope)
