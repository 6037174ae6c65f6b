from collections.abc import Sequence
from threading import Lock

from ktrlplane.ports.mail import Mail, Message, refuse_unmailable


class MemoryMail(Mail):
    """Takes what could be mailed, and keeps it."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._sent: list[Message] = []

    @property
    def sent(self) -> Sequence[Message]:
        """In the order in which they were; what was sent again is there again."""
        with self._lock:
            return tuple(self._sent)

    def send(self, message: Message) -> None:
        refuse_unmailable(message.to)
        with self._lock:
            self._sent.append(message)
