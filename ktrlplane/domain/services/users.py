"""Users: known since their first call, found by those who share something with them."""

from collections.abc import Sequence

from attrs import frozen

from ktrlplane.domain.errors import Fault, NotFound, ValidationFailed
from ktrlplane.domain.events import EventType
from ktrlplane.domain.ids import PrincipalId
from ktrlplane.domain.organizations import Organization
from ktrlplane.domain.paging import PageRequest
from ktrlplane.domain.projects import Project
from ktrlplane.domain.services.platform import Platform
from ktrlplane.domain.services.telling import Teller, tell
from ktrlplane.domain.users import User
from ktrlplane.ports.identity import Claims
from ktrlplane.ports.stores import ProjectFilter, ResourceFilter
from ktrlplane.ports.unit_of_work import UnitOfWork

MIN_SEARCH = 3
MAX_FOUND = 10
AT_A_GLANCE = 20


@frozen(kw_only=True)
class Glance:
    """A user with what they can see, newest first, at most 20 of each, and how many in all."""

    user: User
    organizations: Sequence[Organization]
    organization_count: int
    projects: Sequence[Project]
    project_count: int
    resource_count: int


def recognize(work: UnitOfWork, claims: Claims, *, platform: Platform) -> User:
    """The user that a verified token speaks of, added or brought up to date by its word.

    Reads first, so that a token seen before costs no write.
    """
    known = work.users.find(claims.principal_id)
    now = platform.now()
    user = (known or _newcomer(claims, platform)).as_told_by(
        claims.email,
        claims.name,
        verified=claims.email_verified,
        is_service_account=claims.is_service_account,
        issued_at=claims.issued_at,
        now=now,
    )
    if user != known:
        if user.email is not None and user.email_verified:
            work.access.hold_address(user.email)  # nobody invites it meanwhile
        work.users.put(user)
        kind = EventType.USER_UPDATED if known else EventType.USER_CREATED
        tell(work, kind, (), known, user, actor=user.user_id, platform=platform)
    return user


def announce(work: UnitOfWork, user_id: PrincipalId, *, actor: Teller, platform: Platform) -> None:
    """A user is known from now on, whether they have called yet or not."""
    if work.users.find(user_id) is not None:
        return
    user = User.announced(user_id, platform.now())
    work.users.put(user)
    tell(work, EventType.USER_CREATED, (), None, user, actor=actor, platform=platform)


def is_up_to_date(work: UnitOfWork, claims: Claims, *, platform: Platform) -> bool:
    """Whether ``recognize`` would write nothing."""
    known = work.users.find(claims.principal_id)
    return known is not None and known == known.as_told_by(
        claims.email,
        claims.name,
        verified=claims.email_verified,
        is_service_account=claims.is_service_account,
        issued_at=claims.issued_at,
        now=platform.now(),
    )


def _newcomer(claims: Claims, platform: Platform) -> User:
    now = platform.now()
    return User(
        user_id=claims.principal_id,
        email=claims.email,
        email_verified=claims.email_verified,
        name=claims.name,
        is_service_account=claims.is_service_account,
        claims_at=claims.issued_at,
        created_at=now,
        updated_at=now,
    )


def read_me(work: UnitOfWork, *, actor: PrincipalId, platform: Platform) -> Glance:
    """Raises: NotFound for who has not been recognized yet."""
    user = work.users.find(actor)
    if user is None:
        raise NotFound(f"There is no user {actor}.")
    now = platform.now()
    page = PageRequest(limit=AT_A_GLANCE, include_total=True)
    organizations = work.organizations.readable_by(user.user_id, now, page)
    projects = work.projects.readable_by(user.user_id, now, page, ProjectFilter())
    counted = PageRequest(limit=1, include_total=True)
    resources = work.resources.readable_by(user.user_id, now, counted, ResourceFilter())
    return Glance(
        user=user,
        organizations=organizations.items,
        organization_count=organizations.total or 0,
        projects=projects.items,
        project_count=projects.total or 0,
        resource_count=resources.total or 0,
    )


def search_users(
    work: UnitOfWork, text: str, *, actor: PrincipalId, platform: Platform
) -> Sequence[User]:
    """Raises: ValidationFailed for less than 3 characters."""
    if len(text) < MIN_SEARCH:
        detail = f"Search for at least {MIN_SEARCH} characters."
        raise ValidationFailed([Fault("/q", "min_length", detail)])
    return work.users.search(actor, platform.now(), text, MAX_FOUND)
