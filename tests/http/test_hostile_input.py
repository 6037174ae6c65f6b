"""Whatever is sent, the answer is one of ours and never a breakdown."""

from typing import Any, Final

import pytest

from tests.http.marks import on_both_stores
from tests.http.world import API, Caller, World, faults, refusal

pytestmark = [on_both_stores, pytest.mark.usefixtures("one")]

PATHS: Final = [
    "/organizations/{}",
    "/projects/{}",
    "/projects/{}/resources",
    "/projects/plant/resources/{}",
    "/resources/{}",
    "/resources/{}/rbac",
    "/organizations/acme/rbac/{}",
    "/roles/{}",
    "/roles/{}/permissions",
    "/catalog/resource-types/{}",
    "/catalog/resource-types/{}/schema",
    "/catalog/resource-types/{}/dashboard",
]
SEGMENTS: Final = {
    "NUL": b"\0",
    "a word and NUL": b"acme\0",
    "bytes that are no UTF-8": b"\xff\xfe\xc0\x80",
    "a surrogate": b"\xed\xa0\x80",
    "CR and LF": b"a\r\nX: y",
    "quotes": b"' OR '1'='1",
    "a comment": b"x'; DROP TABLE ktrlplane.users; --",
    "a template": b"{0}{{org_id}}%s%(x)s${x}",
    "dots": b"..",
    "backslashes": b"..\\..\\etc\\passwd",
    "a percent sign": b"%",
    "encoded twice": b"%2500",
    "right to left": "\u202eacme".encode(),
    "beyond the plane": "\U0010ffff".encode(),
    "very long": b"a" * 8_000,
    "nothing": b"",
    "a space": b" ",
}


@pytest.mark.parametrize("path", PATHS)
def test_no_path_breaks_anything(ada: Caller, path: str) -> None:
    for name, segment in SEGMENTS.items():
        raw = (API + path).encode().replace(b"{}", segment).decode("latin-1")
        for method in ("GET", "DELETE"):
            result = ada.bare(API, PATH_INFO=raw, REQUEST_METHOD=method)
            assert refusal(result)[0] in (404, 405), name


QUERIES: Final = [
    "%00",
    "a%00b",
    "%ff%fe",
    "%ed%a0%80",
    "%",
    "%zz",
    "%u0041",
    "%F0%9F%8F%AD",
    "'",
    "%27%3B--",
    "%5C",
    "%25",
    "a" * 8_000,
    "\u202e",
    "1e400",
    "99999999999999999999999999",
    "-0",
    "NaN",
    "null",
    "[]",
    "%7B%7D",
]


@pytest.mark.parametrize(
    "path",
    [
        "/organizations?q={}",
        "/organizations?limit={}",
        "/organizations?offset={}",
        "/organizations?cursor={}",
        "/organizations?sort={}",
        "/organizations?{}=1",
        "/projects?org_id={}",
        "/resources?type={}",
        "/resources?sku={}",
        "/resources?project_id={}",
        "/users/search?q=aaa{}",
        "/permissions/check?scopeType=resource&scopeId=one&action={}",
        "/permissions/check?scopeType=resource&scopeId={}",
        "/permissions/check?scopeType=resource&scopeId=one&userId={}",
        "/resource-pricing?type={}&sku=free",
        "/catalog/resource-types/Konnektr.Graph/schema?sku={}",
    ],
)
def test_no_query_breaks_anything(ada: Caller, path: str) -> None:
    for value in QUERIES:
        where, _, query = path.format(value).partition("?")
        result = ada.bare(API + where, QUERY_STRING=query.encode().decode("latin-1"))
        assert result.status_code in (200, 400, 403, 404, 422), value


def test_no_odd_query_breaks_anything(ada: Caller) -> None:
    for query in ("&", "=", "&&&=&", "?", "#", "a=1&a=2&a=3", "=limit", "limit", "&" * 10_000):
        result = ada.bare(f"{API}/organizations", QUERY_STRING=query)
        assert result.status_code in (200, 400, 422), query


@pytest.mark.parametrize("name", ["q", "cursor"])
def test_nul_in_a_parameter_is_a_fault(ada: Caller, name: str) -> None:
    assert faults(ada.get(f"/organizations?{name}=a%00b")) == {f"/{name}": "nul"}


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ({"name": "a\0b"}, {"/name": "nul"}),
        ({"name": "Plant", "id": "a\0b"}, {"/id": "nul"}),
        ({"name": "Plant", "a\0b": 1}, {"": "nul", "/a\0b": "unknown_field"}),
    ],
)
def test_nul_in_a_body_is_a_fault(ada: Caller, body: Any, fault: dict[str, str]) -> None:
    assert faults(ada.post("/projects", body)) == fault


@pytest.mark.parametrize("method", ["POST", "PATCH", "PUT"])
def test_nul_deep_in_settings_is_a_fault_at_its_place(
    world: World, ada: Caller, method: str
) -> None:
    settings = {"a": [{"b/c": "x\0y"}], "d\0": 1}
    body = {"settings_json": settings}
    path = "/resources/one"
    if method == "POST":
        path, body = "/projects/plant/resources", world.wish() | body
    result = ada.ask(method, path, body)
    assert faults(result) == {"/settings_json": "nul", "/settings_json/a/0/b~1c": "nul"}


def _nested(depth: int, inner: bytes = b"1") -> bytes:
    return b'{"settings_json": ' + b'{"a":' * depth + inner + b"}" * depth + b"}"


@pytest.mark.parametrize("depth", [1, 10, 60, 65, 200, 900])
@pytest.mark.parametrize("method", ["PATCH", "PUT"])
def test_deep_settings_are_refused_at_any_depth(ada: Caller, method: str, depth: int) -> None:
    result = ada.ask(method, "/resources/one", raw=_nested(depth))
    code = "unknown_field" if depth < 64 else "too_deep"
    assert set(faults(result).values()) == {code}


def test_a_long_name_is_not_repeated_in_the_answer(ada: Caller) -> None:
    name, nuls = b"k" * 100_000, b",".join([b'"\\u0000"'] * 500)
    result = ada.post("/organizations", raw=b'{"name": "N", "%s": [%s]}' % (name, nuls))
    assert "key_too_long" in faults(result).values()
    assert len(result.content) < 250_000


def test_settings_beyond_all_depth_are_no_json(ada: Caller) -> None:
    for raw in (_nested(100_000), b'{"settings_json": ' + b"[" * 500_000):
        assert refusal(ada.patch("/resources/one", raw=raw)) == (400, "malformed_request")


@pytest.mark.parametrize(
    "number",
    [
        "1e308",
        "-1e308",
        "1e-400",
        "18446744073709551616",
        "-9223372036854775809",
        "1" * 300,
        "-0.0",
    ],
)
def test_no_number_breaks_anything(ada: Caller, number: str) -> None:
    for raw in (
        f'{{"settings_json": {{"instances": {number}}}}}',
        f'{{"settings_json": {{"nonsense": {number}}}}}',
        f'{{"name": {number}}}',
    ):
        result = ada.patch("/resources/one", raw=raw.encode())
        assert result.status_code == 422


@pytest.mark.parametrize("number", ["1e309", "1e400", "-1e400", "Infinity", "NaN", "1" * 400])
def test_a_number_beyond_range_is_no_json(ada: Caller, number: str) -> None:
    raw = f'{{"settings_json": {{"instances": {number}}}}}'.encode()
    assert refusal(ada.patch("/resources/one", raw=raw)) == (400, "malformed_request")


@pytest.mark.parametrize("surrogate", ["\\ud800", "\\udfff", "\\ud800\\ud800", "\\udc00\\ud800"])
def test_half_a_character_is_no_json(ada: Caller, surrogate: str) -> None:
    for raw in (f'{{"name": "x{surrogate}"}}', f'{{"name": "x", "{surrogate}": 1}}'):
        result = ada.post("/projects", raw=raw.encode())
        assert refusal(result) == (400, "malformed_request")


def test_a_whole_character_in_two_halves_is_one(ada: Caller) -> None:
    result = ada.post("/projects", raw=b'{"name": "\\ud83c\\udfed"}')
    assert result.json["name"] == "🏭"


TWICE: Final[list[tuple[bytes, list[str]]]] = [
    (b'{"name": "first", "name": "second"}', ["/name"]),
    (b'{"name": "same", "name": "same"}', ["/name"]),
    (b'{"name": "x", "n\\u0061me": "x"}', ["/name"]),
    (b'{"name": "x", "a/b": 1, "a/b": 2, "name": "x"}', ["/a~1b", "/name"]),
    (b'{"name": "x", "in": [1, {"a": 1, "a": 2}]}', ["/in/1/a"]),
    (b'{"name": {"a": 1, "a": 2}, "name": "x"}', ["/name"]),
    (b'{"' + b"k" * 2000 + b'": 1, "' + b"k" * 2000 + b'": 2}', [""]),
]


@pytest.mark.parametrize(("raw", "places"), TWICE)
def test_a_member_given_twice_is_refused_since_nobody_can_tell_which_counts(
    ada: Caller, raw: bytes, places: list[str]
) -> None:
    told = faults(ada.post("/projects", raw=raw), (400, "malformed_request"))
    assert told == dict.fromkeys(places, "duplicate_key")


def test_members_given_twice_without_end_are_cut_off(ada: Caller) -> None:
    raw = b'{"name": "x"' + b"".join(b', "f%d": 1, "f%d": 2' % (n, n) for n in range(5_000)) + b"}"
    result = ada.post("/projects", raw=raw)
    assert len(faults(result, (400, "malformed_request"))) == 100
    assert "At least 100 things" in result.json["detail"]


def test_depth_does_not_hide_behind_a_member_given_twice(ada: Caller) -> None:
    deep = b"[" * 1_000 + b"]" * 1_000
    result = ada.post("/projects", raw=b'{"name": ' + deep + b', "name": "x"}')
    assert refusal(result) == (400, "malformed_request")


@pytest.mark.parametrize("digits", [300, 308])
def test_a_long_number_beside_a_member_given_twice_is_no_matter(ada: Caller, digits: int) -> None:
    raw = b'{"a": %s, "b": 1, "b": 2}' % (b"1" * digits)
    assert refusal(ada.post("/projects", raw=raw)) == (400, "malformed_request")


HEADERS: Final = [
    ("HTTP_IF_MATCH", "\xff"),
    ("HTTP_IF_NONE_MATCH", '"\xff"'),
    ("HTTP_IF_NONE_MATCH", '"' + "x" * 50_000),
    ("HTTP_IF_MATCH", '"a",' * 20_000),
    ("HTTP_ACCEPT", "\xff"),
    ("HTTP_ACCEPT", "text/html;q=" + "9" * 5_000),
    ("HTTP_HOST", "evil\r\nX: y"),
    ("HTTP_HOST", ""),
    ("HTTP_HOST", "a:b:c"),
    ("HTTP_X_FORWARDED_HOST", "evil.example.com"),
    ("HTTP_FORWARDED", "for=_;by=;;host="),
    ("HTTP_RANGE", "bytes=0-0"),
    ("HTTP_EXPECT", "100-continue"),
    ("HTTP_TRANSFER_ENCODING", "chunked, chunked"),
    ("HTTP_COOKIE", "a=b; \xff=;;"),
    ("HTTP_CONTENT_LENGTH", "7"),
    ("CONTENT_TYPE", "\xff/\xff; charset=\xff"),
    ("HTTP_X_HTTP_METHOD_OVERRIDE", "DELETE"),
    ("HTTP_IDEMPOTENCY_KEY", "\xff"),
]


def test_no_header_breaks_anything(ada: Caller) -> None:
    ada.makes("/organizations", {"name": "Another"})
    for name, value in HEADERS:
        changes: dict[str, Any] = {name: value}
        for result in (
            ada.bare(f"{API}/resources/one", **changes),
            ada.bare(f"{API}/organizations?limit=1", **changes),
            ada.bare(
                f"{API}/organizations",
                b'{"name": "Acme"}',
                REQUEST_METHOD="POST",
                **{"CONTENT_TYPE": "application/json", **changes},
            ),
            ada.bare("/problems/not_found", **changes),
        ):
            assert result.status_code in (200, 201, 304, 400, 412, 415), (name, value[:40])
            assert not any("\n" in told for told in result.headers.values()), (name, value[:40])
    assert ada.sees("/resources/one")["status"] == "Creating"


def test_headers_sent_twice_are_joined_by_servers_and_refused(ada: Caller) -> None:
    token = f"Bearer {ada.token}"
    result = ada.bare(f"{API}/users/me", HTTP_AUTHORIZATION=f"{token},{token}")
    assert refusal(result) == (401, "unauthenticated")
    result = ada.bare(f"{API}/users/me", HTTP_X_REQUEST_ID="one,two")
    assert result.headers["x-request-id"] not in ("one", "two", "one,two")


def test_a_client_may_break_off_in_the_middle_of_its_body(ada: Caller) -> None:
    told = {"REQUEST_METHOD": "POST", "CONTENT_TYPE": "application/json"}
    result = ada.bare(f"{API}/organizations", b'{"name": "Ac', CONTENT_LENGTH="100", **told)
    assert refusal(result) == (400, "malformed_request")


def test_text_of_any_script_comes_back_as_it_was(ada: Caller) -> None:
    names = ["𝕬𝖈𝖒𝖊", "\u202eemcA", "a\u0301", "ﷺ", "\ufeffx", "\x80\x9f"]
    for name in names:
        made = ada.post("/projects", {"name": name})
        if made.status_code == 201:
            one = made.json["project_id"]
            assert ada.sees(f"/projects/{one}")["name"] == name
        else:
            assert faults(made) == {"/name": "invalid"}
