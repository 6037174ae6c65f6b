"""How a body must be written."""

import json
from typing import Any, Final

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ktrlplane.domain.documents import faults_of
from ktrlplane.entrypoints.http.parsing import is_harmless
from tests.http.world import API, Caller, checked, faults, refusal

MIB: Final = 1024 * 1024


def _padded(size: int) -> bytes:
    """A good body of so many bytes."""
    body = json.dumps({"name": "Acme"}).encode()
    return body + b" " * (size - len(body))


def test_a_body_of_a_mebibyte_is_read(ada: Caller) -> None:
    assert ada.post("/organizations", raw=_padded(MIB)).status_code == 201


def test_one_byte_more_is_too_much(ada: Caller) -> None:
    result = ada.post("/organizations", raw=_padded(MIB + 1))
    assert refusal(result) == (413, "payload_too_large")


def _ask_in_chunks(caller: Caller, body: bytes) -> Any:
    """As a server hands on a body whose length nobody told."""
    chunked = {"CONTENT_LENGTH": None, "wsgi.input_terminated": True}
    return caller.bare(
        f"{API}/organizations",
        body,
        REQUEST_METHOD="POST",
        CONTENT_TYPE="application/json",
        HTTP_TRANSFER_ENCODING="chunked",
        **chunked,
    )


def test_a_body_in_chunks_is_read(ada: Caller) -> None:
    result = _ask_in_chunks(ada, _padded(MIB))
    assert (result.status_code, result.json["name"]) == (201, "Acme")


def test_a_body_in_chunks_is_cut_off_at_the_same_size(ada: Caller) -> None:
    result = _ask_in_chunks(ada, _padded(MIB + 1))
    assert refusal(result) == (413, "payload_too_large")


def test_a_large_body_is_refused_by_its_length_alone(ada: Caller) -> None:
    result = ada.post("/organizations", raw=b"{}", headers={"Content-Length": str(10**12)})
    assert refusal(result) == (413, "payload_too_large")


@pytest.mark.parametrize("length", ["x", "-1", "1.5", "1e3"])
def test_a_length_that_is_no_number_is_refused(ada: Caller, length: str) -> None:
    told = {"REQUEST_METHOD": "POST", "CONTENT_TYPE": "application/json"}
    result = ada.bare(f"{API}/organizations", b"{}", CONTENT_LENGTH=length, **told)
    assert refusal(result) == (400, "malformed_request")


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "application/xml",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/jsonp",
        "application/json; charset=latin-1",
        "application/json; charset=utf-16",
        "json",
        "",
        ";",
        "application/merge-patch+json",
    ],
)
def test_a_body_of_another_type_is_refused(ada: Caller, content_type: str) -> None:
    result = ada.post(
        "/organizations", raw=b'{"name": "Acme"}', headers={"Content-Type": content_type}
    )
    assert refusal(result) == (415, "unsupported_media_type")


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "Application/JSON",
        "application/json; charset=utf-8",
        'application/json;charset="UTF-8"',
        "application/json; profile=x",
    ],
)
def test_json_may_be_named_in_all_its_ways(ada: Caller, content_type: str) -> None:
    result = ada.post(
        "/organizations", raw=b'{"name": "Acme"}', headers={"Content-Type": content_type}
    )
    assert result.status_code == 201


@pytest.mark.usefixtures("acme")
def test_a_patch_may_be_called_a_merge_patch(ada: Caller) -> None:
    headers = {"Content-Type": "application/merge-patch+json"}
    result = ada.patch("/organizations/acme", raw=b'{"name": "New"}', headers=headers)
    assert result.json["name"] == "New"


@pytest.mark.usefixtures("acme")
def test_a_patch_of_another_type_is_told_which_it_may_have(ada: Caller) -> None:
    headers = {"Content-Type": "application/json-patch+json"}
    result = ada.patch("/organizations/acme", raw=b"[]", headers=headers)
    assert refusal(result) == (415, "unsupported_media_type")
    assert result.headers["accept-patch"] == "application/json, application/merge-patch+json"


def test_a_compressed_body_is_refused(ada: Caller) -> None:
    headers = {"Content-Encoding": "gzip"}
    result = ada.post("/organizations", raw=b'{"name": "Acme"}', headers=headers)
    assert refusal(result) == (415, "unsupported_media_type")


@pytest.mark.parametrize("method", ["POST", "PATCH", "PUT"])
@pytest.mark.usefixtures("acme")
def test_a_body_must_be_there(ada: Caller, method: str) -> None:
    path = "/organizations" if method == "POST" else "/organizations/acme"
    assert refusal(ada.ask(method, path)) == (400, "malformed_request")
    assert refusal(ada.ask(method, path, raw=b"")) == (400, "malformed_request")


@pytest.mark.parametrize(
    ("raw", "place"),
    [
        (b'{"name": "Acme",}', "line 1, column 16"),
        (b'{\n  "name": Acme\n}', "line 2, column 11"),
        (b"{", "line 1, column 2"),
        (b"\xff\xfe{\x00}\x00", "line 1, column 1"),
        (b'\xef\xbb\xbf{"name": "Acme"}', "line 1, column 1"),
        (b'{"name": "Acme"} {"name": "More"}', "line 1, column 18"),
        (b'{"name": NaN}', "line 1, column 10"),
        (b'{"name": 1e400}', "line 1, column 10"),
        (b'{"name": "\\ud800"}', "line 1, column"),
        (b'{"name": "\xc3\x28"}', "line 1, column"),
        (b"   ", "line 1, column"),
        (b"[" * 100_000, "line 1, column"),
        (b'{"a":' * 5_000 + b"1" + b"}" * 5_000, "line 1, column"),
    ],
)
def test_what_is_no_json_is_refused_with_the_place(ada: Caller, raw: bytes, place: str) -> None:
    result = ada.post("/organizations", raw=raw)
    assert refusal(result) == (400, "malformed_request")
    assert place in result.json["detail"]


@pytest.mark.parametrize("body", [[], "name", 1, None, True, [{"name": "Acme"}]])
def test_a_body_must_be_an_object(ada: Caller, body: object) -> None:
    assert faults(ada.post("/organizations", body)) == {"": "type"}


@pytest.mark.parametrize("value", [1, 1.5, True, [], {}, ["Acme"], None])
def test_text_is_not_made_of_other_things(ada: Caller, value: object) -> None:
    assert faults(ada.post("/organizations", {"name": value})) == {"/name": "type"}


@pytest.mark.parametrize(
    "name", ["", " ", "x" * 256, " Acme", "Acme ", "Ac\nme", "Ac\x7fme", "\u2003Acme", "\t"]
)
def test_a_name_is_a_line_that_shows(ada: Caller, name: str) -> None:
    assert faults(ada.post("/organizations", {"name": name})) == {"/name": "invalid"}


@pytest.mark.parametrize("name", ["x", "x" * 255, "Ăcmé & Söhne", "東京", "🏭", "<b>'\";--"])
def test_a_name_may_be_any_text_that_shows(ada: Caller, name: str) -> None:
    assert ada.makes("/organizations", {"name": name})["name"] == name


def test_null_in_a_new_thing_is_as_good_as_left_out(ada: Caller) -> None:
    made = ada.makes("/projects", {"id": None, "name": "Plant", "org_id": None})
    assert made["org_id"] is None
    assert made["project_id"].startswith("plant-")


@pytest.mark.usefixtures("one")
@pytest.mark.parametrize("method", ["PATCH", "PUT"])
@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("/organizations/acme", ["name", "purchase_policy"]),
        ("/projects/plant", ["name"]),
        ("/resources/one", ["name", "sku", "settings_json"]),
    ],
)
def test_null_in_a_change_is_refused_along_with_all_else(
    ada: Caller, method: str, path: str, names: list[str]
) -> None:
    body: dict[str, Any] = dict.fromkeys(names) | {"nonsense": None}
    expected = dict.fromkeys((f"/{name}" for name in names), "null")
    result = ada.ask(method, path, body)
    assert faults(result) == expected | {"/nonsense": "unknown_field"}


@pytest.mark.usefixtures("one")
@pytest.mark.parametrize("method", ["PATCH", "PUT"])
@pytest.mark.parametrize("path", ["/organizations/acme", "/projects/plant", "/resources/one"])
def test_a_change_of_nothing_changes_nothing(ada: Caller, method: str, path: str) -> None:
    before = ada.get(path)
    result = ada.ask(method, path, {})
    assert (result.status_code, result.json) == (200, before.json)
    assert result.headers["etag"] == before.headers["etag"]


@pytest.mark.usefixtures("acme")
def test_what_cannot_be_changed_is_no_field_of_a_change(ada: Caller) -> None:
    body = {"org_id": "other", "created_at": "2026-01-01T00:00:00Z"}
    expected = {"/org_id": "unknown_field", "/created_at": "unknown_field"}
    assert faults(ada.patch("/organizations/acme", body)) == expected


@pytest.mark.usefixtures("acme")
@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"{broken", (400, "malformed_request")),
        (b"[]", (400, "malformed_request")),
        (b'{"cascade": true}', (422, "validation_failed")),
    ],
)
def test_a_body_that_nobody_asked_for_is_refused(
    ada: Caller, raw: bytes, expected: tuple[int, str]
) -> None:
    """Somebody believes to have said something by it."""
    assert refusal(ada.ask("DELETE", "/organizations/acme", raw=raw)) == expected
    assert ada.get("/organizations/acme").status_code == 200


@pytest.mark.usefixtures("acme")
def test_what_is_put_without_a_body_takes_no_other(ada: Caller) -> None:
    group = ada.makes("/organizations/acme/groups", {"name": "Crew"})["group_id"]
    path = f"/groups/{group}/members/auth0|ada"
    body = {"expires_at": "2030-01-01T00:00:00Z"}
    assert faults(ada.put(path, body)) == {"/expires_at": "unknown_field"}
    assert refusal(ada.get(path)) == (404, "not_found")


@pytest.mark.usefixtures("acme")
@pytest.mark.parametrize("raw", [b"", b" ", b"{}", b"null"])
def test_an_empty_body_says_as_little_as_none(ada: Caller, raw: bytes) -> None:
    result = ada.ask("DELETE", "/organizations/acme", raw=raw)
    assert result.status_code == 204


@pytest.mark.usefixtures("acme")
@pytest.mark.parametrize(
    ("time", "lawful"),
    [
        ("2030-01-31T12:00:00Z", True),
        ("2030-01-31T12:00:00.123456Z", True),
        ("2030-01-31t12:00:00z", True),
        ("2030-01-31T12:00:00+02:00", True),
        ("2030-01-31T12:00:00", False),
        ("2030-01-31", False),
        ("2030-02-30T12:00:00Z", False),
        ("2030-01-31 12:00:00Z", False),
        ("0001-01-01T00:00:00+14:00", False),
        ("٢٠٣٠-01-31T12:00:00Z", False),
        ("tomorrow", False),
        (1893456000, False),
    ],
)
def test_a_time_is_rfc_3339_with_an_offset(
    ada: Caller, grace: Caller, time: object, *, lawful: bool
) -> None:
    body = {"user_id": grace.principal, "role_id": "Viewer", "expires_at": time}
    result = ada.post("/organizations/acme/rbac", body)
    if lawful:
        assert result.json["expires_at"].endswith("Z")
    else:
        assert faults(result) == {"/expires_at": "time"}


def test_every_answer_is_json_in_utf_8(ada: Caller) -> None:
    result = checked(ada.post("/organizations", {"name": "東京"}))
    assert result.headers["content-type"] == "application/json"
    assert "東京".encode() in result.content


texts = st.text(max_size=8) | st.sampled_from(["\0", "\ud800", '"', "\\", "[[[", "x" * 1025, "{}"])
documents = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)


def _nested(document: Any, depth: int) -> Any:
    for number in range(depth):
        document = [document] if number % 2 else {"in": document}
    return document


@given(documents, st.integers(0, 70), st.booleans())
def test_what_is_harmless_by_its_text_has_no_fault(
    document: Any,
    depth: int,
    escaped: bool,  # noqa: FBT001
) -> None:
    document = _nested(document, depth)
    text = json.dumps(document, ensure_ascii=escaped)
    raw = text.encode(errors="surrogatepass")
    if is_harmless(raw):
        assert faults_of(orjson.loads(raw)) == []


def test_what_products_send_is_harmless_by_its_text() -> None:
    checks = [{"scope_type": "resource", "scope_id": "one", "action": "read"}] * 100
    assert is_harmless(json.dumps({"checks": checks}).encode())
