"""What a principal holds on the way to a scope, and the one decision about it."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import cached_property
from operator import attrgetter

from attrs import field, frozen

from ktrlplane.domain.access import OPERATORS_ACTIONS, Action, Permission, Scope, ScopeType
from ktrlplane.domain.errors import Forbidden, NotFound
from ktrlplane.domain.ids import AssignmentId, GroupId, OrganizationId, RoleId


@frozen(kw_only=True)
class Grant:
    """One assignment as a decision sees it; ``group_id`` is the group that holds it, where it
    comes by one."""

    assignment_id: AssignmentId
    role_id: RoleId
    scope: Scope
    permissions: tuple[Permission, ...]
    group_id: GroupId | None = None
    expires_at: datetime | None = None

    def holds_at(self, moment: datetime) -> bool:
        return self.expires_at is None or self.expires_at > moment

    def covers(self, permission: Permission) -> bool:
        for held in self.permissions:  # noqa: SIM110 - as in Standing.holds
            if held.covers(permission):
                return True
        return False


def _as_tuple(grants: Iterable[Grant]) -> tuple[Grant, ...]:
    return tuple(grants)  # mypy cannot read ``tuple`` itself as a converter


@frozen
class Standing:
    """What one principal holds on the way down to one scope, at one moment.

    ``path`` runs from the organization down to the scope itself, both included; for the
    global scope it is that scope alone. Only grants on the path count: a global assignment
    grants nothing below (R1.1).
    """

    path: tuple[Scope, ...]
    grants: tuple[Grant, ...] = field(converter=_as_tuple)

    @property
    def scope(self) -> Scope:
        return self.path[-1]

    @property
    def org_id(self) -> OrganizationId | None:
        """The organization that the path begins in, if any."""
        first = self.path[0]
        if first.scope_type is ScopeType.ORGANIZATION:
            return OrganizationId(first.scope_id)
        return None

    def via(self, permission: Permission) -> Sequence[Grant]:
        """The grants that give ``permission``, as they came."""
        return [grant for grant in self._counting if grant.covers(permission)]

    def holds(self, permission: Permission) -> bool:
        # For a hundred questions at once: any() costs three times as much.
        for grant in self._counting:  # noqa: SIM110
            if grant.covers(permission):
                return True
        return False

    def may(self, action: Action) -> bool:
        return self.holds(Permission.control_plane(action))

    def require(self, *actions: Action) -> None:
        """Every one of ``actions``, and first of all to see the thing (R1.4).

        Raises: NotFound for who may not read, Forbidden for who may read but not do this.
        """
        if not self.may(Action.READ):
            raise not_found(self.scope)
        for action in actions:
            if not self.may(action):
                raise Forbidden(
                    f"This needs the permission {action} on {self.scope}. {_advice(action)}"
                )

    def readable_path(self) -> tuple[Scope, ...]:
        """The part of ``path`` that one may read: what is above it one does not see."""
        reads = [
            self.path.index(grant.scope)
            for grant in self.via(Permission.control_plane(Action.READ))
        ]
        return self.path[min(reads, default=len(self.path)) :]

    def readable_org(self) -> OrganizationId | None:
        """The organization that the path begins in, if one may read that."""
        return self.org_id if len(self.readable_path()) == len(self.path) else None

    def permissions(self) -> Sequence[Permission]:
        """Everything held, wildcards unexpanded, in order, each once."""
        return self._permissions

    @cached_property
    def _permissions(self) -> Sequence[Permission]:
        held = {permission for grant in self._counting for permission in grant.permissions}
        return sorted(held, key=_in_order)

    @cached_property
    def _counting(self) -> Sequence[Grant]:
        return [grant for grant in self.grants if grant.scope in self.path]


def _advice(action: Action) -> str:
    if action in OPERATORS_ACTIONS:
        return "The platform's operator grants a role that has it, with ktrlplane grant."
    return "Ask somebody with manage_access there to grant a role that has it."


# As Permission orders itself, at a fraction of the price of comparing instances.
_in_order = attrgetter("product", "action")


def not_found(scope: Scope) -> NotFound:
    """One sentence for what is not there and for what the caller may not see."""
    return NotFound(f"There is no {scope}, or you may not see it.")


def gained(before: Standing | None, after: Standing | None) -> list[Permission]:
    """What ``after`` gives that ``before`` did not; asked the other way round, what is lost.
    Of permissions that cover each other, only the widest."""
    if after is None:
        return []
    new = [p for p in after.permissions() if before is None or not before.holds(p)]
    return [p for p in new if not any(q != p and q.covers(p) for q in new)]


def missing_from(standing: Standing, wanted: Iterable[Permission]) -> list[Permission]:
    """What somebody would hand out without holding it; for who may escalate, only what is the
    operator's to give (R1.5)."""
    missing = [permission for permission in wanted if not standing.holds(permission)]
    if standing.may(Action.ESCALATE):
        return [permission for permission in missing if permission.is_operators]
    return missing
