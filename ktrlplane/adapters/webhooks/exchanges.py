"""One request and what comes back."""

import asyncio
import ipaddress
import logging
import ssl
from collections.abc import Mapping, Sequence
from functools import lru_cache, partial
from importlib.metadata import version
from typing import Final

import aiohttp
from attrs import frozen
from yarl import URL

from ktrlplane.adapters.webhooks.bounds import Bounds
from ktrlplane.adapters.webhooks.names import JudgedNames, Lookup, Lookups, NoRoom
from ktrlplane.adapters.webhooks.sockets import IN_USE, STEP_BYTES, BoundedConnector, Refused
from ktrlplane.domain.addresses import Address, Reach
from ktrlplane.domain.errors import ValidationFailed
from ktrlplane.domain.webhook_urls import target_of
from ktrlplane.ports.clock import Clock
from ktrlplane.ports.delivery import Answered, Failure, Outgoing, Unsent

USER_AGENT: Final = f"KtrlPlane-Webhooks/{version('ktrlplane')}"

_HEADERS: Final = {"User-Agent": USER_AGENT, "Accept": "*/*", "Accept-Encoding": "identity"}
_LONGEST_LINE: Final = 8190
_MOST_HEADERS: Final = 128
_TRIES: Final = 3
_NOTHING_ARRIVED: Final = (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError)
_NO_RESPONSE: Final = (
    aiohttp.ClientResponseError,
    aiohttp.ClientPayloadError,
    aiohttp.http.HttpProcessingError,
)

_CUT_OFF: Final = (aiohttp.ServerDisconnectedError, OSError)
_FAILURES: Final[Sequence[tuple[tuple[type[Exception], ...], Failure]]] = (
    ((ValidationFailed, Refused), Failure.REFUSED_ADDRESS),
    ((TimeoutError,), Failure.TIMEOUT),
    ((aiohttp.ClientSSLError, ssl.SSLError), Failure.TLS_FAILED),
    ((aiohttp.ClientConnectorDNSError, UnicodeError), Failure.UNRESOLVABLE),
    ((aiohttp.ClientConnectorError,), Failure.CONNECTION_FAILED),
)
"""The first that fits."""
_AS_CAUSES: Final[Mapping[Failure, type[Exception]]] = {
    Failure.REFUSED_ADDRESS: Refused,
    Failure.TLS_FAILED: ssl.SSLError,
}

_url = lru_cache(maxsize=4096)(partial(URL, encoded=True))
_log = logging.getLogger(__name__)


@frozen
class _Response:
    status: int
    body: bytes
    retry_after: str | None


def _judged(text: str, *, reach: Reach, plainly: bool) -> Address:
    """Raises: Refused. What is sent ``plainly`` stays in the networks of the operator."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        raise Refused("What a name leads to is no address.") from None
    if reach.refusal(address) is not None or (plainly and not reach.opens(address)):
        raise Refused("The address may not be reached.")
    return address


class Exchanges:
    """Those of one event loop, in which it is made and used."""

    def __init__(
        self, clock: Clock, reach: Reach, bounds: Bounds, lookup: Lookup, tls: ssl.SSLContext
    ) -> None:
        self._clock, self._reach, self._bounds = clock, reach, bounds
        lookups = Lookups(lookup, bounds)
        self._encrypted = self._session(lookups, tls)
        self._plain = self._session(lookups, None)

    def _session(self, lookups: Lookups, tls: ssl.SSLContext | None) -> aiohttp.ClientSession:
        judge = partial(_judged, reach=self._reach, plainly=tls is None)
        names = JudgedNames(lookups, judge, self._bounds)
        trust = tls or True
        connector = BoundedConnector(judge, self._bounds, resolver=names, ssl=trust)
        return aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
            headers=_HEADERS,
            skip_auto_headers=("Content-Type",),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
            read_bufsize=STEP_BYTES,
            max_line_size=_LONGEST_LINE,
            max_field_size=_LONGEST_LINE,
            max_headers=_MOST_HEADERS,
        )

    async def answer(self, outgoing: Outgoing) -> Answered:
        """Raises: Unsent."""
        begun = asyncio.get_running_loop().time()
        found: _Response | Failure
        try:
            found = await self._found(outgoing)
        except Exception as exc:  # noqa: BLE001
            if isinstance(_cause(exc), NoRoom):
                raise Unsent from None
            found = _failure(exc)
        duration_ms = round((asyncio.get_running_loop().time() - begun) * 1000)
        if isinstance(found, Failure):
            return Answered(failure=found, duration_ms=duration_ms)
        return Answered.read(
            found.status,
            found.body,
            found.retry_after,
            now=self._clock.now(),
            duration_ms=duration_ms,
        )

    async def _found(self, outgoing: Outgoing) -> _Response:
        target = target_of(outgoing.url, self._reach)
        session = self._encrypted if target.secure else self._plain
        async with asyncio.timeout(self._bounds.whole_s):
            for _ in range(_TRIES - 1):
                try:
                    return await self._exchange(session, outgoing)
                except _NOTHING_ARRIVED:
                    if not _was_stale():
                        raise
            return await self._exchange(session, outgoing)

    async def _exchange(self, session: aiohttp.ClientSession, outgoing: Outgoing) -> _Response:
        IN_USE.set(None)
        async with session.post(
            _url(outgoing.url),
            data=outgoing.body,
            headers=outgoing.headers,
            allow_redirects=False,
        ) as response:
            if (used := IN_USE.get()) is not None:
                used.allow_a_body()
            body = await self._beginning(response)
            return _Response(response.status, body, response.headers.get("Retry-After"))

    async def _beginning(self, response: aiohttp.ClientResponse) -> bytes:
        """Where there is more, the connection ends here: it cannot be used again without
        reading that."""
        content = bytearray()
        try:
            while part := await response.content.readany():
                content += part
                if len(content) > self._bounds.body_bytes:
                    response.close()
                    break
        except aiohttp.ClientError:
            # Little of a body in very much around it: the status has been said all the same.
            if not _has_too_much():
                raise
        return bytes(content[: self._bounds.body_bytes])

    async def close(self) -> None:
        await self._encrypted.close()
        await self._plain.close()


def _was_stale() -> bool:
    """Whether the receiver closed a connection that was kept, while this request went out."""
    used = IN_USE.get()
    return used is not None and used.requests > 1 and used.received == 0


def _has_too_much() -> bool:
    used = IN_USE.get()
    return used is not None and used.has_too_much


def _cause(exc: Exception) -> BaseException | None:
    return exc.os_error if isinstance(exc, aiohttp.ClientConnectorError) else exc.__cause__


def _failure(exc: Exception) -> Failure:
    """By the class alone: what a receiver or a library says may repeat secrets."""
    cause = _cause(exc)
    for kinds, failure in _FAILURES:
        if isinstance(exc, kinds) or isinstance(cause, _AS_CAUSES.get(failure, ())):
            return failure
    used = IN_USE.get()
    if isinstance(exc, _CUT_OFF):
        began = used is not None and used.received > 0
        return Failure.INVALID_RESPONSE if began else Failure.CONNECTION_FAILED
    if not isinstance(exc, _NO_RESPONSE):
        _log.error("webhook_answer_not_understood", extra={"failure": type(exc).__name__})
    return Failure.INVALID_RESPONSE
