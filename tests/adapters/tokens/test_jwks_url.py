import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from ktrlplane.adapters.memory.clock import ManualClock
from ktrlplane.adapters.tokens import JwksUrl, JwtTokens, fetching, jwks_url
from ktrlplane.domain.errors import Unauthenticated, UpstreamError
from tests.adapters.tokens.token_forge import AUDIENCE, ISSUER, Forge, JwksServer

SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)


@pytest.fixture
def keys(server: JwksServer, clock: ManualClock, forge: Forge) -> JwksUrl:
    server.publish(forge.jwk())
    return JwksUrl(server.url, clock)


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(16) as threads:
        yield threads


@contextlib.contextmanager
def fetching_held(server: JwksServer) -> Iterator[None]:
    """Within, the server answers nobody."""
    server.gate.clear()
    server.arrived.clear()
    try:
        yield
    finally:
        server.gate.set()


def numbers(key: RSAPublicKey | None) -> object:
    return key and key.public_numbers()


def finds(keys: JwksUrl, issuer: Forge) -> bool:
    return numbers(keys.find(issuer.kid)) == numbers(issuer.key.public_key())


# When it is fetched


def test_nothing_is_fetched_before_a_key_is_needed(keys: JwksUrl, server: JwksServer) -> None:
    assert server.asked == 0


def test_a_key_is_fetched_once_an_hour(
    keys: JwksUrl, server: JwksServer, clock: ManualClock, forge: Forge
) -> None:
    assert finds(keys, forge)
    clock.advance(HOUR - SECOND)
    assert finds(keys, forge)
    assert server.asked == 1
    clock.advance(SECOND)
    assert finds(keys, forge)
    assert server.asked == 2


def test_a_new_key_is_found_at_once(
    keys: JwksUrl, server: JwksServer, forge: Forge, stranger: Forge
) -> None:
    assert finds(keys, forge)
    server.publish(forge.jwk(), stranger.jwk())
    assert finds(keys, stranger)
    assert server.asked == 2


def test_unknown_keys_make_one_fetch_a_minute(
    keys: JwksUrl, server: JwksServer, clock: ManualClock, forge: Forge
) -> None:
    assert finds(keys, forge)
    for number in range(100):
        assert keys.find(f"made-up-{number}") is None
    assert server.asked == 2
    clock.advance(MINUTE - SECOND)
    assert keys.find("made-up") is None
    assert server.asked == 2
    clock.advance(SECOND)
    assert keys.find("made-up") is None
    assert server.asked == 3


def test_a_fetch_that_found_the_new_key_counts_too(
    keys: JwksUrl, server: JwksServer, forge: Forge, stranger: Forge
) -> None:
    assert finds(keys, forge)
    server.publish(forge.jwk(), stranger.jwk())
    assert finds(keys, stranger)
    assert keys.find("made-up") is None
    assert server.asked == 2


def test_unknown_keys_at_the_start_make_one_fetch(keys: JwksUrl, server: JwksServer) -> None:
    for number in range(10):
        assert keys.find(f"made-up-{number}") is None
    assert server.asked == 1


def test_a_key_taken_back_ends_with_the_next_fetch(
    keys: JwksUrl, server: JwksServer, clock: ManualClock, forge: Forge, stranger: Forge
) -> None:
    assert finds(keys, forge)
    server.publish(stranger.jwk())
    assert finds(keys, forge)
    clock.advance(HOUR)
    assert keys.find(forge.kid) is None
    assert finds(keys, stranger)


def test_an_issuer_may_take_all_keys_back(
    keys: JwksUrl, server: JwksServer, clock: ManualClock, forge: Forge
) -> None:
    assert finds(keys, forge)
    server.publish()
    clock.advance(HOUR)
    assert keys.find(forge.kid) is None


def test_a_key_may_change_under_its_name(
    keys: JwksUrl, server: JwksServer, clock: ManualClock, forge: Forge, stranger: Forge
) -> None:
    assert finds(keys, forge)
    server.publish(stranger.jwk(kid=forge.kid))
    clock.advance(HOUR)
    assert numbers(keys.find(forge.kid)) == numbers(stranger.key.public_key())


def test_a_clock_set_back_fetches_again_and_goes_on(
    keys: JwksUrl, server: JwksServer, clock: ManualClock, forge: Forge
) -> None:
    assert finds(keys, forge)
    clock.advance(-24 * HOUR)
    assert finds(keys, forge)
    assert finds(keys, forge)
    assert server.asked == 2


# While the issuer fails


def out_of_order(server: JwksServer) -> None:
    server.status = 503


def not_there(server: JwksServer) -> None:
    server.status = 404


def elsewhere(server: JwksServer) -> None:
    server.status, server.headers = 302, {"Location": server.url + "?again"}


def gone_silent(server: JwksServer) -> None:
    server.gate.clear()


def dripping(server: JwksServer) -> None:
    server.dripping, server.body = True, b" " * 250_000 + server.body


def huge(server: JwksServer) -> None:
    server.body += b" " * 256 * 1024


def endless(server: JwksServer) -> None:
    server.body += b" " * 20_000_000


def cut_short(server: JwksServer) -> None:
    server.headers = {"Content-Length": "99999"}


def compressed(server: JwksServer) -> None:
    server.body, server.headers = b"\x1f\x8b\x08\0junk", {"Content-Encoding": "gzip"}


def saying(body: bytes) -> Callable[[JwksServer], None]:
    def say(server: JwksServer) -> None:
        server.body = body

    return say


FAULTS = {
    "error": out_of_order,
    "not found": not_there,
    "redirect": elsewhere,
    "silence": gone_silent,
    "drip": dripping,
    "huge": huge,
    "endless": endless,
    "cut": cut_short,
    "gzip": compressed,
    "empty": saying(b""),
    "html": saying(b"<html>Sign in</html>"),
    "list": saying(b"[]"),
    "null": saying(b"null"),
    "no keys": saying(b"{}"),
    "keys no list": saying(b'{"keys": {"first": 1}}'),
    "deep": saying(b"[" * 100_000),
    "binary": saying(bytes(range(256))),
    "utf-16": saying('{"keys": []}'.encode("utf-16")),
}


@pytest.fixture(params=FAULTS.values(), ids=FAULTS.keys())
def fail(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Callable[[JwksServer], None]:
    monkeypatch.setattr(fetching, "READ_S", 0.2)
    monkeypatch.setattr(fetching, "WHOLE_S", 0.2)
    return request.param


def test_without_keys_nobody_can_say(
    fail: Callable[[JwksServer], None],
    keys: JwksUrl,
    server: JwksServer,
    forge: Forge,
    caplog: pytest.LogCaptureFixture,
) -> None:
    fail(server)
    with pytest.raises(UpstreamError, match="try again"):
        keys.find(forge.kid)
    assert [record.getMessage() for record in caplog.records] == ["keys_not_fetched"]
    assert server.asked == 1


def test_old_keys_serve_for_a_day_of_failure(
    fail: Callable[[JwksServer], None],
    keys: JwksUrl,
    server: JwksServer,
    clock: ManualClock,
    forge: Forge,
) -> None:
    assert finds(keys, forge)
    fail(server)
    clock.advance(24 * HOUR - SECOND)
    assert finds(keys, forge)
    assert server.asked == 2
    clock.advance(SECOND)
    with pytest.raises(UpstreamError):
        keys.find(forge.kid)


def test_a_failing_issuer_is_asked_once_a_minute(
    keys: JwksUrl, server: JwksServer, clock: ManualClock, forge: Forge
) -> None:
    assert finds(keys, forge)
    out_of_order(server)
    clock.advance(HOUR)
    for _ in range(10):
        assert finds(keys, forge)
    assert server.asked == 2
    clock.advance(MINUTE)
    assert finds(keys, forge)
    assert server.asked == 3


def test_without_keys_a_failing_issuer_is_asked_every_five_seconds(
    keys: JwksUrl, server: JwksServer, clock: ManualClock, forge: Forge
) -> None:
    out_of_order(server)
    for _ in range(10):
        with pytest.raises(UpstreamError):
            keys.find(forge.kid)
    assert server.asked == 1
    server.status = 200
    clock.advance(5 * SECOND)
    assert finds(keys, forge)


def test_a_failure_at_the_start_does_not_delay_a_new_key(
    keys: JwksUrl, server: JwksServer, clock: ManualClock, forge: Forge, stranger: Forge
) -> None:
    out_of_order(server)
    with pytest.raises(UpstreamError):
        keys.find(forge.kid)
    server.status = 200
    clock.advance(5 * SECOND)
    assert finds(keys, forge)
    server.publish(stranger.jwk())
    assert finds(keys, stranger)


def test_nobody_there_is_a_failure_too(
    clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(UpstreamError) as refused:
        JwksUrl("http://127.0.0.1:1/jwks.json", clock).find("first")
    assert len(caplog.records) == 1
    assert "127.0.0.1" not in refused.value.detail


def test_a_redirect_is_not_followed(keys: JwksUrl, server: JwksServer, forge: Forge) -> None:
    elsewhere(server)
    with pytest.raises(UpstreamError):
        keys.find(forge.kid)
    assert server.asked == 1


def test_the_body_of_a_redirect_is_not_waited_for(
    keys: JwksUrl,
    server: JwksServer,
    forge: Forge,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(fetching, "READ_S", 0.2)
    elsewhere(server)
    server.body_gate.clear()
    with pytest.raises(UpstreamError):
        keys.find(forge.kid)
    assert [vars(record)["reason"] for record in caplog.records] == ["answered 302"]


class Dripping:
    """Has one more byte whenever it is asked, and counts."""

    def __init__(self) -> None:
        self.given = 0

    def read1(self, amt: int, *, decode_content: bool) -> bytes:
        self.given += 1
        return b" "


def test_an_answer_that_drips_ends_at_the_deadline() -> None:
    body = Dripping()
    with pytest.raises(ValueError, match="took more than"):
        fetching._read(body, deadline=time.monotonic() - 1)
    assert body.given == 1


def test_the_longest_answer_is_read(keys: JwksUrl, server: JwksServer, forge: Forge) -> None:
    server.body += b" " * (256 * 1024 - len(server.body))
    assert finds(keys, forge)


# Many at once


def test_of_many_that_need_the_first_key_one_fetches(
    keys: JwksUrl, server: JwksServer, forge: Forge, pool: ThreadPoolExecutor
) -> None:
    together = threading.Barrier(16)

    def find() -> bool:
        together.wait(10)
        return finds(keys, forge)

    with fetching_held(server):
        found = [pool.submit(find) for _ in range(16)]
        assert server.arrived.wait(10)
    assert all(future.result(10) for future in found)
    assert server.asked == 1


def test_while_one_fetches_again_the_others_go_on(
    keys: JwksUrl,
    server: JwksServer,
    clock: ManualClock,
    forge: Forge,
    pool: ThreadPoolExecutor,
) -> None:
    assert finds(keys, forge)
    clock.advance(HOUR)
    with fetching_held(server):
        fetches = pool.submit(finds, keys, forge)
        assert server.arrived.wait(10)
        assert finds(keys, forge)
        assert not fetches.done()
    assert fetches.result(10)
    assert server.asked == 2


def test_those_with_the_new_key_wait_for_the_one_that_fetches_it(
    keys: JwksUrl, server: JwksServer, forge: Forge, stranger: Forge, pool: ThreadPoolExecutor
) -> None:
    assert finds(keys, forge)
    server.publish(forge.jwk(), stranger.jwk())
    with fetching_held(server):
        found = [pool.submit(finds, keys, stranger) for _ in range(8)]
        assert server.arrived.wait(10)
        assert finds(keys, forge)
    assert all(future.result(10) for future in found)
    assert server.asked == 2


def test_nobody_waits_without_end(
    keys: JwksUrl,
    server: JwksServer,
    forge: Forge,
    pool: ThreadPoolExecutor,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(jwks_url, "WAIT_S", 0.05)
    with fetching_held(server):
        fetches = pool.submit(finds, keys, forge)
        assert server.arrived.wait(10)
        with pytest.raises(UpstreamError):
            keys.find(forge.kid)
    assert fetches.result(10)


# The address


@pytest.mark.parametrize(
    "url",
    [
        "https://issuer.example/.well-known/jwks.json",
        "http://localhost:8080/jwks.json",
        "http://127.0.0.2/jwks.json",
        "http://[::1]:8080/jwks.json",
    ],
)
def test_an_address_is_https_or_this_machine(url: str, clock: ManualClock) -> None:
    JwksUrl(url, clock)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "issuer.example",
        "https://",
        "https:///jwks.json",
        "http://issuer.example/jwks.json",
        "http://10.0.0.1/jwks.json",
        "http://localhost.example/jwks.json",
        "http://127.0.0.1.example/jwks.json",
        "http://127.0.0.1@issuer.example/jwks.json",
        "https://me:secret@issuer.example/jwks.json",
        "file:///etc/passwd",
        "ftp://127.0.0.1/jwks.json",
        "http://[::1/jwks.json",
    ],
)
def test_another_address_is_refused_at_the_start(url: str, clock: ManualClock) -> None:
    with pytest.raises(ValueError, match=r"key set|URL") as refused:
        JwksUrl(url, clock)
    assert "secret" not in str(refused.value)


# Together with the verifier


def test_tokens_follow_the_rotation_of_keys(
    keys: JwksUrl, server: JwksServer, clock: ManualClock, forge: Forge, stranger: Forge
) -> None:
    tokens = JwtTokens(keys, clock, issuer=ISSUER, audience=AUDIENCE)
    old, new = forge.saying(exp=forge.now + 9999), stranger.saying(exp=forge.now + 9999)
    tokens.verify(old)
    with pytest.raises(Unauthenticated, match="does not publish"):
        tokens.verify(new)
    server.publish(stranger.jwk())
    clock.advance(MINUTE)
    tokens.verify(new)
    with pytest.raises(Unauthenticated, match="does not publish"):
        tokens.verify(old)
