"""One query and what comes back."""

import asyncio
from collections.abc import Mapping
from importlib.metadata import version
from typing import Final

import aiohttp
from attrs import define, field, frozen
from yarl import URL

from ktrlplane.domain.errors import OutcomeUnknown, UpstreamError
from ktrlplane.domain.observability.backend_queries import Backend
from ktrlplane.ports.telemetry import Outgoing

USER_AGENT: Final = f"KtrlPlane/{version('ktrlplane')}"

_STEP_BYTES: Final = 64 * 1024
_OK: Final = 200
_ENCODINGS: Final = {"": False, "identity": False, "gzip": True}


@frozen(kw_only=True)
class Bounds:
    """Of one query: seconds to connect, until the answer begins, and for all of it; and how many
    bytes of it are waited for before it is given."""

    connect_s: float = 2.0
    begin_s: float = 30.0
    whole_s: float = 60.0
    beginning_bytes: int = 128 * 1024


@define(eq=False)
class Exchange:
    """An answer that has begun; of the loop's thread alone."""

    response: aiohttp.ClientResponse = field(repr=False)
    until: float
    beginning: bytes = field(default=b"", repr=False)
    is_over: bool = False
    watch: asyncio.TimerHandle | None = field(default=None, repr=False)
    """Ends it in time. It holds all of this until it is cancelled."""

    @property
    def status(self) -> int:
        return self.response.status

    @property
    def media_type(self) -> str:
        return self.response.content_type

    @property
    def is_compressed(self) -> bool:
        return _ENCODINGS[self.response.headers.get("Content-Encoding", "").lower()]

    async def more(self) -> bytes:
        """Empty at the end. Raises: UpstreamError, OutcomeUnknown."""
        try:
            async with asyncio.timeout_at(self.until):
                part = await self.response.content.readany()
        except TimeoutError:
            self.end()
            raise _too_slow() from None
        except (aiohttp.ClientError, OSError) as exc:
            self.end()
            raise _broken() from exc
        if not part:
            self.is_over = True
            self._unwatch()
            self.response.release()
        return part

    async def begin(self, count: int) -> None:
        """Reads so many bytes, or all there are."""
        parts, length = [], 0
        while length < count and (part := await self.more()):
            parts.append(part)
            length += len(part)
        self.beginning = b"".join(parts)

    def end(self) -> None:
        self._unwatch()
        if not self.is_over:
            self.response.close()

    def _unwatch(self) -> None:
        if self.watch is not None:
            self.watch.cancel()
            self.watch = None


def _has_an_end(response: aiohttp.ClientResponse) -> bool:
    """Else one that breaks off looks whole."""
    codings = ",".join(response.headers.getall("Transfer-Encoding", ())).lower().split(",")
    framed = response.content_length is not None or codings[-1].strip() == "chunked"
    return framed or response.status != _OK


def _too_slow() -> OutcomeUnknown:
    return OutcomeUnknown("The backend did not answer in time; ask for less.")


def _broken() -> UpstreamError:
    return UpstreamError("The backend cannot be reached, or its answer breaks off.")


class Exchanges:
    """Those of one event loop, in which it is made and used."""

    def __init__(self, backends: Mapping[Backend, str], bounds: Bounds) -> None:
        self._backends = {one: address.rstrip("/") for one, address in backends.items()}
        self._bounds = bounds
        self._session = aiohttp.ClientSession(
            # Whoever asks is bounded by others; a queue here would only make them wait unseen.
            # No connection is used twice: what a confused backend says too much would be taken
            # for the answer to the next query, which is somebody else's.
            connector=aiohttp.TCPConnector(limit=0, force_close=True),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
            headers={"User-Agent": USER_AGENT, "Accept": "application/json"},
            timeout=aiohttp.ClientTimeout(total=None, connect=bounds.connect_s),
            read_bufsize=_STEP_BYTES,
        )

    async def begin(self, outgoing: Outgoing) -> Exchange:
        """Raises: UpstreamError, OutcomeUnknown."""
        until = asyncio.get_running_loop().time() + self._bounds.whole_s
        response = await self._response(outgoing)
        exchange = Exchange(response, until)
        # Whatever becomes of who asked, it ends.
        exchange.watch = asyncio.get_running_loop().call_at(until, exchange.end)
        encoding = response.headers.get("Content-Encoding", "").lower()
        if not _has_an_end(response):
            exchange.end()
            raise UpstreamError("The backend does not say where its answer ends.")
        if encoding not in _ENCODINGS or (_ENCODINGS[encoding] and not outgoing.compressed):
            exchange.end()
            raise UpstreamError("The backend answers in an encoding that it was not asked for.")
        try:
            await exchange.begin(self._bounds.beginning_bytes)
        except BaseException:
            exchange.end()
            raise
        return exchange

    async def _response(self, outgoing: Outgoing) -> aiohttp.ClientResponse:
        try:
            async with asyncio.timeout(self._bounds.begin_s):
                return await self._sent(outgoing)
        except TimeoutError:
            raise _too_slow() from None
        except (aiohttp.ClientError, OSError) as exc:
            raise _broken() from exc

    async def _sent(self, outgoing: Outgoing) -> aiohttp.ClientResponse:
        query = outgoing.query
        url = URL(self._backends[query.backend] + query.path)
        headers = {
            "X-Scope-OrgID": query.tenant,
            "Accept-Encoding": "gzip" if outgoing.compressed else "identity",
        }
        if outgoing.categorized and query.backend is Backend.LOGS:
            headers["X-Loki-Response-Encoding-Flags"] = "categorize-labels"
        if outgoing.trace:
            headers["traceparent"] = outgoing.trace
        if query.has_form:
            return await self._session.post(
                url, data=list(query.parameters), headers=headers, allow_redirects=False
            )
        return await self._session.get(
            url, params=list(query.parameters), headers=headers, allow_redirects=False
        )

    async def close(self) -> None:
        await self._session.close()
        # Connections that are closed go with a later turn of the loop.
        for _ in range(3):
            await asyncio.sleep(0)
