"""What a forked process must not hold on to: its copy would outlive the one that opened it."""

import os
from typing import Protocol
from weakref import WeakSet


class Closes(Protocol):
    def close(self) -> None: ...


_files: WeakSet[Closes] = WeakSet()


def not_for_children(file: Closes) -> None:
    _files.add(file)


def _close_all() -> None:
    for file in list(_files):
        file.close()


os.register_at_fork(after_in_child=_close_all)
