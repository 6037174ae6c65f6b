"""What everybody may see: health, the API document, its page, and what each problem means."""

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import Any, Final

import falcon
import orjson
import structlog
from attrs import field, frozen

from ktrlplane.domain.errors import NotFound
from ktrlplane.entrypoints.http import problems
from ktrlplane.entrypoints.http.docs_page import docs_page
from ktrlplane.entrypoints.transactions import Transact

_log = structlog.get_logger(__name__)
_UP: Final = b'{"status":"UP"}'
_HTML: Final = "text/html; charset=utf-8"


@frozen
class Live:
    """This process answers."""

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        resp.data = _UP

    on_head = on_get


@frozen(eq=False)
class Ready:
    """This process can reach its database, and has its answer in ``within_s``. Whoever asks
    meanwhile shares the answer: of a database that is silent, no more than one asks at a time."""

    transact: Transact
    within_s: float = 3.0
    _lock: threading.Lock = field(factory=threading.Lock, init=False)
    _asked: list[Future[None]] = field(factory=list, init=False)

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        try:
            self._asking().result(self.within_s)
        except Exception as exc:  # noqa: BLE001 - whatever it is, nothing can be served
            _log.warning("not_ready", exc_info=exc)
            resp.status = falcon.HTTP_503
            resp.data = b'{"status":"DOWN","reason":"The database cannot be reached."}'
        else:
            resp.data = _UP

    on_head = on_get

    def _asking(self) -> Future[None]:
        with self._lock:
            if not self._asked:
                answer: Future[None] = Future()
                self._asked.append(answer)
                threading.Thread(target=self._ask, args=(answer,), daemon=True).start()
            return self._asked[0]

    def _ask(self, answer: Future[None]) -> None:
        failed = None
        try:
            self.transact.read(lambda work: work.roles.named("Owner"))
        except Exception as exc:  # noqa: BLE001 - who asked is told
            failed = exc
        with self._lock:
            self._asked.clear()
        if failed is None:
            answer.set_result(None)
        else:
            answer.set_exception(failed)


@frozen
class Document:
    """Written when somebody first asks."""

    write: Callable[[], bytes]

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        resp.data = self.write()

    on_head = on_get


@frozen
class Docs:
    """Swagger UI with all it needs in the page itself."""

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        page = docs_page()
        resp.content_type = _HTML
        resp.set_header("Content-Security-Policy", page.policy)
        resp.data = page.content

    on_head = on_get


@frozen
class Root:
    """For who types the host alone into a browser."""

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        resp.status = falcon.HTTP_303
        resp.location = "/docs"

    on_head = on_get


@frozen
class ProblemPage:
    def on_get(self, req: falcon.Request, resp: falcon.Response, code: str) -> None:
        definition = problems.DEFINITIONS.get(code)
        if definition is None:
            raise NotFound("There is no such problem code.")
        if req.client_prefers(["text/html", "application/json"]) == "application/json":
            resp.data = orjson.dumps(
                {
                    "code": definition.code,
                    "status": definition.status,
                    "title": definition.title,
                    "advice": definition.advice,
                }
            )
            return
        resp.content_type = _HTML
        resp.text = problems.page(definition)

    on_head = on_get


@frozen
class InvitationPage:
    """For who follows the link in a mail. The same for every link: it tells nobody which
    invitations there are."""

    def on_get(self, req: falcon.Request, resp: falcon.Response, invitation_id: str) -> None:
        resp.content_type = _HTML
        resp.set_header("Content-Security-Policy", "default-src 'none'")
        resp.set_header("Referrer-Policy", "no-referrer")
        resp.text = _INVITATION

    on_head = on_get


_INVITATION: Final = (
    '<!doctype html><html lang="en"><head><meta charset="utf-8">'
    "<title>You are invited</title></head><body><main><h1>You are invited</h1>"
    "<p>Sign in to this platform, or to one of its products, with the e-mail address that the "
    "invitation was sent to. Once that address is verified, what you were invited to is yours: "
    "there is nothing else to do.</p><p>If you have signed in already with another address, "
    "ask whoever invited you to invite that one.</p></main></body></html>"
)


@frozen
class Keys:
    """The public keys of the local development issuer (RFC 7517), for other products."""

    read: Callable[[], Mapping[str, Any]]

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        resp.data = orjson.dumps(self.read())

    on_head = on_get
