from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import psycopg
import pytest
from attrs import evolve

from ktrlplane.ports.unit_of_work import UnitsOfWork
from tests.builders import EDITOR, PERMISSIONS, ROLES, VIEWER, a_permission

pytestmark = pytest.mark.postgres


def synchronize(units: UnitsOfWork) -> None:
    with units.begin() as work:
        work.roles.synchronize(ROLES, PERMISSIONS)


def test_processes_that_start_together_all_have_the_roles(postgres_units: UnitsOfWork) -> None:
    ready = Barrier(5)

    def start(_: int) -> None:
        ready.wait()
        synchronize(postgres_units)

    with ThreadPoolExecutor(5) as threads:
        list(threads.map(start, range(5)))
    with postgres_units.view() as work:
        assert set(work.roles.system()) == set(ROLES)
        assert set(work.roles.permissions()) == set(PERMISSIONS)


def test_nothing_is_written_when_nothing_changed(
    postgres_units: UnitsOfWork, migrated_database: str
) -> None:
    synchronize(postgres_units)
    with psycopg.connect(migrated_database) as others:
        others.execute("LOCK TABLE ktrlplane.roles, ktrlplane.permissions IN SHARE MODE")
        synchronize(postgres_units)


def test_two_roles_can_swap_their_names(postgres_units: UnitsOfWork) -> None:
    synchronize(postgres_units)
    swapped = [evolve(EDITOR, name=VIEWER.name), evolve(VIEWER, name=EDITOR.name)]
    others = [role for role in ROLES if role not in (EDITOR, VIEWER)]
    with postgres_units.begin() as work:
        work.roles.synchronize([*others, *swapped], PERMISSIONS)
        assert set(work.roles.system()) == {*others, *swapped}


def test_two_permissions_can_swap_their_actions(postgres_units: UnitsOfWork) -> None:
    one, other = a_permission("Acme.Pot", "a"), a_permission("Acme.Pot", "b")
    swapped = [evolve(one, action="b"), evolve(other, action="a")]
    with postgres_units.begin() as work:
        work.roles.synchronize(ROLES, [one, other])
    with postgres_units.begin() as work:
        work.roles.synchronize(ROLES, swapped)
        assert set(work.roles.permissions()) == set(swapped)
