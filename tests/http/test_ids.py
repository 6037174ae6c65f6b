"""Ids: chosen or made, and never used again."""

from datetime import timedelta
from typing import Any, Final

import pytest

from ktrlplane.domain.services.deletions import (
    due_deletions,
    emptied_projects,
    end_emptied_project,
    end_resources,
)
from tests.http.marks import on_both_stores
from tests.http.world import Caller, World, faults, refusal

NOUNS: Final = ["organization", "project", "resource"]


@pytest.fixture(params=NOUNS)
def noun(request: pytest.FixtureRequest) -> str:
    return str(request.param)


class Maker:
    """Makes things of one kind."""

    def __init__(self, world: World, caller: Caller, noun: str) -> None:
        self.world, self.caller, self.noun = world, caller, noun
        self.field = {"organization": "org_id"}.get(noun, f"{noun}_id")
        self.single = f"/{noun}s"
        self.path = "/projects/plant/resources" if noun == "resource" else self.single

    def body(self, **but: Any) -> dict[str, Any]:
        return (self.world.wish() if self.noun == "resource" else {"name": "One"}) | but

    def ask(self, **but: Any) -> Any:
        return self.caller.post(self.path, self.body(**but))

    def made(self, **but: Any) -> Any:
        return self.caller.makes(self.path, self.body(**but))


@pytest.fixture
def maker(world: World, ada: Caller, plant: Any, noun: str) -> Maker:
    return Maker(world, ada, noun)


@pytest.mark.parametrize("chosen", ["a", "a-b", "a1", "x" * 63, "a--b", "q9-" + "z" * 60])
def test_an_id_may_be_chosen(maker: Maker, chosen: str) -> None:
    made = maker.made(id=chosen)
    assert made[maker.field] == chosen
    assert maker.caller.sees(f"{maker.single}/{chosen}") == made


@pytest.mark.parametrize(
    "chosen",
    ["", "x" * 64, "A", "Acme", "1a", "-a", "a-", "a_b", "a.b", "a b", " a", "a\n", "é", "a/b"],
)
def test_an_id_is_a_dns_label(maker: Maker, chosen: str) -> None:
    assert faults(maker.ask(id=chosen)) == {"/id": "pattern"}


@pytest.mark.parametrize("chosen", [7, True, 1.5, [], ["a"], {}])
def test_an_id_is_text(maker: Maker, chosen: object) -> None:
    assert faults(maker.ask(id=chosen)) == {"/id": "type"}


@pytest.mark.parametrize(
    "chosen",
    ["default", "kube-system", "kube-x", "konnektr-graph", "argocd", "secret-plan"],
)
def test_a_reserved_id_is_refused(maker: Maker, chosen: str) -> None:
    assert faults(maker.ask(id=chosen)) == {"/id": "reserved"}


@pytest.mark.parametrize("chosen", ["defaults", "kube", "konnektr", "argo", "my-kube-system"])
def test_what_only_looks_reserved_is_free(maker: Maker, chosen: str) -> None:
    assert maker.made(id=chosen)[maker.field] == chosen


@on_both_stores
@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("Plant Antwerp", "plant-antwerp-"),
        ("  ".join("xy"), "x-y-"),
        ("42", "{noun}-42-"),
        ("東京", "{noun}-"),
        ("x" * 255, "x" * 54 + "-"),
        ("Default", "default-"),
        ("kube system", "{noun}-kube-system-"),
        ("konnektr-", "{noun}-konnektr-"),
    ],
)
def test_an_id_is_made_from_the_name(maker: Maker, name: str, stem: str) -> None:
    made = maker.made(name=name)[maker.field]
    noun = {"organization": "org"}.get(maker.noun, maker.noun)
    assert made.startswith(stem.format(noun=noun))
    assert len(made) <= 63
    assert made != maker.made(name=name)[maker.field]


@on_both_stores
def test_a_place_is_told_where_a_new_thing_is(maker: Maker) -> None:
    result = maker.ask(id="new")
    assert result.headers["location"] == f"/api/v1{maker.single}/new"
    assert maker.caller.get(f"{maker.single}/new").headers["etag"] == result.headers["etag"]


@on_both_stores
def test_an_id_that_is_taken_is_refused_whoever_has_it(world: World, maker: Maker) -> None:
    maker.made(id="taken")
    assert refusal(maker.ask(id="taken")) == (409, "already_exists")
    bob = world.person("bob")
    bob.makes("/projects", {"id": "bobs", "name": "Bob's"})
    path = maker.path.replace("plant", "bobs")
    assert refusal(bob.post(path, maker.body(id="taken"))) == (409, "already_exists")


@on_both_stores
def test_the_same_id_may_name_one_of_each_kind(world: World, ada: Caller) -> None:
    ada.makes("/organizations", {"id": "same", "name": "Same"})
    ada.makes("/projects", {"id": "same", "name": "Same", "org_id": "same"})
    ada.makes("/projects/same/resources", world.wish("same"))
    assert ada.sees("/resources/same")["project_id"] == "same"


def _end_deletions(world: World) -> None:
    """As the worker does once the grace period is over."""
    world.clock.advance(timedelta(days=2))
    with world.units.begin() as work:
        for due in due_deletions(work, tenants=100, platform=world.platform):
            end_resources(work, due.resource_ids, platform=world.platform)
        for project in emptied_projects(work, limit=100):
            end_emptied_project(work, project, platform=world.platform)


@on_both_stores
def test_an_id_is_never_used_again(world: World, maker: Maker) -> None:
    maker.made(id="gone")
    assert maker.caller.delete(f"{maker.single}/gone").status_code in (202, 204)
    _end_deletions(world)
    again = Maker(world, world.person("ada"), maker.noun)
    assert refusal(again.ask(id="gone")) == (409, "already_exists")
