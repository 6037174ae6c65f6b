"""A few bytes that all processes share, one at a time."""

from abc import abstractmethod
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol

Save = Callable[[bytes], None]


class SharedState(Protocol):
    @abstractmethod
    def held(self) -> AbstractContextManager[tuple[bytes | None, Save]]:
        """What was saved last, None at first, and how to save something else: kept on a clean
        exit. Nobody else holds it meanwhile. Raises: UpstreamError."""
