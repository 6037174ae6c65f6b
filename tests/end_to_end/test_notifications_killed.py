"""However often workers are killed while they tell people: everybody is told, and nobody gets
two mails that are not the same."""

import random
import time
from collections import Counter
from pathlib import Path
from typing import Final

import psycopg
import pytest

from ktrlplane import ControlPlane
from ktrlplane.domain.ids import OrganizationId
from tests.end_to_end.judging import Database
from tests.end_to_end.killing import stopped, workers_in
from tests.end_to_end.serving import DEADLINE_S, until
from tests.mail_servers import mail_server
from tests.postgres import as_url

pytestmark = pytest.mark.postgres

PEOPLE: Final = 60
KILLS: Final = 8
ACME: Final = OrganizationId("acme")


def let_time_pass(database: Database) -> None:
    """As if what is to be mailed together, and leases of the dead, were over."""
    with psycopg.connect(database.url) as connection:
        connection.execute("""
            UPDATE ktrlplane.notifications SET mail_due_at = now()
            WHERE mail_due_at > now() AND letter_id IS NULL
        """)
        connection.execute("""
            UPDATE ktrlplane.notification_letters SET due_at = now()
            WHERE due_at BETWEEN now() + interval '1 second' AND now() + interval '9.9 minutes'
        """)


def test_everybody_is_told_once_however_often_it_is_sent(
    fresh_database: str, tmp_path: Path
) -> None:
    database, rng = Database(fresh_database), random.Random(1)
    names = [f"person-{number}" for number in range(PEOPLE)]
    with (
        mail_server() as box,
        ControlPlane.postgres(database.url, migrate=True) as control,
        workers_in(tmp_path, as_url(database.url), box, rng) as workers,
    ):
        ada = control.sign_in("ada", email="ada@example.com")
        ada.create_organization(name="Acme", id=ACME)
        people = {name: control.sign_in(name, email=f"{name}@example.com") for name in names}
        began = time.monotonic()
        for name in names:
            ada.grant("Viewer", to=name, on=ACME)
            workers.kill_who_is_due(how_many=2)
        while workers.kills < KILLS or not box.mails:
            assert time.monotonic() < began + DEADLINE_S
            let_time_pass(database)
            workers.kill_who_is_due(how_many=2)
            time.sleep(0.02)
        workers.kill_all()

        def is_done() -> bool:
            let_time_pass(database)
            sent = database.number("notification_letters WHERE sent_at IS NOT NULL")
            return sent == PEOPLE and database.number("notable_events") == 0

        with workers.one_that_lives() as last:
            until(is_done, "all to be mailed")
            stopped(last)
        assert workers.complaints() == []
        for session in people.values():
            (told,) = session.notifications().items
            assert told.title == 'You have the role Viewer on the organization "Acme"'
    ids: dict[str, Counter[str]] = {}
    for mail in box.mails:
        (to,) = mail.recipients
        ids.setdefault(to, Counter())[mail.message["Message-ID"]] += 1
        assert [part.get_content_type() for part in mail.message.walk()] == [
            "multipart/alternative",
            "text/plain",
            "text/html",
        ]
    assert ids.keys() == {f"{name}@example.com" for name in names}
    assert {len(found) for found in ids.values()} == {1}
