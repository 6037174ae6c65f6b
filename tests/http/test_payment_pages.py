"""The simulator's portal, as a browser on this machine meets it."""

import logging
from html.parser import HTMLParser
from urllib.parse import urlencode

import pytest
from attrs import evolve, frozen
from falcon.testing import Result

from ktrlplane.adapters.memory.payment_pages import PlayedPages
from ktrlplane.domain.billing import Profile
from tests.builders import on
from tests.http.world import Caller, World, checked, client_of, edge_of, refusal

pytestmark = pytest.mark.priced

AT = "/simulated-payments"
BACK = {"return_url": "https://app.example.com/billing?tab=1&of=acme"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture
def world(world: World) -> World:
    """Whose portals lead to pages of its own."""
    world.payments.lead_to(AT)
    edge = edge_of(world.units, world.platform, world.tokens, transact=world.transact)
    return evolve(world, client=client_of(edge, pages=PlayedPages(world.payments, AT)))


@frozen
class Acme:
    world: World
    ada: Caller
    secret: str

    def page(self, **more: object) -> Result:
        query = urlencode({"visit": self.secret})
        return checked(self.world.client.simulate_get(AT, query_string=query, **more))

    def act(self, what: str, **but: object) -> Result:
        body = urlencode({"visit": self.secret, "act": what})
        given = {"body": body, "headers": FORM} | but
        return checked(self.world.client.simulate_post(AT, **given))

    def state(self) -> str:
        """As the platform shows it."""
        billing = self.ada.sees("/organizations/acme/billing")
        shown: str = billing["subscription_details"]["status"]
        return shown


@pytest.fixture
def acme(world: World, ada: Caller) -> Acme:
    ada.makes("/organizations", {"id": "acme", "name": "Acme"})
    url = ada.post("/organizations/acme/billing/portal", BACK).json["url"]
    assert url.startswith(f"http://falconframework.org{AT}?visit=")
    return Acme(world, ada, url.partition("?visit=")[2])


class _Read(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def of(self, tag: str, name: str) -> list[str | None]:
        return [found[name] for known, found in self.tags if known == tag and name in found]


def test_it_shows_who_pays_and_leads_back(acme: Acme) -> None:
    page = acme.page()
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "<h2>Acme</h2>" in page.text
    read = _Read(page.text)
    assert read.of("a", "href") == [BACK["return_url"]]
    assert read.of("input", "value") == [acme.secret]
    assert {"add-card", "end-period", "lose-customer"} <= set(read.of("button", "value"))
    head = acme.world.client.simulate_head(AT, query_string=urlencode({"visit": acme.secret}))
    assert (head.status_code, head.content) == (200, b"")


def test_it_runs_and_fetches_nothing_and_is_kept_nowhere(acme: Acme) -> None:
    page = acme.page()
    assert not {tag for tag, _ in _Read(page.text).tags} & {"script", "img", "link", "style"}
    policy = page.headers["content-security-policy"].split("; ")
    assert policy[0] == "default-src 'none'"
    assert "form-action 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert page.headers["cache-control"] == "no-store"
    assert page.headers["referrer-policy"] == "no-referrer"


def test_the_platform_looks_at_what_is_played_there(acme: Acme) -> None:
    done = acme.act("add-card")
    assert (done.status_code, done.headers["location"]) == (303, f"?visit={acme.secret}")
    assert "It has one more card, which pays." in acme.page().text
    billing = acme.ada.sees("/organizations/acme/billing")
    assert [one["is_default"] for one in billing["payment_methods"]] == [True]

    acme.ada.makes("/projects", {"id": "plant", "name": "Plant", "org_id": "acme"})
    flow = {"id": "flow", "name": "F", "type": "Konnektr.Flow", "sku": "standard"}
    acme.ada.makes("/projects/plant/resources", flow)
    assert "active" in acme.page().text
    acme.act("fail-payment")
    assert acme.state() == "past_due"
    assert "past_due" in acme.page().text
    acme.act("add-card")
    acme.act("use-last-card")
    assert acme.state() == "active"
    acme.act("lose-customer")
    gone = acme.page().text
    assert "The customer is gone" in gone
    assert "<button" not in gone
    assert refusal(acme.act("add-card")) == (409, "conflict")


def test_what_people_have_named_is_text_there(world: World) -> None:
    evil = '"><script>alert(1)</script>&amp;'
    profile = Profile(scope=on("organization acme"), name=evil, email=f"{evil}@example.com")
    customer_id = world.payments.open_customer(profile, key="evil").customer_id
    back = f"https://app.example.com/{evil}"
    url = world.payments.portal(customer_id, return_url=back, key="portal")
    query = url.partition("?")[2]
    page = checked(world.client.simulate_get(AT, query_string=query)).text
    read = _Read(page)
    assert "<script" not in page
    assert read.of("a", "href") == [back]
    assert "&lt;script&gt;" in page


@pytest.mark.parametrize("address", ["192.0.2.7", "10.0.0.1", "::ffff:10.0.0.1", "2001:db8::1"])
def test_no_other_machine_sees_or_does_anything(acme: Acme, address: str) -> None:
    assert refusal(acme.page(remote_addr=address)) == (403, "forbidden")
    assert refusal(acme.act("add-card", remote_addr=address)) == (403, "forbidden")
    assert acme.ada.sees("/organizations/acme/billing")["payment_methods"] == []


def test_without_the_secret_there_is_nothing(acme: Acme) -> None:
    client = acme.world.client
    for query in ("", "visit=", "visit=bps_1", "visit=%00%ff", f"visit=a&visit={acme.secret}x"):
        assert refusal(checked(client.simulate_get(AT, query_string=query))) == (404, "not_found")
    for body in ("", "act=add-card", "visit=guessed&act=add-card", f"visit={acme.secret}"):
        result = checked(client.simulate_post(AT, body=body, headers=FORM))
        assert refusal(result) == (404, "not_found")
    assert refusal(acme.act("no-such-act")) == (404, "not_found")


def test_what_is_no_form_of_its_own_is_refused(acme: Acme) -> None:
    refused = acme.act("add-card", headers={"Content-Type": "application/json"})
    assert refusal(refused) == (415, "unsupported_media_type")
    assert refusal(acme.act("add-card", headers={})) == (415, "unsupported_media_type")
    for body in (b"visit=\xff", b"&".join([b"a=1"] * 11)):
        assert refusal(acme.act("add-card", body=body)) == (400, "malformed_request")
    assert refusal(acme.act("add-card", body=b"a" * 1_048_577)) == (413, "payload_too_large")
    assert acme.ada.sees("/organizations/acme/billing")["payment_methods"] == []


def test_the_log_does_not_tell_the_secret(
    acme: Acme, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    with caplog.at_level(logging.DEBUG):
        acme.page()
        acme.act("add-card")
        acme.act("no-such-act")
    printed = capsys.readouterr()
    assert AT in printed.out + caplog.text
    assert acme.secret not in printed.out + printed.err + caplog.text


def test_where_nothing_is_simulated_there_is_no_such_page(world: World) -> None:
    edge = edge_of(world.units, world.platform, world.tokens)
    assert client_of(edge).simulate_get(AT).status_code == 404
