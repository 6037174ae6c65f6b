"""Identities: one class per kind, unequal across kinds even with equal text."""

import re
import secrets
import uuid
from collections.abc import Iterable
from datetime import datetime
from fnmatch import fnmatchcase
from hashlib import sha256
from threading import Lock
from typing import ClassVar, Final, Self

from attrs import field, frozen

DNS_LABEL = r"[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?"
ALWAYS_RESERVED = ("default", "konnektr-*", "kube-*")
_SUFFIX_ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"
_SUFFIX_LENGTH = 8
_LABEL_LENGTH = 63


@frozen(order=True)
class Identity:
    """The name of one thing. Raises ValueError, with the rule, for text that cannot be one."""

    pattern: ClassVar[re.Pattern[str]] = re.compile(r"[A-Za-z0-9._~-]{1,255}")
    rule: ClassVar[str] = (
        "An id has 1 to 255 letters, digits, dots, tildes, dashes or underscores."
    )

    value: str = field()

    @value.validator
    def _check(self, _: object, value: object) -> None:
        if not isinstance(value, str) or self.pattern.fullmatch(value) is None:
            raise ValueError(self.rule)

    @classmethod
    def takes(cls, text: str) -> bool:
        return cls.pattern.fullmatch(text) is not None

    def __str__(self) -> str:
        return self.value


@frozen(order=True)
class Label(Identity):
    """A DNS label (RFC 1035 section 2.3.1, lower case): what people may choose themselves."""

    pattern = re.compile(DNS_LABEL)
    rule = (
        "An id has 1 to 63 lower-case letters, digits or dashes, starts with a letter "
        "and ends with a letter or a digit."
    )
    kind: ClassVar[str] = "thing"

    @classmethod
    def from_name(cls, name: str) -> Self:
        """A new label that reads like ``name`` and is unique for all practical purposes."""
        words = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
        stem = words[: _LABEL_LENGTH - _SUFFIX_LENGTH - 1].rstrip("-")
        if not stem or not stem[0].isalpha() or is_reserved(f"{stem}-x", ALWAYS_RESERVED):
            stem = f"{cls.kind}-{stem}".rstrip("-")[: _LABEL_LENGTH - _SUFFIX_LENGTH - 1]
        suffix = "".join(secrets.choice(_SUFFIX_ALPHABET) for _ in range(_SUFFIX_LENGTH))
        return cls(f"{stem.rstrip('-')}-{suffix}")


@frozen(order=True)
class OrganizationId(Label):
    kind = "org"


@frozen(order=True)
class ProjectId(Label):
    kind = "project"


@frozen(order=True)
class ResourceId(Label):
    kind = "resource"


@frozen(order=True)
class PrincipalId(Identity):
    """A token's ``sub``: whatever the identity provider says, ``|`` and ``@`` included."""

    pattern = re.compile(r"[!-~]{1,255}")
    rule = "A user id has 1 to 255 visible ASCII characters."

    @property
    def is_service_account(self) -> bool:
        return self.value.endswith("@clients")


@frozen(order=True)
class RoleId(Identity):
    """System roles have ids of their own kinds; those of organizations are made here."""

    @classmethod
    def new(cls, at: datetime) -> Self:
        return cls(f"role_{sortable(at)}")


@frozen(order=True)
class GroupId(Identity):
    @classmethod
    def new(cls, at: datetime) -> Self:
        return cls(f"grp_{sortable(at)}")


@frozen(order=True)
class InvitationId(Identity):
    @classmethod
    def new(cls, at: datetime) -> Self:
        return cls(f"inv_{sortable(at)}")


@frozen(order=True)
class PermissionId(Identity):
    pass


@frozen(order=True)
class AssignmentId(Identity):
    @classmethod
    def new(cls, at: datetime) -> Self:
        return cls(f"asg_{sortable(at)}")


@frozen(order=True)
class TransitionId(Identity):
    @classmethod
    def new(cls, at: datetime) -> Self:
        return cls(f"trn_{sortable(at)}")


@frozen(order=True)
class OverrideId(Identity):
    @classmethod
    def new(cls, at: datetime) -> Self:
        return cls(f"ovr_{sortable(at)}")


@frozen(order=True)
class EventId(Identity):
    @classmethod
    def new(cls, at: datetime) -> Self:
        return cls(f"evt_{sortable(at)}")


@frozen(order=True)
class WebhookId(Identity):
    @classmethod
    def new(cls, at: datetime) -> Self:
        return cls(f"whk_{sortable(at)}")


@frozen(order=True)
class DeliveryId(Identity):
    @classmethod
    def of(cls, event_id: EventId, webhook_id: WebhookId) -> Self:
        """There is one of each event to each endpoint, and whoever makes it finds the same id.
        It sorts as the event's does."""
        time = event_id.value.removeprefix("evt_")[:16]
        rest = sha256(f"{event_id} {webhook_id}".encode()).hexdigest()[:16]
        return cls(f"dlv_{time}{rest}")


@frozen(order=True)
class NotificationId(Identity):
    @classmethod
    def new(cls, at: datetime) -> Self:
        return cls(f"ntf_{sortable(at)}")


@frozen(order=True)
class LetterId(Identity):
    @classmethod
    def new(cls, at: datetime) -> Self:
        return cls(f"ltr_{sortable(at)}")


@frozen(order=True)
class BillingAccountId(Identity):
    pass


@frozen(order=True)
class CustomerId(Identity):
    """The ids from here to invoices are the payment provider's own."""


@frozen(order=True)
class MerchantId(Identity):
    """Of the platform itself at the payment provider: whose customers they all are."""


@frozen(order=True)
class PaymentMethodId(Identity):
    pass


@frozen(order=True)
class SubscriptionId(Identity):
    pass


@frozen(order=True)
class ProductId(Identity):
    pass


@frozen(order=True)
class PriceId(Identity):
    pass


@frozen(order=True)
class InvoiceId(Identity):
    pass


class _Numbers:
    """UUIDs version 7 (RFC 9562 section 5.7). Of those that one process makes in the same
    millisecond, one after the other, the later is the greater (section 6.2, method 2)."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._millisecond = -1
        self._random = 0

    def next(self, at: datetime) -> int:
        millisecond = int(at.timestamp() * 1000)
        with self._lock:
            if millisecond == self._millisecond:
                self._random += 1 + secrets.randbits(32)
            else:
                self._millisecond, self._random = millisecond, secrets.randbits(_RANDOM_BITS - 1)
            number = self._random
        high, low = number >> _LOW_BITS, number & ((1 << _LOW_BITS) - 1)
        return millisecond << 80 | 0x7 << 76 | high << 64 | 0b10 << _LOW_BITS | low


_RANDOM_BITS: Final = 74
_LOW_BITS: Final = 62
_numbers: Final = _Numbers()


def sortable(at: datetime) -> str:
    """A UUID version 7 of the moment ``at``, as 32 hex digits."""
    return uuid.UUID(int=_numbers.next(at)).hex


def is_reserved(label: str, patterns: Iterable[str]) -> bool:
    """Whether ``label`` matches one of ``patterns``, where ``*`` stands for any text."""
    return any(fnmatchcase(label, pattern) for pattern in patterns)
