"""What the API can do: one declaration an operation, for the router and the API document."""

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

from attrs import field, frozen

from ktrlplane.domain import errors
from ktrlplane.domain.errors import DomainError
from ktrlplane.domain.ids import Identity, OrganizationId, PrincipalId, ProjectId, ResourceId
from ktrlplane.domain.services.platform import Expectation, Platform
from ktrlplane.entrypoints.http.parameters import NoParameters, Parameters
from ktrlplane.ports.unit_of_work import UnitOfWork

BASE: Final = "/api/v1"
CREATED: Final = 201

_LONGEST: Final = 255

Id = TypeVar("Id", bound=Identity)


@frozen(kw_only=True)
class Call:
    """A request that has been read: who asks for what. ``body`` and ``query`` are of the
    operation's types. ``as_seen`` is what ``If-Match`` and ``If-None-Match`` say of the thing;
    ``listing`` tells which list is asked for (see ``cursors.listing``)."""

    actor: PrincipalId
    path: Mapping[str, str]
    query: Any
    body: Any = None
    as_seen: Expectation[Any] | None = None
    listing: bytes = b""
    platform: Platform

    @property
    def asked(self) -> dict[str, Any]:
        """The keywords that every service takes."""
        return {"actor": self.actor, "platform": self.platform}

    def organization(self) -> OrganizationId:
        """Raises: NotFound for what cannot be an id."""
        return self.identity("org_id", OrganizationId)

    def project(self) -> ProjectId:
        """Raises: NotFound for what cannot be an id."""
        return self.identity("project_id", ProjectId)

    def resource(self) -> ResourceId:
        """Raises: NotFound for what cannot be an id."""
        return self.identity("resource_id", ResourceId)

    def identity(self, name: str, kind: type[Id]) -> Id:
        """Raises: NotFound for what cannot be an id."""
        try:
            return kind(self.path[name])
        except ValueError as exc:
            raise _no_such(name) from exc

    def text(self, name: str) -> str:
        """Raises: NotFound for what no store could look up."""
        text = self.path[name]
        if "\0" in text or len(text) > _LONGEST:
            raise _no_such(name)
        return text


def _no_such(name: str) -> errors.NotFound:
    noun = name.removesuffix("_id").replace("org", "organization")
    return errors.NotFound(f"There is no such {noun}, or you may not see it.")


@frozen(kw_only=True)
class Reply:
    """``content`` None means an empty body."""

    content: Any = None
    status: int | None = None
    location: str | None = None
    next_cursor: str | None = None


Handler = Callable[[UnitOfWork, Call], Reply]


@frozen(kw_only=True)
class Operation:
    """``path`` is below ``/api/v1``. ``body`` and ``answer`` are attrs classes, ``query`` one
    whose fields are the parameters. ``refusals`` are those beyond what every operation has."""

    method: str
    path: str
    name: str
    summary: str
    tag: str
    handle: Handler
    answer: Any = None
    listed: bool = False
    body: type | None = None
    query: type[Parameters] = NoParameters
    status: int = 200
    """Of a success; 201 says that it made something."""
    refusals: tuple[type[DomainError], ...] = field(default=())
    public: bool = False
    tagged: bool = False
    """Whether it deals with one thing that has an ETag."""
    reads_only: bool = False
    """Whether it changes nothing in spite of its method."""

    @property
    def writes(self) -> bool:
        return self.method != "GET" and not self.reads_only

    @property
    def conditional(self) -> bool:
        """Whether ``If-Match`` and ``If-None-Match`` say something about it."""
        return self.tagged and self.status != CREATED

    @property
    def url(self) -> str:
        return BASE + self.path
