"""Opens the embedded PostgreSQL in a process of its own, for tests that kill it.

``holder.py DATA_DIR [SQL...]``: opens, runs each statement, prints a line of JSON that says who
is who, and holds the server until standard input ends.
"""

import json
import os
import sys

import psycopg

from ktrlplane.adapters.embedded import EmbeddedPostgres
from ktrlplane.ports.database import DatabaseUnavailable


def say(**words: str | int) -> None:
    sys.stdout.write(json.dumps(words) + "\n")
    sys.stdout.flush()


def main(data_dir: str, statements: list[str]) -> None:
    with EmbeddedPostgres(data_dir, fsync=False).open() as url:
        with psycopg.connect(url) as connection:
            for statement in statements:
                connection.execute(statement)
            start = connection.execute("SELECT pg_postmaster_start_time()::text").fetchone()
        assert start is not None
        if os.fork() == 0:  # like a worker of a web server, it may live longer than its parent
            sys.stdin.read()
            os._exit(0)
        say(url=url, started=start[0], uid=os.geteuid())
        sys.stdin.read()


if __name__ == "__main__":
    try:
        main(sys.argv[1], sys.argv[2:])
    except DatabaseUnavailable as exc:
        say(unavailable=str(exc))
