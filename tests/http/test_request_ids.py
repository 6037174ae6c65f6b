"""X-Request-Id: taken or made, and returned."""

import re

import pytest

from tests.http.world import API, Caller, refusal


@pytest.mark.parametrize(
    "name",
    ["x", "5f2b1c9e7d3a4f60", "a-b_c.d:e/f+g=", "01J9ZK3V7Q", "x" * 128],
)
def test_a_plain_request_id_is_taken(nobody: Caller, name: str) -> None:
    headers = {"X-Request-Id": name}
    assert nobody.get("/catalog/resource-types", headers=headers).headers["x-request-id"] == name
    refused = nobody.get("/users/me", headers=headers)
    assert refused.json["request_id"] == refused.headers["x-request-id"] == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        " ",
        "a b",
        "x" * 129,
        "x" * 10_240,
        "a\r\nSet-Cookie: b=c",
        "a\nb",
        "a\tb",
        "a\0b",
        "<script>",
        "a,b",
        "é",
        "\xff",
        '"; DROP TABLE',
        "{jndi:ldap://x}",
    ],
)
def test_any_other_is_replaced_and_never_repeated(nobody: Caller, name: str) -> None:
    result = nobody.bare(f"{API}/users/me", HTTP_X_REQUEST_ID=name)
    given = result.headers["x-request-id"]
    assert re.fullmatch("[0-9a-f]{32}", given)
    assert refusal(result) == (401, "unauthenticated")
    assert not name.strip() or name not in result.text
    assert "set-cookie" not in result.headers


def test_each_request_without_one_gets_its_own(nobody: Caller) -> None:
    made = {nobody.get("/catalog/resource-types").headers["x-request-id"] for _ in range(5)}
    assert len(made) == 5
