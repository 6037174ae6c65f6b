"""What a process asks of its system: to end with the one that started it, and many files."""

import ctypes
import os
import resource
import signal
import sys
import threading
from contextlib import suppress
from typing import Final

_PR_SET_PDEATHSIG: Final = 1
_LOOK_EVERY_S: Final = 1.0


def die_with(parent: int) -> None:
    """Ends this process soon after ``parent``, which must have started it, has ended in
    whatever way, a kill -9 included. For each process again: a fork does not inherit it."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    # Everywhere: Linux tells only of a parent that dies after it was asked to.
    if os.getppid() != parent:
        os._exit(1)
    threading.Thread(target=_watch, args=(parent,), name="die-with-parent", daemon=True).start()


def allow_many_files() -> None:
    """As many as this process may have, which is more than it has at first: connections are
    files."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    # Some systems say that there is no bound, and mean another one.
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _watch(parent: int) -> None:
    never = threading.Event()
    while os.getppid() == parent:
        never.wait(_LOOK_EVERY_S)
    os._exit(1)
