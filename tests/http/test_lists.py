"""Lists: pages, cursors, order and filters."""

import base64
import json
import threading
from datetime import timedelta
from typing import Any, Final
from urllib.parse import urlsplit

import pytest

from ktrlplane.domain.paging import Cursor, Sort
from ktrlplane.entrypoints.http.cursors import Place, listing, write_cursor
from tests.http.marks import on_both_stores
from tests.http.world import API, Caller, World, faults, ids

pytestmark = on_both_stores

NAMES: Final = ["delta", "Alpha", "charlie", "Bravo", "echo", "alpha", "Élan", "zulu"]


@pytest.fixture
def many(world: World, ada: Caller) -> list[str]:
    """Ids of organizations, oldest first."""
    made = []
    for number, name in enumerate(NAMES):
        made.append(f"o{number}")
        ada.makes("/organizations", {"id": f"o{number}", "name": name})
        world.clock.advance(timedelta(seconds=1))
    return made


def _walk(caller: Caller, path: str, name: str) -> list[list[str]]:
    """The ids on each page, by cursor."""
    pages, cursor = [], None
    while True:
        page = caller.sees(path + (f"&cursor={cursor}" if cursor else ""))
        pages.append(ids(page, name))
        cursor = page["next_cursor"]
        if cursor is None:
            return pages


def test_an_empty_list_is_a_list(ada: Caller) -> None:
    assert ada.sees("/organizations?include_total=true") == {
        "items": [],
        "next_cursor": None,
        "total": 0,
    }


def test_the_newest_come_first(ada: Caller, many: list[str]) -> None:
    assert ids(ada.sees("/organizations"), "org_id") == many[::-1]


@pytest.mark.parametrize(
    ("sort", "order"),
    [
        ("created_at", [0, 1, 2, 3, 4, 5, 6, 7]),
        ("-created_at", [7, 6, 5, 4, 3, 2, 1, 0]),
        ("name", [1, 5, 3, 2, 0, 4, 7, 6]),
        ("-name", [6, 7, 4, 0, 2, 3, 5, 1]),
    ],
)
@pytest.mark.parametrize("limit", [1, 3, 8, 200])
def test_a_walk_by_cursor_shows_everything_once_in_order(
    ada: Caller, many: list[str], sort: str, order: list[int], limit: int
) -> None:
    pages = _walk(ada, f"/organizations?sort={sort}&limit={limit}", "org_id")
    assert [one for page in pages for one in page] == [many[number] for number in order]
    assert all(len(page) == limit for page in pages[:-1])
    assert pages[-1]


def test_things_of_one_moment_are_told_apart_by_id(ada: Caller) -> None:
    made = [f"o{number:02}" for number in range(20)]
    for one in reversed(made):
        ada.makes("/organizations", {"id": one, "name": "Same"})
    for sort in ("created_at", "name"):
        pages = _walk(ada, f"/organizations?sort={sort}&limit=3", "org_id")
        assert [one for page in pages for one in page] == made
        pages = _walk(ada, f"/organizations?sort=-{sort}&limit=3", "org_id")
        assert [one for page in pages for one in page] == made[::-1]


@pytest.mark.parametrize("sort", ["created_at", "-created_at", "name", "-name"])
def test_a_walk_is_exact_while_others_come_and_go(
    world: World, ada: Caller, many: list[str], sort: str
) -> None:
    seen: list[str] = []
    path, cursor, number = f"/organizations?sort={sort}&limit=2", "", 0
    while True:
        page = ada.sees(path + cursor)
        seen += ids(page, "org_id")
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
        number += 1
        for name in ("aaa", "mmm", "zzz"):
            world.clock.advance(timedelta(seconds=1))
            ada.makes("/organizations", {"id": f"{name}-{number}", "name": name})
        ada.delete(f"/organizations/aaa-{number}")
        assert number < 100, "the list grows faster than it is walked"
        if number > 4:
            path = path.replace("limit=2", "limit=50")
    assert len(seen) == len(set(seen))
    assert [one for one in seen if one in many] == [
        one for one in _walk(ada, f"/organizations?sort={sort}", "org_id")[0] if one in many
    ]


def test_a_walk_is_exact_while_another_thread_writes(
    world: World, ada: Caller, many: list[str]
) -> None:
    writer = world.person("ada")
    walked = threading.Event()

    def write() -> None:
        number = 0
        while not walked.is_set():
            number += 1
            writer.makes("/organizations", {"id": f"new-{number}", "name": f"new {number}"})

    thread = threading.Thread(target=write)
    thread.start()
    try:
        walks = [_walk(ada, "/organizations?sort=-created_at&limit=3", "org_id") for _ in "abc"]
    finally:
        walked.set()
        thread.join()
    for pages in walks:
        seen = [one for page in pages for one in page]
        assert len(seen) == len(set(seen))
        assert [one for one in seen if one in many] == many[::-1]


def test_a_link_leads_to_the_next_page(ada: Caller, many: list[str]) -> None:
    seen, path = [], "/organizations?limit=3&sort=name&q=a&include_total=true"
    for _ in range(9):
        result = ada.get(path)
        seen += ids(result.json, "org_id")
        link = result.headers.get("link")
        assert (link is None) == (result.json["next_cursor"] is None)
        if link is None:
            break
        address, _, relation = link.partition(";")
        assert relation.strip() == 'rel="next"'
        parts = urlsplit(address.strip("<>"))
        assert parts.scheme in ("http", "https")
        path = f"{parts.path.removeprefix('/api/v1')}?{parts.query}"
    assert seen == [many[number] for number in (1, 5, 3, 2, 0, 6)]


def test_a_link_begins_with_the_public_address_where_there_is_one(
    world: World, ada: Caller, many: list[str]
) -> None:
    elsewhere = world.with_edge(public_url="https://control.example.com")
    caller = Caller(elsewhere.client, ada.principal, ada.token)
    link = caller.get("/organizations?limit=1&offset=2").headers["link"]
    assert link.startswith("<https://control.example.com/api/v1/organizations?limit=1&cursor=")


def test_an_offset_skips_and_can_be_gone_on_from(ada: Caller, many: list[str]) -> None:
    page = ada.sees("/organizations?sort=created_at&limit=2&offset=3")
    assert ids(page, "org_id") == many[3:5]
    rest = ada.sees(f"/organizations?sort=created_at&cursor={page['next_cursor']}")
    assert ids(rest, "org_id") == many[5:]


def test_a_cursor_and_an_offset_contradict_each_other(ada: Caller, many: list[str]) -> None:
    page = ada.sees("/organizations?sort=created_at&limit=2")
    path = f"/organizations?sort=created_at&cursor={page['next_cursor']}"
    assert faults(ada.get(f"{path}&offset=5")) == {"/offset": "one_of"}
    # No offset says nothing, however it is written.
    assert ids(ada.sees(f"{path}&offset=0"), "org_id") == many[2:]


@pytest.fixture
def sown(ada: Caller, many: list[str]) -> str:
    """A cursor into the projects of o1 that have an a in their name."""
    for number in range(3):
        body = {"id": f"p{number}", "name": "Plant", "org_id": "o1"}
        ada.makes("/projects", body)
        ada.makes("/projects", body | {"id": f"q{number}", "org_id": "o2"})
    page = ada.sees("/projects?sort=name&org_id=o1&q=a&limit=1")
    return str(page["next_cursor"])


@pytest.mark.parametrize(
    "path",
    [
        "/projects?org_id=o1&q=a",
        "/projects?q=a&org_id=o1&limit=200&include_total=true&sort=name",
        "/projects?q=%61&org_id=o1",
    ],
)
def test_a_cursor_goes_on_in_its_list_whatever_the_pages(
    ada: Caller, sown: str, path: str
) -> None:
    assert ids(ada.sees(f"{path}&cursor={sown}"), "project_id") == ["p1", "p2"]


@pytest.mark.parametrize(
    "path",
    [
        "/projects?org_id=o1&q=b",
        "/projects?org_id=o1",
        "/projects?q=a",
        "/projects?org_id=o2&q=a",
        "/projects?",
        "/organizations?q=a",
        "/resources?q=a",
        "/projects/p0/resources?q=a",
        "/organizations/o1/rbac?",
    ],
)
def test_a_cursor_of_another_list_or_of_other_filters_is_refused(
    ada: Caller, sown: str, path: str
) -> None:
    result = ada.get(f"{path}&cursor={sown}")
    assert faults(result) == {"/cursor": "cursor"}
    assert "same filters" in result.json["detail"]


def test_a_filter_that_is_wrong_is_told_without_a_word_of_the_cursor(
    ada: Caller, sown: str
) -> None:
    result = ada.get(f"/projects?org_id=O1&q=a&cursor={sown}")
    assert faults(result) == {"/org_id": "pattern"}


def test_a_cursor_stays_short(ada: Caller, sown: str) -> None:
    assert len(sown) <= 40


def test_a_cursor_knows_its_order(ada: Caller, many: list[str]) -> None:
    page = ada.sees("/organizations?sort=name&limit=2")
    rest = ada.sees(f"/organizations?cursor={page['next_cursor']}")
    assert ids(rest, "org_id") == [many[number] for number in (3, 2, 0, 4, 7, 6)]


@pytest.mark.parametrize("sort", ["-name", "created_at", "-created_at"])
def test_a_cursor_of_a_list_in_another_order_is_refused(
    ada: Caller, many: list[str], sort: str
) -> None:
    page = ada.sees("/organizations?sort=name&limit=2")
    result = ada.get(f"/organizations?sort={sort}&cursor={page['next_cursor']}")
    assert faults(result) == {"/cursor": "cursor"}


@pytest.mark.parametrize("sort", [Sort.NAME, Sort.NAME_DESCENDING, Sort.CREATED_AT])
def test_a_list_with_one_order_takes_no_cursor_of_another(
    ada: Caller, acme: Any, sort: Sort
) -> None:
    key = "name" if sort.by_name else "2026-01-01T00:00:00.000000Z"
    there = listing(f"{API}/organizations/acme/rbac", {})
    cursor = write_cursor(Place(sort, Cursor(key, "asg_1"), there))
    assert faults(ada.get(f"/organizations/acme/rbac?cursor={cursor}")) == {"/cursor": "cursor"}


def _packed(value: object) -> str:
    """As cursors are, into all organizations."""
    packed = listing(f"{API}/organizations", {}) + json.dumps(value).encode()
    return base64.urlsafe_b64encode(packed).rstrip(b"=").decode()


NO_CURSORS: Final = [
    "x",
    "%",
    "\u00e9".encode().hex(),
    "%C3%A9%C3%A9%C3%A9%C3%A9",
    "AAAA",
    "=" * 50,
    "A" * 5_000,
    _packed(None),
    _packed([]),
    _packed("abc"),
    _packed({"a": 1, "b": 2, "c": 3}),
    _packed(["name", "a"]),
    _packed(["name", "a", "b", "c"]),
    _packed(["size", "a", "b"]),
    _packed(["name", 1, "b"]),
    _packed(["name", "a", None]),
    _packed([["name"], "a", "b"]),
    _packed(["name", "a\0", "b"]),
    _packed(["name", "a", "b\0"]),
    _packed(["-created_at", "yesterday", "b"]),
    _packed(["-created_at", "2026-01-01", "b"]),
    _packed(["-created_at", "2026-01-01T00:00:00Z", "b"]),
    _packed(["-created_at", "2026-01-01T00:00:00.000000+00:00", "b"]),
    _packed(["-created_at", "2026-02-31T00:00:00.000000Z", "b"]),
    _packed(["-created_at", "99999-01-01T00:00:00.000000Z", "b"]),
]


def test_what_no_list_gave_is_no_cursor(ada: Caller) -> None:
    for cursor in NO_CURSORS:
        result = ada.get(f"/organizations?cursor={cursor}")
        assert faults(result) == {"/cursor": "cursor"}, cursor


@pytest.mark.parametrize(
    "place",
    [
        ["-created_at", "0001-01-01T00:00:00.000000Z", "zzz"],
        ["-created_at", "9999-12-31T23:59:59.999999Z", ""],
        ["name", "", ""],
        ["-name", "'; DROP TABLE organizations; --", "%"],
        ["name", "\U0010ffff" * 300, "x" * 300],
    ],
)
def test_a_cursor_made_by_hand_is_a_place_like_any_other(
    ada: Caller, acme: Any, place: list[str]
) -> None:
    page = ada.sees(f"/organizations?cursor={_packed(place)}")
    assert page["next_cursor"] is None
    assert len(page["items"]) <= 1


def test_a_total_counts_what_the_filters_leave(ada: Caller, many: list[str]) -> None:
    page = ada.sees("/organizations?limit=2&include_total=true&q=LPHA")
    assert (ids(page, "org_id"), page["total"]) == ([many[5], many[1]], 2)
    assert "total" not in ada.sees("/organizations?include_total=false")


@pytest.mark.parametrize("text", ["%", "_", "\\", "a%", "'", "*", ".", "(", "[a-z]"])
def test_a_search_has_no_wildcards(ada: Caller, many: list[str], text: str) -> None:
    assert ada.sees("/organizations", query=_quoted(text))["items"] == []
    ada.makes("/organizations", {"id": "odd", "name": f"x{text}x"})
    assert ids(ada.sees("/organizations", query=_quoted(text)), "org_id") == ["odd"]


def _quoted(text: str) -> str:
    return "q=" + "".join(f"%{byte:02x}" for byte in text.encode())


def test_a_search_finds_ids_too(ada: Caller, many: list[str]) -> None:
    assert ids(ada.sees("/organizations?q=o3"), "org_id") == ["o3"]


@pytest.fixture
def fleet(world: World, ada: Caller) -> None:
    """Two projects, one of them in Acme, and resources in each."""
    ada.makes("/organizations", {"id": "acme", "name": "Acme"})
    ada.makes("/projects", {"id": "inside", "name": "Inside", "org_id": "acme"})
    ada.makes("/projects", {"id": "alone", "name": "Alone"})
    other = next(kind for kind in world.catalog.resource_types if kind is not world.kind)
    for project, resource, wish in (
        ("inside", "a", world.wish()),
        ("inside", "b", world.wish(name="Beta")),
        ("alone", "c", world.wish(name="Beta", type=other.type, sku=other.offered()[0].sku)),
        ("alone", "d", world.wish(sku=world.kind.offered()[1].sku)),
    ):
        ada.makes(f"/projects/{project}/resources", wish | {"id": resource})
    ada.delete("/resources/d")


@pytest.mark.usefixtures("fleet")
@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", "abcd"),
        ("project_id=inside", "ab"),
        ("project_id=alone", "cd"),
        ("project_id=nowhere", ""),
        ("q=beta", "bc"),
        ("status=Creating", "abc"),
        ("status=Deleting", "d"),
        ("status=Deleted", ""),
        ("type={type}", "abd"),
        ("resource_type={type}", "abd"),
        ("type={alias}", "abd"),
        ("sku={sku}", "abc"),
        ("type={type}&sku={sku}&project_id=inside&q=one", "a"),
    ],
)
def test_resources_are_found_by_what_they_are(
    world: World, ada: Caller, query: str, found: str
) -> None:
    alias = (*world.kind.aliases, world.kind.type)[0]
    filled = query.format(type=world.kind.type, alias=alias, sku=world.tier.sku)
    page = ada.sees(f"/resources?{filled}&sort=created_at&include_total=true".replace("?&", "?"))
    assert "".join(ids(page, "resource_id")) == found
    assert page["total"] == len(found)


@pytest.mark.usefixtures("fleet")
def test_projects_are_found_by_organization(ada: Caller) -> None:
    assert ids(ada.sees("/projects?org_id=acme"), "project_id") == ["inside"]
    assert ids(ada.sees("/projects?org_id=nowhere"), "project_id") == []
    assert ids(ada.sees("/projects?q=ALONE"), "project_id") == ["alone"]
    assert ids(ada.sees("/projects/inside/resources?sort=name"), "resource_id") == ["b", "a"]


@pytest.mark.usefixtures("fleet")
def test_a_list_holds_only_what_its_reader_may_read(ada: Caller, grace: Caller) -> None:
    ada.makes("/resources/b/rbac", {"user_id": grace.principal, "role_id": "Viewer"})
    assert ids(grace.sees("/resources?include_total=true"), "resource_id") == ["b"]
    assert grace.sees("/projects?include_total=true")["total"] == 0
    ada.makes("/projects/alone/rbac", {"user_id": grace.principal, "role_id": "Viewer"})
    page = grace.sees("/resources?sort=name&include_total=true")
    assert (ids(page, "resource_id"), page["total"]) == (["b", "c", "d"], 3)
