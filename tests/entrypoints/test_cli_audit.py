"""The log of what happened at the command line, and the page about it."""

import json
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import psycopg
import pytest

from tests.entrypoints.conftest import Ktrlplane, Outcome, sentences
from tests.postgres import as_url
from tests.unit.chains import ACME, GLOBEX, a_chain, hashed, written
from tests.unit.test_verification import (
    CHAIN,
    LINES,
    changed,
    doubled,
    exchanged,
    forged,
    moved,
    removed,
    replaced,
    unlinked,
)

PAGE: Final = (Path(__file__).parents[2] / "docs" / "audit.md").read_text()
SCRIPT: Final = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
LAST: Final = f"12:{CHAIN[-1].hash}"

TAMPERED: Final = {
    "changed": changed(5, request_id="another"),
    "changed data": changed(5, data={"before": None}),
    "changed hash": changed(5, hash="a" * 64),
    "replaced": replaced(5),
    "unlinked": unlinked(5),
    "removed": removed(5, 2),
    "moved": moved(3, 8),
    "exchanged with a neighbour": moved(5, 6),
    "doubled": doubled(5, 6),
    "forged": forged(5),
    "of another": exchanged(5),
}


def saved(folder: Path, lines: Sequence[str]) -> str:
    path = folder / "export.ndjson"
    path.write_bytes("".join(f"{line}\n" for line in lines).encode())
    return str(path)


# -- the script -------------------------------------------------------------------------------


def run_script(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    (text,) = SCRIPT
    script = folder / "verify.py"
    script.write_text(text)
    command = [sys.executable, "-I", str(script), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_the_script_of_the_page_is_short_and_needs_nothing_but_python() -> None:
    (text,) = SCRIPT
    assert len(text.splitlines()) <= 30
    imported = set(re.findall(r"^import (\w+)$", text, re.MULTILINE))
    assert imported <= sys.stdlib_module_names


def test_the_script_of_the_page_takes_what_is_whole(tmp_path: Path) -> None:
    odd = ["\u20ac", "\U0001f600", 1e20, 1e21, 5e-324, '"hash":"', "\\", '","hash":"x","', None]
    chain = a_chain(12, word=odd)
    lines = [entry.text for entry in chain]
    last = f"12:{chain[-1].hash}"
    for some in (lines, lines[4:], lines[11:]):
        done = run_script(tmp_path, saved(tmp_path, some), last)
        assert (done.returncode, done.stdout) == (0, f"whole: it ends with {last}\n"), done.stderr


@pytest.mark.parametrize("how", TAMPERED)
def test_the_script_of_the_page_finds_what_is_not(tmp_path: Path, how: str) -> None:
    done = run_script(tmp_path, saved(tmp_path, TAMPERED[how].lines))
    assert done.returncode == 1, done.stdout
    assert re.fullmatch(r"line \d+: entry \d+ .+\n", done.stderr), done.stderr


@pytest.mark.parametrize("line", ["", "{}", "[1]", "no JSON", LINES[4][:-9], '{"hash": 3}'])
def test_the_script_of_the_page_says_where_there_is_no_entry(tmp_path: Path, line: str) -> None:
    done = run_script(tmp_path, saved(tmp_path, [*LINES[:4], line, *LINES[5:]]))
    assert (done.returncode, done.stderr) == (1, "line 5 is no entry\n")


def test_the_script_of_the_page_finds_an_end_that_was_cut_off(tmp_path: Path) -> None:
    done = run_script(tmp_path, saved(tmp_path, LINES[:9]), LAST)
    assert done.returncode == 1
    assert done.stderr.startswith("it ends with 9:")


# -- files ------------------------------------------------------------------------------------


def test_an_export_is_verified_without_a_database(ktrlplane: Ktrlplane, tmp_path: Path) -> None:
    whole = ktrlplane("audit", "verify", "--file", saved(tmp_path, LINES), "--expect", LAST)
    assert (whole.status, whole.out) == (0, f"whole: organization acme: 12 entries, last {LAST}\n")
    part = ktrlplane("audit", "verify", "--file", saved(tmp_path, LINES[11:]))
    assert part.out == f"whole: organization acme: 1 entry since 11, last {LAST}\n"
    cut = ktrlplane("audit", "verify", "--file", saved(tmp_path, LINES[:9]), "--expect", LAST)
    assert cut.status == 1
    assert cut.out.startswith("broken: organization acme: at 10, truncated: Entries 10 to 12 ")


@pytest.mark.parametrize("how", TAMPERED)
def test_an_export_that_was_tampered_with_is_told(
    ktrlplane: Ktrlplane, tmp_path: Path, how: str
) -> None:
    told = ktrlplane("audit", "verify", "--file", saved(tmp_path, TAMPERED[how].lines))
    assert told.status == 1
    found = re.fullmatch(
        r"broken: organization acme: at (\d+)( \(\w+\))?, (\w+): .+\.\n", told.out
    )
    assert found is not None, told.out
    assert int(found[1]) == TAMPERED[how].place
    assert found[3] in TAMPERED[how].wrong


def test_a_file_that_is_no_export_is_refused(ktrlplane: Ktrlplane, tmp_path: Path) -> None:
    for lines in ([], ["hello"], ["\ufeff"]):
        told = ktrlplane("audit", "verify", "--file", saved(tmp_path, lines))
        assert told.status == 1
        assert sentences(told)[0].endswith("does not begin with an entry of a log.")
    (tmp_path / "bytes").write_bytes(b"\xff\xfe\x00" * 100)
    assert ktrlplane("audit", "verify", "--file", str(tmp_path / "bytes")).status == 1
    other = saved(tmp_path, [entry.text for entry in a_chain(3, GLOBEX)])
    told = ktrlplane("audit", "verify", "--file", other, "--organization", "acme")
    assert (told.status, told.out) == (1, "")
    assert "is an export of organization globex" in sentences(told)[0]


def test_a_broken_line_in_the_midst_is_named(ktrlplane: Ktrlplane, tmp_path: Path) -> None:
    told = ktrlplane("audit", "verify", "--file", saved(tmp_path, [*LINES[:4], "?", *LINES[5:]]))
    assert told.out.startswith("broken: organization acme: at 5, changed: ")


@pytest.mark.parametrize(
    "arguments",
    [
        ("verify", "--expect", LAST),
        ("verify", "--organization", "acme", "--expect", "12"),
        ("verify", "--organization", "acme", "--project", "web"),
        ("verify", "--organization", "No Name"),
        ("export",),
        ("export", "--organization", "acme", "--since", "yesterday"),
        ("retention",),
        ("retention", "--organization", "acme", "--days", "29"),
        ("retention", "--organization", "acme", "--days", "many"),
    ],
)
def test_wrong_usage_is_told(ktrlplane: Ktrlplane, arguments: Sequence[str]) -> None:
    assert ktrlplane("audit", *arguments).status == 2


# -- databases --------------------------------------------------------------------------------


@pytest.fixture
def filled(ktrlplane: Ktrlplane, fresh_database: str) -> Ktrlplane:
    """With entries of Acme's and of the platform's."""
    url = as_url(fresh_database)

    def call(*arguments: str, **variables: str) -> Outcome:
        return ktrlplane(*arguments, DATABASE_URL=url, **variables)

    assert call("migrate").status == 0
    with psycopg.connect(fresh_database) as connection:
        fill(connection, [json.loads(line) for line in LINES])
    return call


def fill(connection: Any, entries: Sequence[dict[str, Any]]) -> None:
    last = entries[-1]
    connection.execute(
        "INSERT INTO ktrlplane.event_chains (tenant, sequence, hash, occurred_at) "
        "VALUES ('organization acme', %s, decode(%s, 'hex'), %s)",
        (last["sequence"], last["hash"], last["occurred_at"]),
    )
    connection.cursor().executemany(
        "INSERT INTO ktrlplane.events (event_id, tenant, sequence, type, version, occurred_at, "
        "actor_type, actor_id, org_id, request_id, data, previous_hash, hash) VALUES (%s, "
        "'organization acme', %s, %s, %s, %s, %s, %s, %s, %s, %s, decode(%s, 'hex'), "
        "decode(%s, 'hex'))",
        [
            (
                one["event_id"],
                one["sequence"],
                one["type"],
                one["version"],
                one["occurred_at"],
                one["actor"]["type"],
                one["actor"]["id"],
                one["org_id"],
                one["request_id"],
                written(one["data"]),
                one["previous_hash"],
                one["hash"],
            )
            for one in entries
        ],
    )


@pytest.mark.postgres
def test_every_chain_is_verified_and_one_that_is_broken_told(
    filled: Ktrlplane, fresh_database: str
) -> None:
    told = filled("audit", "verify")
    assert told.status == 0
    platform, acme = told.out.splitlines()
    assert platform.startswith("whole: global *: 1 entry, last 1:")
    assert acme == f"whole: {ACME}: 12 entries, last {LAST}"
    with psycopg.connect(fresh_database) as connection:
        connection.execute("UPDATE ktrlplane.events SET actor_id = 'bob' WHERE sequence = 7")
    told = filled("audit", "verify")
    assert told.status == 1
    first, second = told.out.splitlines()
    assert first == platform
    event_id = json.loads(LINES[6])["event_id"]
    assert second.startswith(f"broken: {ACME}: at 7 ({event_id}), changed: Entry 7 was changed")
    assert filled("audit", "verify", "--platform").status == 0


@pytest.mark.postgres
def test_a_new_end_is_found_by_who_kept_the_old_one(
    filled: Ktrlplane, fresh_database: str
) -> None:
    with psycopg.connect(fresh_database) as connection:
        connection.execute("DELETE FROM ktrlplane.events WHERE sequence > 9")
        connection.execute(
            "UPDATE ktrlplane.event_chains SET sequence = 9, hash = (SELECT hash FROM "
            "ktrlplane.events WHERE sequence = 9) WHERE tenant = 'organization acme'"
        )
    mine = ("audit", "verify", "--organization", "acme")
    assert filled(*mine).status == 0
    told = filled(*mine, "--expect", LAST)
    assert told.status == 1
    assert "at 10, truncated" in told.out


@pytest.mark.postgres
def test_a_chain_is_exported_as_it_is(filled: Ktrlplane, tmp_path: Path) -> None:
    export = ("audit", "export", "--organization", "acme")
    assert filled(*export).out.splitlines() == LINES
    assert filled(*export, "--after", "10").out.splitlines() == LINES[10:]
    since, until = (json.loads(LINES[number])["occurred_at"] for number in (3, 6))
    assert filled(*export, "--since", since, "--until", until).out.splitlines() == LINES[3:6]
    assert filled(*export, "--after", "12").out == ""
    done = run_script(tmp_path, saved(tmp_path, filled(*export).out.splitlines()), LAST)
    assert done.returncode == 0, done.stderr
    nobodys = filled("audit", "export", "--organization", "nobodys")
    assert (nobodys.status, sentences(nobodys)) == (
        1,
        ["There is no log of organization nobodys."],
    )
    assert filled("audit", "verify", "--project", "nobodys").status == 1


@pytest.mark.postgres
def test_what_was_tampered_with_is_exported_as_it_is_and_found_there(
    filled: Ktrlplane, fresh_database: str, tmp_path: Path
) -> None:
    with psycopg.connect(fresh_database) as connection:
        connection.execute("UPDATE ktrlplane.events SET type = 'no Type' WHERE sequence = 7")
    exported = filled("audit", "export", "--organization", "acme").out.splitlines()
    assert json.loads(exported[6])["type"] == "no Type"
    done = run_script(tmp_path, saved(tmp_path, exported))
    assert (done.returncode, done.stderr) == (1, "line 7: entry 7 was changed\n")


@pytest.mark.postgres
def test_the_operator_says_how_long_a_log_is_kept(filled: Ktrlplane) -> None:
    mine = ("audit", "retention", "--organization", "acme")
    assert filled(*mine).out == "kept for ever: organization acme\n"
    assert filled(*mine, "--days", "90").out == "kept for 90 days: organization acme\n"
    assert filled(*mine).out == "kept for 90 days: organization acme\n"
    last = json.loads(filled("audit", "export", "--organization", "acme").out.splitlines()[-1])
    assert (last["type"], last["actor"]["type"]) == ("audit.retention_updated", "operator")
    assert filled(*mine, "--days", "all").out == "kept for ever: organization acme\n"
    assert filled("audit", "verify").status == 0
    assert filled("audit", "retention", "--project", "nobodys", "--days", "90").status == 1
    assert hashed(last) == last
