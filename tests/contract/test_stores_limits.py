from datetime import timedelta
from typing import Any

import pytest

from ktrlplane.domain.access import Scope
from ktrlplane.domain.errors import NotFound
from ktrlplane.domain.ids import OverrideId
from ktrlplane.domain.limits import LimitOverride
from ktrlplane.domain.paging import PageRequest, Sort
from ktrlplane.ports.unit_of_work import UnitsOfWork
from tests.builders import ALICE, BOB, DAY, HOUR, NOW, on

OLDEST = PageRequest(sort=Sort.CREATED_AT)
ACME, WEB = on("organization acme"), on("project web")


def an_override(number: int, **but: Any) -> LimitOverride:
    known: dict[str, Any] = {
        "override_id": OverrideId(f"ovr_{number}"),
        "scope": ACME,
        "type": "Acme.Kettle",
        "sku": "few",
        "limit": "resources",
        "maximum": 5,
        "reason": "As agreed.",
        "created_by": ALICE,
        "created_at": NOW + number * timedelta(microseconds=1),
    }
    return LimitOverride(**known | but)


def put(units: UnitsOfWork, *overrides: LimitOverride) -> None:
    with units.begin() as work:
        for one in overrides:
            work.limit_overrides.put(one)


def listed(
    units: UnitsOfWork, scope: Scope | None = None, page: PageRequest = OLDEST, **but: Any
) -> list[LimitOverride]:
    with units.view() as work:
        return list(work.limit_overrides.of(scope, page, but.get("at")).items)


def test_an_override_comes_back_as_it_went_in(bare: UnitsOfWork) -> None:
    whole = an_override(
        1,
        scope=WEB,
        maximum=2**53 - 1,
        expires_at=NOW + DAY,
        ended_by=BOB,
        ended_at=NOW + HOUR,
        reason='Two\nlines, "quotes"',
    )
    bare_one = an_override(2, maximum=None, created_by=None)
    put(bare, whole, bare_one)
    with bare.view() as work:
        assert work.limit_overrides.get(whole.override_id) == whole
        assert work.limit_overrides.get(bare_one.override_id) == bare_one
        with pytest.raises(NotFound):
            work.limit_overrides.get(OverrideId("ovr_none"))


def test_unended_are_those_of_one_tier_on_the_scopes_that_are_asked_for(
    bare: UnitsOfWork,
) -> None:
    expired = an_override(1, expires_at=NOW - DAY)
    elsewhere = an_override(2, scope=WEB)
    others = [
        an_override(3, sku="gold"),
        an_override(4, type="Acme.Pot"),
        an_override(5, scope=on("organization other")),
        an_override(6, scope=on("project acme")),
        an_override(7, limit="cups", ended_at=NOW),
    ]
    put(bare, expired, elsewhere, *others)

    def unended(*scopes: Scope) -> list[LimitOverride]:
        with bare.view() as work:
            found = work.limit_overrides.unended(scopes, "Acme.Kettle", "few")
            return sorted(found, key=lambda one: one.override_id)

    assert unended(ACME) == [expired]
    assert unended(WEB, ACME) == [expired, elsewhere]
    assert unended(on("resource acme")) == []
    assert unended() == []


def test_there_is_one_at_most_that_has_not_ended(bare: UnitsOfWork) -> None:
    first, second = an_override(1), an_override(2)
    put(bare, first)
    with pytest.raises(Exception, match=r"limit_overrides_unended|There is one"):
        put(bare, second)
    ended = first.ended(by=BOB, at=NOW + HOUR)
    put(bare, ended, second, an_override(3, limit="cups"))
    assert listed(bare)[:2] == [ended, second]


def test_they_are_in_order_and_paged(bare: UnitsOfWork) -> None:
    known = [an_override(number, ended_at=NOW) for number in range(5)]
    other = an_override(9, scope=WEB)
    put(bare, *reversed(known), other)
    assert listed(bare) == [*known, other]
    assert listed(bare, ACME) == known
    assert listed(bare, ACME, PageRequest()) == known[::-1]
    with bare.view() as work:
        page = work.limit_overrides.of(ACME, PageRequest(limit=2, include_total=True), None)
        assert (page.items, page.total) == (known[:2:-1], 5)
        rest = work.limit_overrides.of(ACME, PageRequest(after=page.next), None)
    assert list(rest.items) == known[2::-1]


def test_one_may_ask_for_those_alone_that_hold(bare: UnitsOfWork) -> None:
    ended = an_override(1, ended_at=NOW)
    until = an_override(2, limit="cups", expires_at=NOW + HOUR)
    always = an_override(3)
    put(bare, ended, until, always)
    assert listed(bare, at=NOW) == [until, always]
    assert listed(bare, ACME, at=NOW + HOUR) == [always]
    assert listed(bare, WEB, at=NOW) == []
