"""Taking over the database of the system that KtrlPlane replaces."""

import enum
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Final

from attrs import frozen

from ktrlplane.domain.catalog import Catalog
from ktrlplane.domain.documents import Document

TAKEN_OVER: Final = "0007_predecessor_taken_over"
"""The step that is taken in place of all numbered ones up to its number. Until then nothing
may be served."""


@frozen(kw_only=True)
class Adoption:
    """What this platform says of the former system's rows: the present names of its resource
    types, its roles, which tiers are paid; ``invitation_ttl`` is how long people have who were
    invited there and never came. ``reserved_ids`` are patterns. ``allows`` tells whether settings
    are what a tier of a type, both of the catalog, lets them be."""

    catalog: Catalog
    invitation_ttl: timedelta
    reserved_ids: tuple[str, ...]
    allows: Callable[[str, str, Document], bool]


class Kind(enum.StrEnum):
    """What there is in a table of the former system."""

    USERS = "users"
    ORGANIZATIONS = "organizations"
    PROJECTS = "projects"
    RESOURCES = "resources"
    ROLES = "roles"
    ROLE_ASSIGNMENTS = "role assignments"
    BILLING_ACCOUNTS = "billing accounts"


class Weight(enum.StrEnum):
    """What a finding asks for: something to be mended before anything is done, to be known
    since it will be gone, or to be looked at afterwards."""

    IN_THE_WAY = "in the way"
    DROPPED = "dropped"
    NOTED = "to look at"


@frozen(kw_only=True)
class Finding:
    """``code`` never changes; ``detail`` says it to a person; ``ids`` are all of them."""

    weight: Weight
    kind: Kind
    code: str
    detail: str
    ids: tuple[str, ...]


@frozen(kw_only=True)
class Tally:
    """Rows of one kind: each is kept, turned into an invitation, or dropped."""

    kind: Kind
    kept: int = 0
    invited: int = 0
    dropped: int = 0

    @property
    def rows(self) -> int:
        return self.kept + self.invited + self.dropped


@frozen(kw_only=True)
class AdoptionReport:
    """What becomes of the former system's rows. There is a finding for whatever is not kept
    just as it was."""

    tallies: tuple[Tally, ...]
    findings: tuple[Finding, ...]

    def in_the_way(self) -> Sequence[Finding]:
        return [one for one in self.findings if one.weight is Weight.IN_THE_WAY]
