import threading

import pytest

from ktrlplane.domain.errors import IdempotencyInProgress
from ktrlplane.ports.stores import Answer
from ktrlplane.ports.unit_of_work import UnitsOfWork
from tests.builders import ALICE, BOB, HOUR, NOW, an_answer


def claim(units: UnitsOfWork, key: str = "key", ago: int = 1) -> Answer | None:
    with units.begin() as work:
        return work.answers.claim(ALICE, key, NOW - ago * HOUR)


def keep(units: UnitsOfWork, answer: Answer, *, key: str = "key", ago: int = 0) -> None:
    with units.begin() as work:
        assert work.answers.claim(ALICE, key, NOW - HOUR) is None
        work.answers.keep(ALICE, key, answer, NOW - ago * HOUR)


@pytest.mark.parametrize(
    "answer",
    [
        an_answer(),
        an_answer("", headers=(), status=204, fingerprint=b""),
        an_answer("\0\xff", headers=(("B", "2"), ("A", 'ü"\\'), ("B", "1"))),
    ],
    ids=["usual", "empty", "odd"],
)
def test_what_was_kept_is_given_again_as_it_was(units: UnitsOfWork, answer: Answer) -> None:
    keep(units, answer)
    assert claim(units) == answer
    assert claim(units) == answer


def test_a_key_belongs_to_its_principal(units: UnitsOfWork) -> None:
    keep(units, an_answer())
    with units.begin() as work:
        assert work.answers.claim(BOB, "key", NOW - HOUR) is None
        work.answers.keep(BOB, "key", an_answer("[]"), NOW)
    assert claim(units) == an_answer()
    assert claim(units, "KEY") is None


def test_an_old_answer_is_given_no_more_and_may_be_replaced(units: UnitsOfWork) -> None:
    keep(units, an_answer(), ago=2)
    assert claim(units, ago=2) == an_answer()
    assert claim(units, ago=1) is None
    keep(units, an_answer("[]"))
    assert claim(units, ago=3) == an_answer("[]")


def test_a_claim_that_came_to_nothing_leaves_the_key_free(units: UnitsOfWork) -> None:
    def fail() -> None:
        with units.begin() as work:
            work.answers.claim(ALICE, "key", NOW)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert claim(units) is None
    assert claim(units) is None


def test_forgetting_drops_what_is_older_and_says_how_many(units: UnitsOfWork) -> None:
    for key, ago in (("a", 3), ("b", 2), ("c", 1), ("d", 0)):
        keep(units, an_answer(key), key=key, ago=ago)
    with units.begin() as work:
        assert work.answers.forget(NOW - HOUR) == 2
    with units.begin() as work:
        assert work.answers.forget(NOW - HOUR) == 0
    assert [claim(units, key, 9) is not None for key in "abcd"] == [False, False, True, True]


def test_of_two_at_once_one_acts(units: UnitsOfWork) -> None:
    claimed, told, outcome = threading.Event(), threading.Event(), []

    def second() -> None:
        claimed.wait()
        try:
            outcome.append(claim(units))
        except IdempotencyInProgress:
            outcome.append(None)
        finally:
            told.set()

    thread = threading.Thread(target=second)
    thread.start()
    with units.begin() as work:
        assert work.answers.claim(ALICE, "key", NOW - HOUR) is None
        claimed.set()
        # An adapter may tell the second at once, or let it wait for the first.
        at_once = told.wait(timeout=0.2)
        work.answers.keep(ALICE, "key", an_answer(), NOW)
    thread.join()
    assert outcome == [None if at_once else an_answer()]
