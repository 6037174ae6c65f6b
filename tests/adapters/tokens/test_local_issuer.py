import json
import stat
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from ktrlplane.adapters.memory.clock import ManualClock
from ktrlplane.adapters.tokens import (
    LOCAL_AUDIENCE,
    LOCAL_ISSUER,
    JwtTokens,
    LocalIssuer,
    LocalKeys,
)
from ktrlplane.adapters.tokens.keys import usable_keys
from ktrlplane.adapters.tokens.local import public_jwk
from ktrlplane.domain.errors import Unauthenticated
from tests.adapters.tokens.token_forge import Forge


@pytest.fixture
def issuer(tmp_path: Path, clock: ManualClock) -> LocalIssuer:
    return LocalIssuer(tmp_path, clock)


@pytest.fixture
def tokens(tmp_path: Path, clock: ManualClock) -> JwtTokens:
    return JwtTokens(LocalKeys(tmp_path), clock, issuer=LOCAL_ISSUER, audience=LOCAL_AUDIENCE)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_minted_token_says_what_it_was_told(issuer: LocalIssuer, tokens: JwtTokens) -> None:
    claims = tokens.verify(
        issuer.mint("ada", ttl_s=60, email="ada@example.com", email_verified=True, name="Ada")
    )
    assert (claims.principal_id.value, claims.email, claims.email_verified, claims.name) == (
        "ada",
        "ada@example.com",
        True,
        "Ada",
    )
    assert not claims.is_service_account
    assert claims.expires_at - claims.issued_at == timedelta(seconds=60)


def test_the_key_outlives_the_process(
    issuer: LocalIssuer, tmp_path: Path, clock: ManualClock
) -> None:
    assert LocalIssuer(tmp_path, clock).jwks() == issuer.jwks()


def test_only_the_owner_can_read_the_key(issuer: LocalIssuer, tmp_path: Path) -> None:
    assert mode(tmp_path / "issuer") == 0o700
    assert {path.name: mode(path) for path in (tmp_path / "issuer").iterdir()} == {
        "key.pem": 0o600,
        "jwks.json": 0o600,
    }


def test_a_directory_that_was_open_is_closed(tmp_path: Path, clock: ManualClock) -> None:
    (tmp_path / "issuer").mkdir()
    (tmp_path / "issuer").chmod(0o755)
    LocalIssuer(tmp_path, clock)
    assert mode(tmp_path / "issuer") == 0o700


def test_the_published_half_is_public(issuer: LocalIssuer, tmp_path: Path) -> None:
    (jwk,) = issuer.jwks()["keys"]
    assert jwk.keys() == {"kty", "n", "e", "kid", "use", "alg"}
    assert json.loads((tmp_path / "issuer" / "jwks.json").read_bytes()) == issuer.jwks()


def test_the_key_id_is_the_thumbprint_of_rfc_7638() -> None:
    example = {
        "kty": "RSA",
        "kid": "2011-04-29",
        "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1"
        "L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4"
        "QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbO"
        "pbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csF"
        "Cur-kEgU8awapJzKnqDKgw",
        "e": "AQAB",
    }
    key = usable_keys({"keys": [example]})["2011-04-29"]
    assert public_jwk(key)["kid"] == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"


def test_nothing_it_shows_is_secret(issuer: LocalIssuer, tmp_path: Path) -> None:
    pem = (tmp_path / "issuer" / "key.pem").read_bytes()
    numbers = load_pem_private_key(pem, None).private_numbers()
    shown = f"{issuer!r} {issuer} {vars(issuer)}"
    assert "kid" in repr(issuer)
    for secret in (numbers.d, numbers.p, numbers.q):
        assert str(secret) not in shown
    assert pem.splitlines()[1].decode() not in shown


MAKE = """
import sys
from pathlib import Path
from ktrlplane.adapters.system import SystemClock
from ktrlplane.adapters.tokens import LocalIssuer
print("ready", flush=True)
sys.stdin.readline()
print(LocalIssuer(Path(sys.argv[1]), SystemClock()).jwks()["keys"][0]["kid"])
"""


def test_of_processes_that_start_at_once_one_makes_the_key(
    tmp_path: Path, clock: ManualClock
) -> None:
    command = [sys.executable, "-c", MAKE, str(tmp_path)]
    started = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    for process in started:
        assert process.stdout.readline() == "ready\n"
    for process in started:
        process.stdin.write("go\n")
        process.stdin.flush()
    kids = {process.communicate(timeout=60)[0].strip() for process in started}
    assert [process.returncode for process in started] == [0] * 4
    assert kids == {LocalIssuer(tmp_path, clock).jwks()["keys"][0]["kid"]}
    assert {path.name for path in (tmp_path / "issuer").iterdir()} == {"key.pem", "jwks.json"}


def a_key_of_another_kind() -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@pytest.mark.parametrize("content", [b"", b"junk", b"\0" * 2000, a_key_of_another_kind()])
def test_a_broken_key_is_named_and_kept(
    tmp_path: Path, clock: ManualClock, content: bytes
) -> None:
    path = tmp_path / "issuer" / "key.pem"
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"key\.pem holds no key"):
        LocalIssuer(tmp_path, clock)
    assert path.read_bytes() == content


@pytest.mark.parametrize(
    ("told", "why"),
    [
        ({"sub": ""}, "user id"),
        ({"sub": "two words"}, "user id"),
        ({"sub": "ada", "ttl_s": 0}, "one second"),
        ({"sub": "ada", "ttl_s": -3600}, "one second"),
        ({"sub": "ada", "ttl_s": 10**15}, "seconds"),
        ({"sub": "ada", "email": "no address"}, "e-mail"),
        ({"sub": "ada", "name": "\udcff"}, "UTF-8"),
    ],
    ids=repr,
)
def test_a_token_that_nobody_would_accept_is_not_minted(
    issuer: LocalIssuer, told: dict[str, object], why: str
) -> None:
    with pytest.raises(ValueError, match=why):
        issuer.mint(**told)


def test_a_machine_s_token_says_so(issuer: LocalIssuer, tokens: JwtTokens) -> None:
    assert tokens.verify(issuer.mint("ci", is_service_account=True)).is_service_account


def test_without_an_issuer_no_key_is_known(tokens: JwtTokens, forge: Forge) -> None:
    with pytest.raises(Unauthenticated):
        tokens.verify(forge.saying(iss=LOCAL_ISSUER, aud=LOCAL_AUDIENCE))


def test_a_key_made_after_the_start_is_found(
    tokens: JwtTokens, tmp_path: Path, clock: ManualClock, forge: Forge
) -> None:
    with pytest.raises(Unauthenticated):
        tokens.verify(forge.saying())
    tokens.verify(LocalIssuer(tmp_path, clock).mint("ada"))


def test_a_key_that_was_removed_verifies_nothing(
    issuer: LocalIssuer, tokens: JwtTokens, tmp_path: Path, clock: ManualClock
) -> None:
    tokens.verify(issuer.mint("ada"))
    for path in (tmp_path / "issuer").iterdir():
        path.unlink()
    with pytest.raises(Unauthenticated):
        tokens.verify(issuer.mint("bob"))
    tokens.verify(LocalIssuer(tmp_path, clock).mint("bob"))
    with pytest.raises(Unauthenticated):
        tokens.verify(issuer.mint("carol"))


@pytest.mark.parametrize("content", [b"", b"junk", b"[]", b'{"keys": 1}'])
def test_published_keys_that_cannot_be_read_verify_nothing(
    issuer: LocalIssuer, tokens: JwtTokens, tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "issuer" / "jwks.json").write_bytes(content)
    with pytest.raises(Unauthenticated):
        tokens.verify(issuer.mint("ada"))
