"""How many faults are told, and how they come together."""

import pytest

from ktrlplane.domain.errors import MAX_FAULTS, Fault, ValidationFailed, both, summary


def some(number: int, name: str = "a") -> list[Fault]:
    return [Fault(f"/{name}/{place}", "wrong", "This is wrong.") for place in range(number)]


@pytest.mark.parametrize(
    ("pointer", "detail", "told"),
    [
        ("/size", "This field is required.", "size: This field is required."),
        ("/a/0/b", "This is wrong.", "a/0/b: This is wrong."),
        ("/id", "This is no valid one.", "id: This is no valid one."),
        ("/id", "An id is short.", "An id is short."),
        ("/colour", "'colour': There is no such field.", "'colour': There is no such field."),
        ("/.*(", "This is wrong.", ".*(: This is wrong."),
        ("", "Send an object.", "Send an object."),
        ("/" + "a" * 1024, "This is wrong.", "This is wrong."),
    ],
)
def test_one_fault_is_told_in_its_own_words_and_by_name(
    pointer: str, detail: str, told: str
) -> None:
    refusal = ValidationFailed([Fault(pointer, "wrong", detail)])
    assert refusal.detail == told
    assert refusal.faults[0].detail == detail


@pytest.mark.parametrize("number", [2, MAX_FAULTS - 1])
def test_some_faults_are_counted(number: int) -> None:
    assert summary(some(number)).startswith(f"{number} things need correcting")


@pytest.mark.parametrize("number", [MAX_FAULTS, MAX_FAULTS + 1, 10 * MAX_FAULTS])
def test_where_there_may_be_more_it_is_said_so(number: int) -> None:
    refusal = ValidationFailed(some(number))
    assert len(refusal.faults) == MAX_FAULTS
    assert refusal.detail.startswith("At least 100 things need correcting")


def _refuse(faults: list[Fault]) -> None:
    raise ValidationFailed(faults)


def _refusal() -> None:
    _refuse(some(1))


def _success() -> None:
    """Nothing to say."""


def test_of_two_steps_the_faults_of_both_are_told() -> None:
    with pytest.raises(ValidationFailed) as refused:
        both(lambda: _refuse(some(1, "a")), lambda: _refuse(some(1, "b")))
    assert refused.value.faults == (*some(1, "a"), *some(1, "b"))


def test_of_two_steps_one_is_enough_to_refuse() -> None:
    for one, other in ((_refusal, _success), (_success, _refusal)):
        with pytest.raises(ValidationFailed) as refused:
            both(one, other)
        assert refused.value.faults == tuple(some(1))


def test_two_steps_that_go_well_give_what_they_gave() -> None:
    assert both(lambda: 1, lambda: "x") == (1, "x")
