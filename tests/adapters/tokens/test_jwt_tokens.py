import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta

import pytest
from attrs import define, field
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ktrlplane.adapters.memory.clock import ManualClock
from ktrlplane.adapters.tokens import JwtTokens, Keys
from ktrlplane.domain.errors import Unauthenticated
from ktrlplane.domain.ids import PrincipalId
from ktrlplane.ports.identity import Claims
from tests.adapters.tokens.token_forge import AUDIENCE, ISSUER, Forge, JwksServer, base64url, rs256

SECOND = timedelta(seconds=1)
BASE64URL = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


@define
class HeldKeys(Keys):
    """Keys in a dictionary; remembers which were asked for."""

    keys: dict[str, RSAPublicKey]
    asked: list[str] = field(factory=list)

    def find(self, kid: str) -> RSAPublicKey | None:
        self.asked.append(kid)
        return self.keys.get(kid)


def verifier(keys: Keys, clock: ManualClock) -> JwtTokens:
    return JwtTokens(keys, clock, issuer=ISSUER, audience=AUDIENCE)


@pytest.fixture
def keys(forge: Forge) -> HeldKeys:
    return HeldKeys({forge.kid: forge.key.public_key()})


@pytest.fixture
def tokens(keys: HeldKeys, clock: ManualClock) -> JwtTokens:
    return verifier(keys, clock)


@pytest.fixture(scope="session")
def lasting(forge: Forge) -> JwtTokens:
    """For tests that ask thousands of times."""
    return verifier(HeldKeys({forge.kid: forge.key.public_key()}), ManualClock())


def refusal(tokens: JwtTokens, token: str) -> str:
    with pytest.raises(Unauthenticated) as refused:
        tokens.verify(token)
    detail = refused.value.detail
    assert not any(len(part) > 2 and part in detail for part in token.split("."))
    assert refused.value.__cause__ is None
    assert refused.value.__suppress_context__ or refused.value.__context__ is None
    return detail


def test_the_claims_of_an_identity_provider_are_read(tokens: JwtTokens, forge: Forge) -> None:
    token = forge.saying(
        aud=[AUDIENCE, "https://issuer.example/userinfo"],
        email="Ada@Example.com",
        email_verified=True,
        name="Ada Lovelace",
        gty="password",
        nbf=forge.now,
        scope="openid profile email",
        azp="client",
    )
    assert tokens.verify(token) == Claims(
        principal_id=PrincipalId("auth0|ada"),
        email="Ada@Example.com",
        email_verified=True,
        name="Ada Lovelace",
        is_service_account=False,
        issued_at=datetime.fromtimestamp(forge.now, UTC),
        expires_at=datetime.fromtimestamp(forge.now + 3600, UTC),
    )


# The header


def hs256(secret: bytes, content: bytes) -> bytes:
    return hmac.digest(secret, content, hashlib.sha256)


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "nOnE", "", None, ...])
@pytest.mark.parametrize("signature", [b"", b"\0"], ids=["unsigned", "zero"])
def test_an_unsigned_token_is_refused(
    tokens: JwtTokens, forge: Forge, algorithm: object, signature: bytes
) -> None:
    refusal(tokens, forge.token(forge.header(alg=algorithm), sign=lambda _: signature))


@pytest.mark.parametrize(
    "encoding",
    [
        (Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        (Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        (Encoding.PEM, PublicFormat.PKCS1),
        (Encoding.OpenSSH, PublicFormat.OpenSSH),
    ],
    ids=["pem", "der", "pkcs1", "ssh"],
)
@pytest.mark.parametrize("algorithm", ["HS256", "RS256"])
def test_the_public_key_is_no_shared_secret(
    tokens: JwtTokens, forge: Forge, encoding: tuple[Encoding, PublicFormat], algorithm: str
) -> None:
    secret = forge.key.public_key().public_bytes(*encoding)
    header = forge.header(alg=algorithm)
    refusal(tokens, forge.token(header, sign=lambda content: hs256(secret, content)))


@pytest.mark.parametrize("hashed", [hashes.SHA256(), hashes.SHA384(), hashes.SHA512()])
@pytest.mark.parametrize("pads", ["RS", "PS"])
def test_another_algorithm_is_refused_even_with_the_right_key(
    tokens: JwtTokens, forge: Forge, hashed: hashes.HashAlgorithm, pads: str
) -> None:
    if (name := f"{pads}{hashed.digest_size * 8}") == "RS256":
        name = "rs256"
    scheme = padding.PKCS1v15() if pads == "RS" else padding.PSS(padding.MGF1(hashed), 32)
    token = forge.token(
        forge.header(alg=name), sign=lambda content: forge.key.sign(content, scheme, hashed)
    )
    assert "RS256" in refusal(tokens, token)


def test_a_signature_by_another_algorithm_under_the_right_name_is_refused(
    tokens: JwtTokens, forge: Forge
) -> None:
    token = forge.token(
        sign=lambda content: forge.key.sign(content, padding.PKCS1v15(), hashes.SHA512())
    )
    assert "signature" in refusal(tokens, token)


def test_an_elliptic_signature_is_refused(tokens: JwtTokens, forge: Forge) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    token = forge.token(
        forge.header(alg="ES256"),
        sign=lambda content: key.sign(content, ec.ECDSA(hashes.SHA256())),
    )
    assert "RS256" in refusal(tokens, token)


@pytest.mark.parametrize("algorithm", [["RS256"], {"RS256": 1}, 256, True])
def test_an_algorithm_that_is_no_name_is_refused(
    tokens: JwtTokens, forge: Forge, algorithm: object
) -> None:
    refusal(tokens, forge.token(forge.header(alg=algorithm)))


def offers(stranger: Forge, server: JwksServer) -> list[dict[str, object]]:
    certificate = base64url(
        stranger.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    )
    return [
        {"jwk": stranger.jwk()},
        {"jku": server.url},
        {"x5u": server.url},
        {"x5c": [certificate]},
    ]


@pytest.mark.parametrize("offer", range(4), ids=["jwk", "jku", "x5u", "x5c"])
@pytest.mark.parametrize("kid", ["first", "second"], ids=["published", "own"])
def test_a_key_that_a_token_brings_along_is_never_used(
    tokens: JwtTokens, stranger: Forge, server: JwksServer, offer: int, kid: str
) -> None:
    server.publish(stranger.jwk())
    header = stranger.header(kid=kid, **offers(stranger, server)[offer])
    refusal(tokens, stranger.token(header))
    assert server.asked == 0


@pytest.mark.parametrize("offer", range(4), ids=["jwk", "jku", "x5u", "x5c"])
def test_a_key_that_a_good_token_brings_along_is_not_looked_at(
    tokens: JwtTokens, forge: Forge, stranger: Forge, server: JwksServer, offer: int
) -> None:
    tokens.verify(forge.token(forge.header(**offers(stranger, server)[offer])))
    assert server.asked == 0


@pytest.mark.parametrize("critical", [["exp"], ["b64"], [], None, "b64", [1]], ids=repr)
def test_a_critical_extension_is_refused(
    tokens: JwtTokens, forge: Forge, critical: object
) -> None:
    assert "crit" in refusal(tokens, forge.token(forge.header(crit=critical, b64=True)))


@pytest.mark.parametrize("critical", [["b64"], ...], ids=["said", "unsaid"])
def test_an_unencoded_payload_is_refused(
    tokens: JwtTokens, forge: Forge, critical: object
) -> None:
    header = base64url(json.dumps(forge.header(b64=False, crit=critical)).encode())
    payload = json.dumps(forge.payload())
    signature = base64url(rs256(forge.key, f"{header}.{payload}".encode()))
    refusal(tokens, f"{header}.{payload}.{signature}")
    refusal(tokens, f"{header}..{signature}")


@pytest.mark.parametrize("kind", [..., "JWT", "jwt", "at+jwt", "application/at+jwt"])
def test_an_access_token_may_name_its_type(tokens: JwtTokens, forge: Forge, kind: object) -> None:
    tokens.verify(forge.token(forge.header(typ=kind)))


@pytest.mark.parametrize("kind", ["logout+jwt", "dpop+jwt", "secevent+jwt", "", None, 7, ["JWT"]])
def test_another_kind_of_token_is_refused(tokens: JwtTokens, forge: Forge, kind: object) -> None:
    assert "typ" in refusal(tokens, forge.token(forge.header(typ=kind)))


@pytest.mark.parametrize("kid", [..., None, "", 1, True, ["first"], {}, "k" * 257], ids=repr)
def test_a_token_names_its_key(
    tokens: JwtTokens, keys: HeldKeys, forge: Forge, kid: object
) -> None:
    assert "kid" in refusal(tokens, forge.token(forge.header(kid=kid)))
    assert keys.asked == []


@pytest.mark.parametrize("kid", ["second", "FIRST", "first ", "../first", "\0", "k" * 256])
def test_a_key_that_is_not_published_signs_nothing(
    tokens: JwtTokens, forge: Forge, kid: str
) -> None:
    assert "does not publish" in refusal(tokens, forge.token(forge.header(kid=kid)))


# The signature


def test_a_stranger_s_signature_is_refused(
    tokens: JwtTokens, forge: Forge, stranger: Forge
) -> None:
    assert "signature" in refusal(tokens, stranger.token(forge.header()))


def test_the_signature_of_another_payload_is_refused(tokens: JwtTokens, forge: Forge) -> None:
    mine, other = forge.saying(), forge.saying(sub="auth0|root")
    mixed = ".".join([*other.split(".")[:2], mine.split(".")[2]])
    assert "signature" in refusal(tokens, mixed)


@pytest.mark.parametrize("signature", [b"\0", b"\0" * 255, b"\0" * 256, b"\xff" * 256, b"x" * 999])
def test_a_made_up_signature_is_refused(tokens: JwtTokens, forge: Forge, signature: bytes) -> None:
    assert "signature" in refusal(tokens, forge.token(sign=lambda _: signature))


def test_a_token_is_written_in_one_way_only(tokens: JwtTokens, forge: Forge) -> None:
    token = forge.saying()
    tokens.verify(token)
    others = [f" {token}", f"{token}\n", f"{token}=", f"{token}==", f"{token}.", f"Bearer {token}"]
    spare_bits = token[:-1] + BASE64URL[BASE64URL.index(token[-1]) ^ 1]
    for other in [*others, spare_bits, token.replace("-", "+").replace("_", "/") + " "]:
        refusal(tokens, other)


# The text


@pytest.mark.parametrize(
    "part",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"0",
        b'"text"',
        b"\xff\xfe{\0}\0",
        b"\xef\xbb\xbf{}",
        b'{"alg":"RS256","kid":"first","x":NaN}',
        b"[" * 9000,
        b'{"a":' * 2000 + b"1" + b"}" * 2000,
        b'{"exp":' + b"9" * 5000 + b"}",
        b'{"sub":"\\ud800"}',
    ],
    ids=lambda part: repr(part[:12]),
)
def test_a_part_that_is_no_object_is_refused(tokens: JwtTokens, forge: Forge, part: bytes) -> None:
    refusal(tokens, forge.token(header=part or b" "))
    refusal(tokens, forge.token(payload=part or b" "))


def test_a_token_has_a_greatest_length(tokens: JwtTokens, keys: HeldKeys, forge: Forge) -> None:
    tokens.verify(forge.saying(scope="x" * 11_500))
    asked = len(keys.asked)
    assert "16384" in refusal(tokens, forge.saying(scope="x" * 12_500))
    assert len(keys.asked) == asked


# The claims


@pytest.mark.parametrize("claim", ["iss", "aud", "sub", "exp"])
@pytest.mark.parametrize("absent", [..., None], ids=["missing", "null"])
def test_a_token_says_what_it_must(
    tokens: JwtTokens, forge: Forge, claim: str, absent: object
) -> None:
    refusal(tokens, forge.saying(**{claim: absent}))


@pytest.mark.parametrize(
    "issuer", ["https://issuer.example", ISSUER.upper(), f"{ISSUER}x", "", [ISSUER], 1, {}]
)
def test_another_issuer_is_refused(tokens: JwtTokens, forge: Forge, issuer: object) -> None:
    assert "issuer" in refusal(tokens, forge.saying(iss=issuer))


@pytest.mark.parametrize(
    "audience",
    ["https://api.example/", f"{AUDIENCE} x", "", [], [[AUDIENCE]], {AUDIENCE: 1}, 1, [None]],
    ids=repr,
)
def test_another_audience_is_refused(tokens: JwtTokens, forge: Forge, audience: object) -> None:
    assert "audience" in refusal(tokens, forge.saying(aud=audience))


def test_a_verifier_checks_for_somebody(keys: HeldKeys, clock: ManualClock) -> None:
    for issuer, audience in [("", AUDIENCE), (ISSUER, "")]:
        with pytest.raises(ValueError, match="issuer and an audience"):
            JwtTokens(keys, clock, issuer=issuer, audience=audience)


TIMES = ["1", "", True, [], {}, -1, 1e300, 10**30, 1.8e12, 253_402_300_800]


@pytest.mark.parametrize("claim", ["exp", "iat", "nbf"])
@pytest.mark.parametrize("value", TIMES, ids=lambda value: repr(value)[:12])
def test_a_time_is_a_number_of_seconds(
    tokens: JwtTokens, forge: Forge, claim: str, value: object
) -> None:
    assert "seconds" in refusal(tokens, forge.saying(**{claim: value}))


def test_a_time_may_have_fractions(tokens: JwtTokens, forge: Forge) -> None:
    claims = tokens.verify(forge.saying(exp=forge.now + 0.5))
    assert claims.expires_at == datetime.fromtimestamp(forge.now + 0.5, UTC)


@pytest.mark.parametrize("claim", ["iat", "nbf"])
def test_a_token_starts_within_the_leeway(tokens: JwtTokens, forge: Forge, claim: str) -> None:
    tokens.verify(forge.saying(**{claim: forge.now + 60}))
    assert "not valid yet" in refusal(tokens, forge.saying(**{claim: forge.now + 61}))


def test_a_token_without_time_of_issue_counts_as_issued_now(
    tokens: JwtTokens, forge: Forge, clock: ManualClock
) -> None:
    assert tokens.verify(forge.saying(iat=...)).issued_at == clock.now()


@pytest.mark.parametrize(
    "subject", ["", " ", "a b", "a\0", "a\n", "é", "x" * 256, 7, True, ["a"], {"a": 1}], ids=repr
)
def test_a_subject_is_visible_text(tokens: JwtTokens, forge: Forge, subject: object) -> None:
    refusal(tokens, forge.saying(sub=subject))


@pytest.mark.parametrize("claim", ["email", "name", "gty"])
@pytest.mark.parametrize("value", [0, 7, True, False, [], ["a@b.c"], {}, 1.5], ids=repr)
def test_a_text_is_a_string(tokens: JwtTokens, forge: Forge, claim: str, value: object) -> None:
    assert claim in refusal(tokens, forge.saying(**{claim: value}))


@pytest.mark.parametrize(
    "email",
    [
        "ada",
        "@",
        "a@",
        "@b",
        "a b@c",
        "a@b\n",
        "a@b\0",
        "a\u202e@b",
        "a\u200b@b",
        "a@" + "b" * 300,
    ],
    ids=ascii,
)
def test_an_address_that_hides_something_is_refused(
    tokens: JwtTokens, forge: Forge, email: str
) -> None:
    assert "e-mail" in refusal(tokens, forge.saying(email=email, email_verified=True))


def test_an_empty_address_is_none(tokens: JwtTokens, forge: Forge) -> None:
    claims = tokens.verify(forge.saying(email="", email_verified=True, name=""))
    assert (claims.email, claims.email_verified, claims.name) == (None, False, None)


@pytest.mark.parametrize("said", [..., None, False, "true", "True", 1, 1.0, [True], {"a": 1}])
def test_only_true_verifies_an_address(tokens: JwtTokens, forge: Forge, said: object) -> None:
    claims = tokens.verify(forge.saying(email="a@b.c", email_verified=said))
    assert (claims.email, claims.email_verified) == ("a@b.c", False)


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("  Ada \t\n Lovelace ", "Ada Lovelace"),
        ("Ada\0\x1b[31m", "Ada [31m"),
        ("\u202eadA", "adA"),
        ("x\u2028y", "x y"),
        ("\0", None),
        ("\u200d", "\u200d"),
        ("x" * 10_000, "x" * 255),
        ("x" * 254 + " yz", "x" * 254),
        ("می\u200cنویسم", "می\u200cنویسم"),
        ("Zoë 李 👩\u200d🚀", "Zoë 李 👩\u200d🚀"),
    ],
    ids=ascii,
)
def test_a_name_is_cleaned(tokens: JwtTokens, forge: Forge, said: str, shown: str | None) -> None:
    assert tokens.verify(forge.saying(name=said)).name == shown


@pytest.mark.parametrize(
    ("claims", "machine"),
    [
        ({"sub": "ci@clients", "gty": "client-credentials"}, True),
        ({"sub": "ci@clients"}, True),
        ({"sub": "ci@clients", "gty": "password"}, True),
        ({"sub": "ci", "gty": "client-credentials"}, True),
        ({"sub": "auth0|ada", "gty": "password"}, False),
        ({"sub": "auth0|ada"}, False),
        ({"sub": "clients"}, False),
        ({"sub": "x@clients.example"}, False),
    ],
)
def test_either_sign_makes_a_machine(
    tokens: JwtTokens, forge: Forge, claims: dict[str, str], *, machine: bool
) -> None:
    assert tokens.verify(forge.saying(**claims)).is_service_account is machine


def test_a_machine_has_no_verified_address(tokens: JwtTokens, forge: Forge) -> None:
    token = forge.saying(sub="ci@clients", email="boss@example.com", email_verified=True)
    assert not tokens.verify(token).email_verified


# Tokens verified before


def test_a_verified_token_is_remembered_for_a_minute(
    tokens: JwtTokens, keys: HeldKeys, forge: Forge, clock: ManualClock
) -> None:
    token = forge.saying()
    tokens.verify(token)
    keys.keys.clear()
    clock.advance(60 * SECOND - timedelta(microseconds=1))
    tokens.verify(token)
    assert keys.asked == ["first"]
    clock.advance(timedelta(microseconds=1))
    refusal(tokens, token)


def test_using_a_token_does_not_make_it_remembered_longer(
    tokens: JwtTokens, keys: HeldKeys, forge: Forge, clock: ManualClock
) -> None:
    token = forge.saying()
    for _ in range(12):
        tokens.verify(token)
        clock.advance(10 * SECOND)
    assert keys.asked == ["first", "first"]


def test_a_clock_set_back_makes_nothing_remembered_longer(
    tokens: JwtTokens, keys: HeldKeys, forge: Forge, clock: ManualClock
) -> None:
    token = forge.saying()
    tokens.verify(token)
    clock.advance(-SECOND)
    tokens.verify(token)
    assert keys.asked == ["first", "first"]


def test_a_refusal_is_not_remembered(tokens: JwtTokens, keys: HeldKeys, stranger: Forge) -> None:
    token = stranger.saying()
    refusal(tokens, token)
    keys.keys[stranger.kid] = stranger.key.public_key()
    tokens.verify(token)


def test_nothing_a_verifier_shows_holds_a_token(tokens: JwtTokens, forge: Forge) -> None:
    token = forge.saying()
    tokens.verify(token)
    assert token not in repr(vars(tokens)) + repr(vars(tokens._verified))


# Anything at all


@settings(max_examples=300)
@given(text=st.text(BASE64URL + ".=", max_size=200) | st.from_regex(r"[\w-]*\.[\w-]*\.[\w-]*"))
def test_text_that_looks_like_a_token_is_refused(lasting: JwtTokens, text: str) -> None:
    refusal(lasting, text)


@settings(max_examples=500)
@given(data=st.data())
def test_a_token_with_any_part_changed_is_refused(
    lasting: JwtTokens, forge: Forge, data: st.DataObject
) -> None:
    token = forge.saying(name="Ada", email="ada@example.com")
    start = data.draw(st.integers(0, len(token)))
    end = data.draw(st.integers(start, min(len(token), start + 3)))
    inserted = data.draw(st.text(BASE64URL + ".= \n", max_size=3))
    changed = token[:start] + inserted + token[end:]
    assume(changed != token)
    refusal(lasting, changed)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
CLAIMS = ("iss", "aud", "sub", "exp", "iat", "nbf", "email", "email_verified", "name", "gty")


@settings(max_examples=500)
@given(claims=st.dictionaries(st.sampled_from(CLAIMS), JSON, max_size=4))
def test_whatever_an_issuer_signs_gives_claims_or_a_refusal(
    lasting: JwtTokens, forge: Forge, claims: dict[str, object]
) -> None:
    try:
        read = lasting.verify(forge.saying(**claims))
    except Unauthenticated:
        return
    assert read.principal_id.value == claims.get("sub", "auth0|ada")
    assert read.name is None or "\0" not in read.name
    assert (read.name or "").encode() is not None
    assert read.email_verified == (
        claims.get("email_verified") is True
        and bool(claims.get("email"))
        and not read.is_service_account
    )


HEADERS = ("alg", "kid", "typ", "crit", "b64", "jwk", "jku", "x5c", "x5u", "cty", "zip", "enc")


@settings(max_examples=300)
@given(others=st.dictionaries(st.sampled_from(HEADERS), JSON, max_size=4))
def test_no_header_makes_a_stranger_s_token_good(
    lasting: JwtTokens, stranger: Forge, others: dict[str, object]
) -> None:
    header = stranger.header(**{"kid": "first", **others})
    refusal(lasting, stranger.token(header))
