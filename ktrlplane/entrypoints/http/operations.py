"""What the API can do: one declaration an operation, for the router and the API document."""

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from hashlib import sha256
from typing import Any, Final, TypeVar
from uuid import uuid4

from attrs import field, frozen

from ktrlplane.domain import errors
from ktrlplane.domain.access import Action, Scope
from ktrlplane.domain.errors import DomainError
from ktrlplane.domain.ids import Identity, OrganizationId, PrincipalId, ProjectId, ResourceId
from ktrlplane.domain.observability.backend_queries import BackendQuery
from ktrlplane.domain.services.platform import Expectation, Platform
from ktrlplane.entrypoints.http.parameters import NoParameters, Parameters
from ktrlplane.entrypoints.transactions import Transact
from ktrlplane.ports.unit_of_work import UnitOfWork

BASE: Final = "/api/v1"
CREATED: Final = 201
NDJSON: Final = "application/x-ndjson"
LAST_ENTRY: Final = "KtrlPlane-Last-Entry"
"""A header of exports."""

_LONGEST: Final = 255

Id = TypeVar("Id", bound=Identity)


@frozen(kw_only=True)
class Call:
    """A request that has been read: who asks for what. ``body`` and ``query`` are of the
    operation's types. ``as_seen`` is what ``If-Match`` and ``If-None-Match`` say of the thing;
    ``listing`` tells which list is asked for (see ``cursors.listing``). ``origin`` tells
    where clients find this server; with ``rehearsed`` nothing will stay of it. ``raw`` and
    ``signature`` are those of a body that is taken as it came."""

    actor: PrincipalId
    path: Mapping[str, str]
    query: Any
    body: Any = None
    as_seen: Expectation[Any] | None = None
    listing: bytes = b""
    origin: Callable[[], str] = str
    rehearsed: bool = False
    raw: bytes = b""
    signature: str | None = None
    idempotency_key: str | None = None
    platform: Platform

    @cached_property
    def key(self) -> str:
        """For what is done elsewhere for this request, however often that is tried, and however
        often the request comes with the same ``Idempotency-Key``."""
        if self.idempotency_key is None:
            return uuid4().hex
        asked = f"{self.actor}\n{sorted(self.path.items())}\n{self.idempotency_key}"
        return sha256(asked.encode()).hexdigest()

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

    def scope(self) -> Scope:
        """The organization, project or resource that the path begins with. Raises: NotFound
        for what cannot be an id."""
        if "org_id" in self.path:
            return Scope.of(self.organization())
        if "project_id" in self.path:
            return Scope.of(self.project())
        return Scope.of(self.resource())

    def identity(self, name: str, kind: type[Id]) -> Id:
        """Raises: NotFound for what cannot be an id."""
        try:
            return kind(self.path[name])
        except ValueError as exc:
            raise no_such(_noun(name)) from exc

    def text(self, name: str) -> str:
        """Raises: NotFound for what no store could look up."""
        text = self.path[name]
        if "\0" in text or len(text) > _LONGEST:
            raise no_such(_noun(name))
        return text


def no_such(noun: str) -> errors.NotFound:
    return errors.NotFound(f"There is no such {noun}, or you may not see it.")


def _noun(name: str) -> str:
    return name.removesuffix("_id").replace("org", "organization")


@frozen(kw_only=True)
class Reply:
    """``content`` None means an empty body. ``preview`` is what a change that is rehearsed
    would do to whom: its members stand beside those of ``content``. ``parts`` are the body in
    place of ``content``, made while they are sent; with ``passed_on`` it is the answer of a
    backend."""

    content: Any = None
    preview: Any = None
    status: int | None = None
    location: str | None = None
    next_cursor: str | None = None
    parts: Callable[[Transact], Iterator[bytes]] | None = None
    passed_on: BackendQuery | None = None
    headers: tuple[tuple[str, str], ...] = ()


@frozen
class Needs:
    """What one must hold to do something: ``actions`` at ``scope``, which is in the path or is
    named by words. ``note`` tells what else is asked."""

    actions: tuple[Action, ...] = ()
    scope: str = ""
    note: str = ""


def needs(*actions: Action, on: str, note: str = "") -> Needs:
    return Needs(actions, on, note)


def signed_in(note: str = "") -> Needs:
    """Nothing but a token."""
    return Needs(note=note)


def anybody() -> Needs:
    """Not even a token."""
    return Needs(note="no token")


_GUARDED: Final = {Action.MANAGE_ACCESS, Action.MANAGE_BILLING, Action.ESCALATE}

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
    needs: Needs
    answer: Any = None
    media_type: str = "application/json"
    """Of a success."""
    listed: bool = False
    then: Handler | None = None
    """What is answered once ``handle`` is committed and what follows from it is done."""
    body: type | None = None
    body_may_be_left_out: bool = False
    acts_elsewhere: bool = False
    """Whether it has the payment provider do something, which a rehearsal cannot."""
    takes_form: bool = False
    """Whether its parameters are those of another API, which may come as a form."""
    takes_bytes: bool = False
    """Whether the body is taken as it came, with the payment provider's signature."""
    query: type[Parameters] = NoParameters
    status: int = 200
    """Of a success; 201 says that it made something."""
    refusals: tuple[type[DomainError], ...] = field(default=())
    public: bool = False
    tagged: bool = False
    """Whether it deals with one thing that has an ETag."""
    preview: type | None = None
    """What a rehearsal says beside the answer."""
    reads_only: bool = False
    """Whether it changes nothing in spite of its method."""
    waits: bool = False
    """Whether it waits for a resource where the parameter ``wait`` says so."""
    judges: bool = False
    """Whether it reads nothing but what people hold, and takes no body."""

    sensitive: bool = False
    """Whether it is remembered who was refused it, besides what needs ``manage_access`` and the
    like."""

    @property
    def remembers_refusals(self) -> bool:
        return self.sensitive or (self.writes and not _GUARDED.isdisjoint(self.needs.actions))

    @property
    def is_asked_by_query_alone(self) -> bool:
        """Whether caller and query say all, and what people hold answers it."""
        return self.judges and "{" not in self.path

    @property
    def writes(self) -> bool:
        return self.method != "GET" and not self.reads_only

    untagged_answer: bool = False
    """Whether it answers with less than the thing that it deals with, which has an ETag."""

    @property
    def conditional(self) -> bool:
        """Whether ``If-Match`` and ``If-None-Match`` say something about it."""
        return (self.tagged or self.untagged_answer) and self.status != CREATED

    @property
    def url(self) -> str:
        return BASE + self.path
