"""What a process that has the server open holds: a connection to its keeper."""

import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from threading import Lock, Thread

from ktrlplane.adapters.embedded import keeper
from ktrlplane.adapters.embedded.accounts import ENVIRONMENT
from ktrlplane.adapters.embedded.clusters import Cluster
from ktrlplane.adapters.embedded.forks import not_for_children

PATIENCE_S = 5.0
"""A keeper answers at once, unless it is stopped or the machine is."""

LONGEST_END_S = 60.0
"""A little longer than a keeper gives its server, for one that is stopped itself."""


class Guest:
    """For as long as it is connected and its keeper lives, the server is kept up."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        connection.settimeout(None)
        self._closing = Lock()  # a number that was closed may be another file's by now
        not_for_children(connection)

    @property
    def is_connected(self) -> bool:
        """Only for who does not wait for the end elsewhere."""
        try:
            return bool(self._connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT))
        except BlockingIOError:
            return True
        except OSError:
            return False

    def has_seen_it(self) -> None:
        """The server has answered: from now on it is started again should it end."""
        self._tell(keeper.READY)

    def leave(self) -> None:
        """Does not wait for anything. May be said twice."""
        self._tell(keeper.LEAVING)

    def wait_for_the_end(self, timeout_s: float | None = None) -> None:
        """Of the server, data written down and all; after ``leave``, only if nobody stays."""
        with suppress(OSError):
            self._connection.settimeout(timeout_s)
            self._connection.recv(1)
        with self._closing:
            self._connection.close()

    def _tell(self, word: bytes) -> None:
        with self._closing, suppress(OSError):
            self._connection.send(word)


def launch(cluster: Cluster, lock: int, log: int) -> Guest:
    """A new server's first. The server holds the lock, and may outlive us."""
    ours, theirs = socket.socketpair()
    guest = Guest(ours)
    not_for_children(theirs)  # with a copy of it, nobody would see the keeper's end
    with theirs:
        try:
            process = _start_keeper(cluster, theirs, lock, log)
        except BaseException:
            ours.close()
            raise
    # It may keep the server up for others after we have left, and it is our child for longer.
    Thread(target=process.wait, name="embedded-postgres-keeper", daemon=True).start()
    return guest


def _start_keeper(
    cluster: Cluster, first: socket.socket, lock: int, log: int
) -> "subprocess.Popen[bytes]":
    numbers = map(str, (cluster.account.uid, cluster.account.gid, lock))
    command: Sequence[str] = (keeper.__file__, *numbers, *cluster.server_command)
    return subprocess.Popen(  # noqa: S603 - our own program
        (sys.executable, "-I", "-S", *command),
        cwd=cluster.place.cluster,
        env=ENVIRONMENT,
        pass_fds=(lock,),
        start_new_session=True,  # Ctrl-C is for us, and we are not done with the server
        stdin=first.fileno(),
        stdout=log,
        stderr=log,
    )


def join(sockets: Path) -> Guest | None:
    """None where no server is, or one that is about to end."""
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(PATIENCE_S)
    try:
        connection.connect(os.fspath(sockets / keeper.DOOR))
        welcome = connection.recv(1) == keeper.WELCOME
    except OSError:
        welcome = False
    if not welcome:
        connection.close()
        return None
    return Guest(connection)
