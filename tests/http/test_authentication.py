"""Who may ask at all."""

from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import pytest

from ktrlplane.adapters.memory.clock import ManualClock
from ktrlplane.adapters.tokens import (
    LOCAL_AUDIENCE,
    LOCAL_ISSUER,
    JwtTokens,
    LocalIssuer,
    LocalKeys,
)
from ktrlplane.domain.errors import UpstreamError
from ktrlplane.entrypoints.http.app import OPERATIONS
from ktrlplane.ports.identity import Claims, Tokens
from tests.http.world import Caller, World, client_of, edge_of, refusal

PROTECTED: Final = [operation for operation in OPERATIONS if not operation.public]
PUBLIC: Final = {
    "listResourceTypes",
    "getResourceType",
    "listTiers",
    "getTier",
    "getSettingsSchema",
    "listPresets",
    "getDashboard",
    "getResourcePricing",
    "heedPaymentProvider",  # which signs what it says
}
UNUSABLE: Final = [
    ("Bearer", "no token"),
    ("Bearer ", "an empty token"),
    ("Bearer made-up", "a token that nobody issued"),
    ("Bearer a.b.c", "what looks like a token"),
    ("bearer  made-up", "a lower-case scheme"),
    ("Basic YWRhOnNlY3JldA==", "another scheme"),
    ("made-up", "no scheme"),
    ("Bearer one, Bearer two", "two headers, joined as servers join them"),
    ("Bearer \xff\xfe", "bytes that are no text"),
    ("Bearer " + "x" * 10_000, "a token without end"),
]


def test_only_the_catalog_is_public() -> None:
    assert {operation.name for operation in OPERATIONS if operation.public} == PUBLIC


def test_without_a_token_every_operation_is_refused(nobody: Caller) -> None:
    for operation in PROTECTED:
        result = nobody.ask(operation.method, operation.path.replace("{", "").replace("}", ""))
        assert refusal(result) == (401, "unauthenticated"), operation.name
        assert result.headers["www-authenticate"] == 'Bearer realm="ktrlplane"'


@pytest.mark.parametrize("header", [h for h, _ in UNUSABLE], ids=[why for _, why in UNUSABLE])
def test_what_is_no_token_is_refused_with_a_challenge(nobody: Caller, header: str) -> None:
    result = nobody.get("/users/me", headers={"Authorization": header})
    assert refusal(result) == (401, "unauthenticated")
    challenge = result.headers["www-authenticate"]
    assert challenge == 'Bearer realm="ktrlplane", error="invalid_token"'


def test_the_scheme_is_read_without_regard_to_case(world: World) -> None:
    caller = world.person("ada")
    header = {"Authorization": f"bEARER {caller.token}"}
    assert world.nobody.get("/users/me", headers=header).status_code == 200


def test_a_token_is_good_until_its_leeway_is_over(world: World) -> None:
    caller = world.person("ada")
    world.clock.advance(timedelta(hours=1, seconds=59))
    assert caller.get("/users/me").status_code == 200
    world.clock.advance(timedelta(seconds=1))
    result = caller.get("/users/me")
    assert refusal(result) == (401, "unauthenticated")
    assert "expired" in result.json["detail"]


def test_a_token_tells_before_anything_else_is_looked_at(nobody: Caller) -> None:
    result = nobody.post("/organizations?nonsense=1", raw=b"{broken")
    assert refusal(result) == (401, "unauthenticated")


def test_a_token_that_cannot_be_verified_now_is_no_fault_of_the_caller(world: World) -> None:
    class Unreachable(Tokens):
        def verify(self, token: str) -> Claims:
            raise UpstreamError("The issuer's keys cannot be had.")

    client = client_of(edge_of(world.units, world.platform, Unreachable()))
    result = client.simulate_get("/api/v1/users/me", headers={"Authorization": "Bearer x"})
    assert refusal(result) == (502, "upstream_error")
    assert result.headers["retry-after"] == "1"


# -- the real thing ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def key_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the issuer keeps its key, which takes long to make."""
    return tmp_path_factory.mktemp("issuer")


@pytest.fixture
def real(key_dir: Path, world: World) -> tuple[LocalIssuer, Caller]:
    """An issuer of real tokens, and somebody who has none yet."""
    clock: ManualClock = world.clock
    issuer = LocalIssuer(key_dir, clock)
    tokens = JwtTokens(LocalKeys(key_dir), clock, issuer=LOCAL_ISSUER, audience=LOCAL_AUDIENCE)
    edge = edge_of(world.units, world.platform, tokens)
    return issuer, Caller(client_of(edge, local_keys=issuer.jwks))


def _bearing(caller: Caller, token: str) -> Caller:
    return Caller(caller.client, token=token)


def test_a_token_of_the_local_issuer_makes_its_bearer_known(
    real: tuple[LocalIssuer, Caller],
) -> None:
    issuer, caller = real
    token = issuer.mint("auth0|ada", email="ada@example.com", email_verified=True, name="Ada")
    me = _bearing(caller, token).sees("/users/me")
    known = {name: me[name] for name in ("user_id", "email", "email_verified", "name")}
    assert known == {
        "user_id": "auth0|ada",
        "email": "ada@example.com",
        "email_verified": True,
        "name": "Ada",
    }
    assert me["is_service_account"] is False


def test_a_newer_token_brings_a_user_up_to_date(
    real: tuple[LocalIssuer, Caller], world: World
) -> None:
    issuer, caller = real
    _bearing(caller, issuer.mint("auth0|ada", name="Ada")).sees("/users/me")
    world.clock.advance(timedelta(seconds=1))
    newer = _bearing(caller, issuer.mint("auth0|ada", name="Ada Lovelace"))
    assert newer.sees("/users/me")["name"] == "Ada Lovelace"


def test_a_machine_is_known_as_one(real: tuple[LocalIssuer, Caller]) -> None:
    issuer, caller = real
    machine = _bearing(caller, issuer.mint("graph@clients", is_service_account=True))
    assert machine.sees("/users/me")["is_service_account"] is True
    result = machine.post("/organizations", {"name": "Machines"})
    assert refusal(result) == (403, "forbidden")


@pytest.mark.parametrize("part", [0, 1, 2])
def test_a_token_with_one_letter_changed_is_refused(
    real: tuple[LocalIssuer, Caller], part: int
) -> None:
    issuer, caller = real
    parts = issuer.mint("auth0|ada").split(".")
    middle = len(parts[part]) // 2
    letter = "A" if parts[part][middle] != "A" else "B"
    parts[part] = parts[part][:middle] + letter + parts[part][middle + 1 :]
    result = _bearing(caller, ".".join(parts)).get("/users/me")
    assert refusal(result) == (401, "unauthenticated")


def test_an_expired_token_of_the_local_issuer_is_refused(
    real: tuple[LocalIssuer, Caller], world: World
) -> None:
    issuer, caller = real
    token = issuer.mint("auth0|ada", ttl_s=10)
    world.clock.advance(timedelta(seconds=71))
    assert refusal(_bearing(caller, token).get("/users/me")) == (401, "unauthenticated")


def test_the_local_issuers_keys_are_public(real: tuple[LocalIssuer, Caller]) -> None:
    issuer, caller = real
    result = caller.client.simulate_get("/.well-known/jwks.json")
    assert result.json == issuer.jwks()
    assert not {"d", "p", "q"} & set(result.json["keys"][0])


def test_where_an_issuer_is_outside_there_are_no_keys_here(world: World) -> None:
    assert world.client.simulate_get("/.well-known/jwks.json").status_code == 404


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "::ffff:127.0.0.1"])
def test_the_local_issuer_serves_this_machine(
    real: tuple[LocalIssuer, Caller], address: str
) -> None:
    _, caller = real
    result = caller.client.simulate_get("/health", remote_addr=address)
    assert result.status_code == 200


@pytest.mark.parametrize("address", ["192.0.2.7", "10.0.0.1", "2001:db8::1", "::ffff:10.0.0.1"])
def test_the_local_issuer_serves_no_other_machine(
    real: tuple[LocalIssuer, Caller], address: str
) -> None:
    issuer, caller = real
    headers = {"Authorization": f"Bearer {issuer.mint('auth0|ada')}"}
    result: Any = caller.client.simulate_get(
        "/api/v1/users/me", headers=headers, remote_addr=address
    )
    assert refusal(result) == (403, "forbidden")
