import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey, generate_private_key
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from ktrlplane.adapters.tokens.keys import usable_keys
from tests.adapters.tokens.token_forge import Forge

LEFT_OUT = "left out"


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"use": LEFT_OUT},
        {"alg": LEFT_OUT},
        {"key_ops": LEFT_OUT},
        {"key_ops": ["verify", "sign"]},
        {"x5c": ["anything"], "x5t": "anything"},
    ],
    ids=repr,
)
def test_a_signing_key_is_used(forge: Forge, change: dict[str, object]) -> None:
    entry = {name: value for name, value in forge.jwk(**change).items() if value != LEFT_OUT}
    key = usable_keys({"keys": [entry]})["first"]
    assert key.public_numbers() == forge.key.public_key().public_numbers()


@pytest.mark.parametrize(
    "change",
    [
        {"kty": "EC"},
        {"kty": "oct", "k": "c2VjcmV0"},
        {"kty": None},
        {"kty": ["RSA"]},
        {"use": "enc"},
        {"use": None},
        {"alg": "RS512"},
        {"alg": "HS256"},
        {"alg": "RSA-OAEP"},
        {"alg": ["RS256"]},
        {"key_ops": ["encrypt"]},
        {"key_ops": "verify"},
        {"key_ops": None},
        {"kid": None},
        {"kid": ""},
        {"kid": 1},
        {"kid": "k" * 257},
        {"n": None},
        {"n": ""},
        {"n": 17},
        {"n": "AQAB"},
        {"n": "!" * 342},
        {"n": "é"},
        {"n": "_" * 150_000},
        {"e": None},
        {"e": ""},
        {"e": "AA"},
        {"e": "AQ"},
        {"e": "Ag"},
        {"e": ["AQAB"]},
    ],
    ids=lambda change: repr(change)[:40],
)
def test_any_other_key_is_passed_over(
    forge: Forge, stranger: Forge, change: dict[str, object]
) -> None:
    assert list(usable_keys({"keys": [forge.jwk(**change), stranger.jwk()]})) == ["second"]


@pytest.mark.parametrize("entry", [None, 1, "first", [], ["kty", "RSA"], {}], ids=repr)
def test_what_is_no_key_is_passed_over(stranger: Forge, entry: object) -> None:
    assert list(usable_keys({"keys": [entry, stranger.jwk()]})) == ["second"]


def test_a_weak_key_is_passed_over() -> None:
    weak = generate_private_key(public_exponent=65537, key_size=1024).public_key()
    entry = RSAAlgorithm.to_jwk(weak, as_dict=True) | {"kid": "weak"}
    assert usable_keys({"keys": [entry]}) == {}


def test_an_elliptic_key_is_passed_over() -> None:
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    entry = ECAlgorithm.to_jwk(key, as_dict=True) | {"kid": "elliptic"}
    assert usable_keys({"keys": [entry]}) == {}


def test_a_private_key_given_away_makes_a_public_one(forge: Forge) -> None:
    entry = {**RSAAlgorithm.to_jwk(forge.key, as_dict=True), "kid": "first", "key_ops": ["verify"]}
    assert isinstance(usable_keys({"keys": [entry]})["first"], RSAPublicKey)


def test_of_two_keys_with_one_id_the_first_counts(forge: Forge, stranger: Forge) -> None:
    found = usable_keys({"keys": [forge.jwk(), stranger.jwk(kid="first")]})
    assert found["first"].public_numbers() == forge.key.public_key().public_numbers()


def test_an_empty_set_is_lawful() -> None:
    assert usable_keys({"keys": []}) == {}


@pytest.mark.parametrize("document", [None, [], "keys", 1, {}, {"keys": None}, {"keys": {}}])
def test_what_is_no_set_is_refused(document: object) -> None:
    with pytest.raises(ValueError, match="JWK set"):
        usable_keys(document)
