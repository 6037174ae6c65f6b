"""What has to be true of a platform whose workers were killed."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, Final

import psycopg
from attrs import field, frozen

from tests.end_to_end.lives import endings
from tests.end_to_end.people import Memory
from tests.mail_servers import MailBox

LEASE: Final = "10 minutes"
"""For so long a worker that died keeps the mails it was about to send."""


@frozen
class Database:
    """What is there, seen without the code that has put it there."""

    url: str = field(repr=False)

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.url) as connection:
            return connection.execute(query.encode(), values).fetchall()

    def number(self, query: str) -> int:
        ((found,),) = self.rows(f"SELECT count(*) FROM ktrlplane.{query}")
        return int(found)

    def let_leases_end(self) -> None:
        """As if so much time had passed. While no worker is there."""
        with psycopg.connect(self.url) as connection:
            connection.execute(
                f"UPDATE ktrlplane.invitations SET mail_due_at = mail_due_at - interval '{LEASE}'"
            )

    def is_at_rest(self) -> bool:
        left = (
            "reports",
            "resources WHERE status = 'Deleting'",
            "projects WHERE status = 'Deleting'",
            "invitations WHERE mail_due_at IS NOT NULL",
        )
        return not any(map(self.number, left))


def judge(database: Database, memories: Sequence[Memory], box: MailBox) -> None:
    wrong = _refused(database, memories)
    assert not wrong, wrong
    strange = [one for memory in memories for one in _strange_lives(database, memory)]
    assert not strange, f"{len(strange)} of them, the first: {strange[0]}"
    _judge_endings(database, memories)
    _judge_mails(database, memories, box)


def _refused(database: Database, memories: Sequence[Memory]) -> dict[Any, tuple[int, int]]:
    """Where more or fewer were counted than came. What a report says of the generation is
    judged with the life of its resource."""
    expected: Counter[tuple[str, str]] = Counter()
    for memory in memories:
        expected.update(memory.refused)
    query = """
        SELECT resource_id, code, sum(times)::int FROM ktrlplane.refused_reports
        WHERE code <> 'unknown_generation' GROUP BY 1, 2
    """
    counted = {(name, code): times for name, code, times in database.rows(query)}
    return {
        key: (counted.get(key, 0), expected[key])
        for key in counted.keys() | expected.keys()
        if counted.get(key, 0) != expected[key]
    }


def _strange_lives(database: Database, memory: Memory) -> Iterator[Any]:
    """Resources that cannot have become what they are, had all gone as it should."""
    query = """
        SELECT r.resource_id, r.status, r.generation, r.observed_generation,
            array(
                SELECT jsonb_build_array(t.from_status, t.to_status, t.generation)
                FROM ktrlplane.resource_transitions t WHERE t.resource_id = r.resource_id
                ORDER BY t.occurred_at, t.transition_id
            ),
            (
                SELECT coalesce(sum(f.times), 0)::int FROM ktrlplane.refused_reports f
                WHERE f.resource_id = r.resource_id AND f.code = 'unknown_generation'
            )
        FROM ktrlplane.resources r
    """
    rows = {row[0]: row[1:] for row in database.rows(query)}
    for story in memory.stories:
        status, generation, observed, history, not_known = rows[story.resource_id]
        steps = tuple((before, after, at) for before, after, at in history)
        actual = status, generation, observed, steps, not_known
        possible = {
            (one.status, one.generation, one.observed, one.history, one.not_known)
            for one in endings(story)
        }
        if actual not in possible:
            yield story, actual, possible


def _judge_endings(database: Database, memories: Sequence[Memory]) -> None:
    ended = {project for memory in memories for project in memory.ended_projects}
    gone = {org for memory in memories for org in memory.ended_organizations}
    statuses = dict(database.rows("SELECT project_id, status FROM ktrlplane.projects"))
    assert {name for name, status in statuses.items() if status == "Deleted"} == ended
    assert {status for name, status in statuses.items() if name not in ended} <= {"Active"}
    found = database.rows(
        "SELECT org_id FROM ktrlplane.organizations WHERE deleted_at IS NOT NULL"
    )
    assert {name for (name,) in found} == gone
    left = database.rows("SELECT resource_id, project_id, status FROM ktrlplane.resources")
    assert [row for row in left if row[1] in ended and row[2] != "Deleted"] == []
    held = """
        SELECT scope_id FROM ktrlplane.role_assignments
        UNION SELECT scope_id FROM ktrlplane.invitations
    """
    assert {name for (name,) in database.rows(held)} & (ended | gone) == set()


def _judge_mails(database: Database, memories: Sequence[Memory], box: MailBox) -> None:
    ended = {name for one in memories for name in one.ended_projects | one.ended_organizations}
    invited = {to: scope for one in memories for to, scope in one.invited.items()}
    ids: dict[str, set[str]] = {}
    for mail in box.mails:
        (to,) = mail.recipients
        # Where it lasts for more than a minute, people get letters of what they are told.
        if not to.endswith("@example.com"):
            ids.setdefault(to, set()).add(mail.message["Message-ID"])
    assert ids.keys() <= invited.keys(), ids.keys() - invited.keys()
    unsent = database.rows("SELECT email FROM ktrlplane.invitations WHERE sent_at IS NULL")
    assert unsent == []
    alive = {to for to, scope in invited.items() if scope not in ended}
    assert alive - ids.keys() == set()
    assert {to: found for to, found in ids.items() if len(found) != 1} == {}
    assert len(set().union(*ids.values())) == len(ids)
