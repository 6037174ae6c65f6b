"""How values of the domain travel to and from PostgreSQL."""

import enum

import orjson
import psycopg
from psycopg.adapt import AdaptersMap, Dumper
from psycopg.types.json import set_json_loads

from ktrlplane.domain.documents import Document
from ktrlplane.domain.ids import Identity

TEXT = psycopg.adapters.types["text"].oid


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
    oid = TEXT

    def dump(self, obj: Document) -> bytes:
        return obj.text.encode()


def adapters() -> AdaptersMap:
    known = AdaptersMap(psycopg.adapters)
    known.register_dumper(Identity, IdentityDumper)
    known.register_dumper(enum.StrEnum, WordDumper)
    known.register_dumper(Document, DocumentDumper)
    set_json_loads(orjson.loads, context=known)
    return known
