from datetime import timedelta

import pytest

from ktrlplane.adapters.memory.clock import ManualClock
from ktrlplane.domain.errors import AlreadyExists, IdempotencyKeyReused
from ktrlplane.domain.ids import OrganizationId, PrincipalId
from ktrlplane.domain.services.idempotency import KEPT_FOR, once
from ktrlplane.domain.services.organizations import CreateOrganization, create_organization
from ktrlplane.ports.stores import Answer
from tests.builders import ALICE, BOB, an_answer
from tests.platforms import Acting


def answer_to(org_id: str) -> Answer:
    return an_answer(org_id, fingerprint=org_id.encode())


def create(
    do: Acting, org_id: str, *, key: str = "key", by: PrincipalId = ALICE
) -> tuple[Answer, bool]:
    """Creates an organization of this id, once for each key."""
    command = CreateOrganization(id=OrganizationId(org_id), name="Acme")
    with do.arranging() as work:

        def act() -> Answer:
            create_organization(work, command, actor=by, platform=do.platform)
            return answer_to(org_id)

        return once(work, key, org_id.encode(), act, actor=by, platform=do.platform)


def test_the_same_request_again_gets_the_first_answer_and_does_nothing(do: Acting) -> None:
    assert create(do, "acme") == (answer_to("acme"), False)
    assert create(do, "acme") == (answer_to("acme"), True)


def test_another_request_with_the_key_is_refused_and_does_nothing(do: Acting) -> None:
    create(do, "acme")
    with pytest.raises(IdempotencyKeyReused):
        create(do, "other")
    with do.units.view() as work:
        assert [held.scope.scope_id for held in work.assignments.of(ALICE)] == ["acme", "acme"]


def test_another_key_or_principal_is_another_request(do: Acting) -> None:
    create(do, "acme")
    assert create(do, "other", key="other") == (answer_to("other"), False)
    assert create(do, "third", by=BOB) == (answer_to("third"), False)


def test_a_refusal_is_not_kept(do: Acting) -> None:
    create(do, "acme", key="first")
    for _ in range(2):
        with pytest.raises(AlreadyExists):
            create(do, "acme", key="second")
    assert create(do, "other", key="second") == (answer_to("other"), False)


def test_an_answer_is_kept_for_a_day(do: Acting, clock: ManualClock) -> None:
    create(do, "acme")
    clock.advance(KEPT_FOR)
    assert create(do, "acme")[1]
    clock.advance(timedelta(microseconds=1))
    with pytest.raises(AlreadyExists):
        create(do, "acme")
    assert create(do, "other") == (answer_to("other"), False)
