from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from attrs import evolve, frozen
from hypothesis import given, settings
from hypothesis import strategies as st

from ktrlplane.adapters.memory.clock import ManualClock
from ktrlplane.adapters.memory.tokens import MemoryTokens
from ktrlplane.adapters.tokens import (
    LOCAL_AUDIENCE,
    LOCAL_ISSUER,
    JwtTokens,
    LocalIssuer,
    LocalKeys,
)
from ktrlplane.domain.errors import Unauthenticated
from ktrlplane.domain.ids import PrincipalId
from ktrlplane.ports.identity import LEEWAY, Claims, Tokens

LIFE = timedelta(minutes=5)
A_MOMENT = timedelta(milliseconds=1)


@frozen
class Identity:
    """The port, and the adapter's own way to get a token for it."""

    clock: ManualClock
    tokens: Tokens
    issue: Callable[[Claims], str]


def in_memory(_: Path) -> Identity:
    clock = ManualClock()
    tokens = MemoryTokens(clock)
    return Identity(clock, tokens, tokens.issue)


def signed(data_dir: Path) -> Identity:
    clock = ManualClock()
    issuer = LocalIssuer(data_dir, clock)

    def issue(claims: Claims) -> str:
        return issuer.mint(
            claims.principal_id.value,
            ttl_s=int((claims.expires_at - claims.issued_at).total_seconds()),
            email=claims.email,
            email_verified=claims.email_verified,
            name=claims.name,
            is_service_account=claims.is_service_account,
        )

    tokens = JwtTokens(LocalKeys(data_dir), clock, issuer=LOCAL_ISSUER, audience=LOCAL_AUDIENCE)
    return Identity(clock, tokens, issue)


@pytest.fixture(params=[in_memory, signed], ids=["memory", "jwt"], scope="module")
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Identity:
    return request.param(tmp_path_factory.mktemp("data"))


@pytest.fixture
def identity(made: Identity) -> Identity:
    made.clock.set(ManualClock().now())
    return made


def ada(clock: ManualClock) -> Claims:
    return Claims(
        principal_id=PrincipalId("auth0|ada"),
        email="ada@example.com",
        email_verified=True,
        name="Ada Lovelace",
        is_service_account=False,
        issued_at=clock.now(),
        expires_at=clock.now() + LIFE,
    )


def test_a_token_gives_the_claims_it_was_issued_for(identity: Identity) -> None:
    claims = ada(identity.clock)
    assert identity.tokens.verify(identity.issue(claims)) == claims


def test_a_token_gives_the_same_claims_again(identity: Identity) -> None:
    token = identity.issue(ada(identity.clock))
    assert identity.tokens.verify(token) == identity.tokens.verify(token)


def test_what_an_issuer_does_not_say_is_absent(identity: Identity) -> None:
    claims = evolve(ada(identity.clock), email=None, email_verified=False, name=None)
    assert identity.tokens.verify(identity.issue(claims)) == claims


def test_an_unverified_address_stays_unverified(identity: Identity) -> None:
    claims = evolve(ada(identity.clock), email_verified=False)
    assert not identity.tokens.verify(identity.issue(claims)).email_verified


def test_a_machine_is_told_from_a_person(identity: Identity) -> None:
    claims = Claims(
        principal_id=PrincipalId("reconciler@clients"),
        email=None,
        email_verified=False,
        name=None,
        is_service_account=True,
        issued_at=identity.clock.now(),
        expires_at=identity.clock.now() + LIFE,
    )
    assert identity.tokens.verify(identity.issue(claims)) == claims


def test_two_people_are_told_apart(identity: Identity) -> None:
    claims = ada(identity.clock)
    other = evolve(claims, principal_id=PrincipalId("auth0|bob"), email="bob@example.com")
    tokens = [identity.issue(claims), identity.issue(other)]
    assert [identity.tokens.verify(token) for token in tokens] == [claims, other]


@pytest.mark.parametrize("was_used", [False, True], ids=["new", "used"])
def test_a_token_is_good_until_the_leeway_after_it_expired(
    identity: Identity, *, was_used: bool
) -> None:
    claims = ada(identity.clock)
    token = identity.issue(claims)
    if was_used:
        identity.tokens.verify(token)
    identity.clock.set(claims.expires_at + LEEWAY - A_MOMENT)
    assert identity.tokens.verify(token) == claims
    identity.clock.advance(A_MOMENT)
    with pytest.raises(Unauthenticated, match="expired"):
        identity.tokens.verify(token)


@pytest.mark.parametrize("was_used", [False, True], ids=["new", "used"])
def test_a_token_of_the_future_is_not_good_yet(identity: Identity, *, was_used: bool) -> None:
    claims = ada(identity.clock)
    token = identity.issue(claims)
    if was_used:
        identity.tokens.verify(token)
    identity.clock.set(claims.issued_at - LEEWAY)
    assert identity.tokens.verify(token) == claims
    identity.clock.advance(-A_MOMENT)
    with pytest.raises(Unauthenticated, match="not valid yet"):
        identity.tokens.verify(token)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        ".",
        "..",
        "a.b.c",
        "a.b.c.d.e",
        "Bearer x",
        "null",
        "é",
        "\ud800",
        "\0",
        "x" * 99_999,
    ],
)
def test_other_text_is_no_token(identity: Identity, text: str) -> None:
    with pytest.raises(Unauthenticated):
        identity.tokens.verify(text)


def test_a_token_of_another_issuer_is_unknown(identity: Identity, tmp_path: Path) -> None:
    foreign = LocalIssuer(tmp_path, identity.clock).mint("auth0|ada")
    with pytest.raises(Unauthenticated):
        identity.tokens.verify(foreign)


@settings(max_examples=200)
@given(text=st.text(st.characters()))
def test_no_text_is_anything_but_unauthenticated(made: Identity, text: str) -> None:
    with pytest.raises(Unauthenticated):
        made.tokens.verify(text)


@pytest.mark.parametrize(
    "wrong",
    [
        {"email": "no address"},
        {"email": "a@b\n"},
        {"email": "@example.com"},
        {"email": "a@" + "b" * 253},
        {"name": ""},
        {"name": "x" * 256},
        {"name": "two\nlines"},
        {"email": None},
        {"is_service_account": True},
        {"expires_at": ManualClock().now().replace(tzinfo=None)},
    ],
    ids=repr,
)
def test_claims_that_cannot_be_are_never_made(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"address|name|time"):
        evolve(ada(ManualClock()), **wrong)
