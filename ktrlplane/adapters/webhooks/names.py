"""From a name to the addresses that may be reached."""

import asyncio
import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Final
from weakref import WeakValueDictionary

from aiohttp.abc import AbstractResolver, ResolveResult

from ktrlplane.adapters.webhooks.bounds import Bounds
from ktrlplane.adapters.webhooks.sockets import Judge, Refused
from ktrlplane.domain.webhook_urls import LOOPBACK, is_this_machine

Lookup = Callable[[str], Sequence[str]]
"""The addresses of a name. It may take its time, in a thread of its own.
Raises: OSError, UnicodeError."""

_MOST_REMEMBERED: Final = 10_000
_KNOWN_S: Final = 3600.0
"""For so long after an answer a name need not wait for those that nobody has answered for."""


class NoRoom(OSError):
    """Others had all threads there are for as long as anybody waits."""


def ask_system(name: str) -> Sequence[str]:
    found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(place[0]) for *_, place in found))


class Lookups:
    """The system's lookup cannot be ended, so a name that nobody answers for keeps a thread
    for longer than anybody waits. There are so many threads, one domain has but a few of
    them, whoever it belongs to, and a name that stayed silent is left alone for a while.
    A name that answered lately has threads that no new one gets: whoever has many silent
    names keeps nobody from receivers that are known. No thread keeps the process from ending."""

    def __init__(self, lookup: Lookup, bounds: Bounds) -> None:
        self._lookup, self._bounds = lookup, bounds
        self._for_new = asyncio.Semaphore(bounds.lookups)
        self._for_known = asyncio.Semaphore(bounds.lookups)
        self._below: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()
        self._silent: dict[str, float] = {}
        self._known: dict[str, float] = {}

    async def addresses(self, name: str) -> Sequence[str]:
        """Raises: NoRoom, OSError, UnicodeError."""
        if self._is_among(self._silent, name):
            raise OSError("Nobody answered for this name lately.")
        try:
            async with asyncio.timeout(self._bounds.room_s):
                asked = await self._begin(name)
        except TimeoutError:
            raise NoRoom("Too many names are being looked up.") from None
        try:
            async with asyncio.timeout(self._bounds.lookup_s):
                found = await asyncio.shield(asked)
        except TimeoutError:
            self._known.pop(name, None)
            self._remember(self._silent, name, self._bounds.silent_name_s)
            raise OSError("Nobody answered for this name in time.") from None
        self._remember(self._known, name, _KNOWN_S)
        return found

    async def _begin(self, name: str) -> asyncio.Future[Sequence[str]]:
        """Others have their turn when the thread is done, not when nobody waits for it."""
        is_known = self._is_among(self._known, name)
        room = self._for_known if is_known else self._for_new
        domain = name if is_known else ".".join(name.split(".")[-2:])
        below = self._below.get(domain)
        if below is None:
            below = asyncio.Semaphore(self._bounds.lookups_below_one_domain)
            self._below[domain] = below
        await below.acquire()
        try:
            await room.acquire()
        except BaseException:
            below.release()
            raise
        asked = self._in_a_thread(name)

        def end(done: asyncio.Future[Sequence[str]]) -> None:
            done.exception()
            room.release()
            below.release()

        asked.add_done_callback(end)
        return asked

    def _in_a_thread(self, name: str) -> asyncio.Future[Sequence[str]]:
        loop = asyncio.get_running_loop()
        asked: asyncio.Future[Sequence[str]] = loop.create_future()

        def ask() -> None:
            try:
                outcome: Sequence[str] | Exception = self._lookup(name)
            except Exception as exc:  # noqa: BLE001
                outcome = exc
            # The loop may be gone by now.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(_tell, asked, outcome)

        threading.Thread(target=ask, name="webhook-name", daemon=True).start()
        return asked

    def _is_among(self, names: Mapping[str, float], name: str) -> bool:
        return names.get(name, 0.0) > asyncio.get_running_loop().time()

    def _remember(self, names: dict[str, float], name: str, for_s: float) -> None:
        names.pop(name, None)
        while len(names) >= _MOST_REMEMBERED:
            del names[next(iter(names))]
        names[name] = asyncio.get_running_loop().time() + for_s


def _tell(asked: asyncio.Future[Sequence[str]], outcome: Sequence[str] | Exception) -> None:
    if asked.done():
        return
    if isinstance(outcome, Exception):
        asked.set_exception(outcome)
    else:
        asked.set_result(outcome)


class JudgedNames(AbstractResolver):
    """One address that may not be reached is enough to refuse a name: nobody who means well
    has both, and which one is taken would be a matter of luck."""

    def __init__(self, lookups: Lookups, judge: Judge, bounds: Bounds) -> None:
        self._lookups, self._judge, self._bounds = lookups, judge, bounds

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Raises: Refused, NoRoom, OSError, UnicodeError."""
        if is_this_machine(host):
            addresses = self._of_this_machine()
        else:
            addresses = [str(self._judge(one)) for one in await self._lookups.addresses(host)]
        if not addresses:
            raise OSError("The name has no address.")
        return [_result(host, one, port) for one in addresses[: self._bounds.connects]]

    def _of_this_machine(self) -> Sequence[str]:
        """Those of the two that are allowed. Raises: Refused, where none is."""
        found = []
        for address in LOOPBACK:
            with suppress(Refused):
                found.append(str(self._judge(str(address))))
        if not found:
            raise Refused("No address of the machine itself may be reached.")
        return found

    async def close(self) -> None:
        """Nothing is open here."""


def _result(host: str, address: str, port: int) -> ResolveResult:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    flags = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
    return ResolveResult(
        hostname=host, host=address, port=port, family=family, proto=0, flags=flags
    )
