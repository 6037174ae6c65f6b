from datetime import datetime

from ktrlplane.adapters.memory.tables import Kept, Tables
from ktrlplane.domain.ids import PrincipalId
from ktrlplane.ports.stores import Answer, Answers


class MemoryAnswers(Answers):
    def __init__(self, tables: Tables) -> None:
        self._rows = tables.answers

    def claim(self, principal: PrincipalId, key: str, since: datetime) -> Answer | None:
        kept = self._rows.find((principal, key))
        return kept.answer if kept is not None and kept.at >= since else None

    def keep(self, principal: PrincipalId, key: str, answer: Answer, at: datetime) -> None:
        self._rows.put(Kept(principal=principal, key=key, answer=answer, at=at))

    def forget(self, before: datetime) -> int:
        old = [kept for kept in self._rows.all() if kept.at < before]
        for kept in old:
            self._rows.drop((kept.principal, kept.key))
        return len(old)
