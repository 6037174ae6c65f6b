import random
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from ktrlplane.adapters.memory.clock import ManualClock
from ktrlplane.adapters.tokens.verified import Verified
from ktrlplane.domain.ids import PrincipalId
from ktrlplane.ports.identity import LEEWAY, Claims

NOW = ManualClock().now()


def claims(name: str, life: timedelta = timedelta(hours=1)) -> Claims:
    return Claims(
        principal_id=PrincipalId(name),
        email=None,
        email_verified=False,
        name=None,
        is_service_account=False,
        issued_at=NOW,
        expires_at=NOW + life,
    )


def test_the_token_unused_for_longest_gives_way() -> None:
    verified = Verified(capacity=2)
    for name in ("a", "b"):
        verified.put(name.encode(), claims(name), NOW)
    assert verified.get(b"a", NOW) == claims("a")
    verified.put(b"c", claims("c"), NOW)
    kept = [verified.get(name, NOW) is not None for name in (b"a", b"b", b"c")]
    assert kept == [True, False, True]


def test_the_same_token_takes_one_place() -> None:
    verified = Verified(capacity=2)
    for name in ("a", "b", "b", "b"):
        verified.put(name.encode(), claims(name), NOW)
    assert verified.get(b"a", NOW) == claims("a")


def test_a_token_ends_with_its_own_life_if_that_is_sooner() -> None:
    verified = Verified()
    verified.put(b"a", claims("a", timedelta(seconds=-30)), NOW)
    end = NOW - timedelta(seconds=30) + LEEWAY
    assert verified.get(b"a", end - timedelta(microseconds=1)) is not None
    assert verified.get(b"a", end) is None


def test_a_token_that_ended_leaves_its_place() -> None:
    verified = Verified(capacity=1)
    verified.put(b"a", claims("a"), NOW)
    assert verified.get(b"a", NOW + timedelta(minutes=1)) is None
    assert verified.get(b"a", NOW) is None


@pytest.mark.parametrize("seed", range(3))
def test_many_threads_get_no_other_s_claims(seed: int) -> None:
    verified = Verified(capacity=8)

    def work(number: int) -> bool:
        chance = random.Random(seed * 100 + number)
        for _ in range(2_000):
            name = str(chance.randrange(16))
            found = verified.get(name.encode(), NOW)
            if found is None:
                verified.put(name.encode(), claims(name), NOW)
            elif found.principal_id.value != name:
                return False
        return True

    with ThreadPoolExecutor(4) as threads:
        assert all(threads.map(work, range(4)))
    assert sum(verified.get(str(n).encode(), NOW) is not None for n in range(16)) == 8
