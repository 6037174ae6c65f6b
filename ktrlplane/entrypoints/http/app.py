"""The WSGI application."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import Any, Final

import falcon
from attrs import evolve
from falcon.responders import create_default_options
from falcon.routing import CompiledRouter

from ktrlplane.domain.errors import DomainError
from ktrlplane.entrypoints.container import Container
from ktrlplane.entrypoints.http import (
    access,
    assignments,
    billing,
    catalog,
    configurations,
    custom_roles,
    deliveries,
    events,
    groups,
    invitations,
    lifecycle,
    limits,
    metrics,
    notifications,
    observability,
    openapi,
    organizations,
    payment_notices,
    payment_pages,
    problems,
    projects,
    public,
    rendering,
    resources,
    service_accounts,
    users,
    webhooks,
)
from ktrlplane.entrypoints.http.dispatch import Edge, Responder
from ktrlplane.entrypoints.http.middleware import Cors, LoopbackOnly, RequestIds
from ktrlplane.entrypoints.http.operations import Operation
from ktrlplane.entrypoints.http.proxying import Proxy
from ktrlplane.entrypoints.http.rates import RateLimit
from ktrlplane.entrypoints.http.shortcut import Shortcut
from ktrlplane.entrypoints.http.work_metrics import Background
from ktrlplane.entrypoints.settling import SettleAccounts
from ktrlplane.ports.payment_pages import PaymentPages

FalconApp = falcon.App[falcon.Request, falcon.Response]

_NAMED_BY_OTHERS: Final = re.compile(r"{(client_id|user_id)}$")
"""Ids that an identity provider makes, with slashes in them for all we know."""

OPERATIONS: tuple[Operation, ...] = (
    *users.OPERATIONS,
    *organizations.OPERATIONS,
    *projects.OPERATIONS,
    *resources.OPERATIONS,
    *lifecycle.OPERATIONS,
    *limits.OPERATIONS,
    *configurations.OPERATIONS,
    *assignments.OPERATIONS,
    *invitations.OPERATIONS,
    *groups.OPERATIONS,
    *custom_roles.OPERATIONS,
    *service_accounts.OPERATIONS,
    *access.OPERATIONS,
    *billing.OPERATIONS,
    *payment_notices.OPERATIONS,
    *observability.OPERATIONS,
    *events.OPERATIONS,
    *webhooks.OPERATIONS,
    *deliveries.OPERATIONS,
    *notifications.OPERATIONS,
    *catalog.OPERATIONS,
)


def create_app(container: Container) -> Shortcut:
    """What the container says, served. Opens its connections."""
    settings, together = container.settings(), metrics.shared_folder()
    settling = SettleAccounts(container.transact(), container.platform(), container.payments)
    edge = Edge(
        transact=evolve(container.transact(), settle=settling.at_once),
        platform=container.platform(),
        tokens=container.tokens(),
        rate_limit=RateLimit(settings.rate_limit, together and together / "rates"),
        proxy=Proxy(container.telemetry(), threads=settings.threads),
        public_url=settings.public_url,
    )
    return build_app(
        edge,
        cors_origins=settings.cors_origins,
        local_keys=container.local_issuer().jwks if settings.is_local_issuer else None,
        pages=container.payment_pages(),
    )


def build_app(
    edge: Edge,
    *,
    cors_origins: tuple[str, ...] = (),
    local_keys: Callable[[], Mapping[str, Any]] | None = None,
    pages: PaymentPages | None = None,
) -> Shortcut:
    """``local_keys`` are the public keys of the local development issuer, where there is one;
    ``pages`` those of a payment provider that is simulated."""
    responders = [Responder(operation, edge) for operation in OPERATIONS]
    app = _falcon_app(edge, responders, cors_origins, local_keys)
    if pages is not None:
        app.add_route(pages.at, payment_pages.Portal(pages, edge.transact, edge.platform))
    # Browsers are told more in every answer, and ask for no other sake than theirs.
    short = () if cors_origins else responders
    return Shortcut(
        app,
        {one.operation.url: one for one in short if one.operation.is_asked_by_query_alone},
        loopback_only=local_keys is not None,
    )


def _falcon_app(
    edge: Edge,
    responders: Sequence[Responder],
    cors_origins: tuple[str, ...],
    local_keys: Callable[[], Mapping[str, Any]] | None,
) -> FalconApp:
    middleware: list[Any] = [RequestIds()]
    if local_keys is not None:
        middleware.append(LoopbackOnly())
    if cors_origins:
        middleware.append(Cors(cors_origins))
    app = falcon.App(middleware=middleware, router=_Router())
    app.req_options.keep_blank_qs_values = True
    app.req_options.auto_parse_qs_csv = False
    app.add_error_handler(Exception, problems.break_down)
    app.add_error_handler(falcon.HTTPError, problems.refuse_in_falcons_words)
    app.add_error_handler(DomainError, problems.refuse)
    app.add_error_handler(problems.EdgeError, problems.refuse_at_edge)
    for path, resource in _by_path(responders):
        app.add_route(_NAMED_BY_OTHERS.sub(r"{\1:path}", path), resource)
    _add_public(app, edge, local_keys)
    return app


class _Router(CompiledRouter):
    """Has OPTIONS among what an address takes, where that is asked and where it is refused."""

    def map_http_methods(self, resource: object, **more: Any) -> Any:
        methods: dict[str, Any] = super().map_http_methods(resource, **more)
        methods["OPTIONS"] = create_default_options(sorted([*methods, "OPTIONS"]))
        return methods


def _by_path(responders: Iterable[Responder]) -> Iterable[tuple[str, object]]:
    """One Falcon resource a path, with a responder for each of its operations."""
    found: dict[str, dict[str, Any]] = {}
    for responder in responders:
        operation = responder.operation
        methods = found.setdefault(operation.url, {})
        respond = staticmethod(responder.respond)
        methods[f"on_{operation.method.lower()}"] = respond
        if operation.method == "GET":
            methods["on_head"] = respond
    for path, methods in found.items():
        yield path, type("Resource", (), methods)()


def _add_public(
    app: FalconApp,
    edge: Edge,
    local_keys: Callable[[], Mapping[str, Any]] | None,
) -> None:
    @cache
    def document() -> bytes:
        return rendering.dump(openapi.document(OPERATIONS, edge.platform.catalog))

    ready = public.Ready(edge.transact)
    app.add_route("/health", ready)
    app.add_route("/health/live", public.Live())
    app.add_route("/health/ready", ready)
    app.add_route("/metrics", metrics.Metrics(Background(edge.transact, edge.platform)))
    app.add_route("/openapi.json", public.Document(document))
    app.add_route("/", public.Root())
    app.add_route("/docs", public.Docs())
    app.add_route("/problems/{code}", public.ProblemPage())
    app.add_route("/invitations/{invitation_id}", public.InvitationPage())
    if local_keys is not None:
        app.add_route("/.well-known/jwks.json", public.Keys(local_keys))
