"""How values of the domain travel to and from PostgreSQL."""

import enum
from typing import Any

import orjson
import psycopg
from psycopg.adapt import AdaptersMap, Buffer, Dumper, Loader
from psycopg.types.json import set_json_loads

from ktrlplane.domain.documents import Document
from ktrlplane.domain.ids import Identity

TEXT = psycopg.adapters.types["text"].oid
JSONB = psycopg.adapters.types["jsonb"].oid


class IdentityDumper(Dumper):
    oid = TEXT

    def dump(self, obj: Identity) -> bytes:
        return obj.value.encode()


class WordDumper(Dumper):
    """Members of a StrEnum, by value."""

    oid = TEXT

    def dump(self, obj: enum.StrEnum) -> bytes:
        return obj.value.encode()


class DocumentDumper(Dumper):
    oid = JSONB

    def dump(self, obj: Document) -> bytes:
        return obj.text.encode()


class DocumentLoader(Loader):
    """Objects stay text until somebody looks inside; arrays, which are short, are read."""

    def load(self, data: Buffer) -> Document | list[Any]:
        text = bytes(data)
        if text[:1] == b"{":
            return Document(text.decode())
        members: list[Any] = orjson.loads(text)
        return members


def adapters() -> AdaptersMap:
    known = AdaptersMap(psycopg.adapters)
    known.register_dumper(Identity, IdentityDumper)
    known.register_dumper(enum.StrEnum, WordDumper)
    known.register_dumper(Document, DocumentDumper)
    set_json_loads(orjson.loads, context=known)
    known.register_loader("jsonb", DocumentLoader)
    return known
