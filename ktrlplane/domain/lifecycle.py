"""The life of a resource, as tables: what leads from which status to which (product.md R4.1)."""

import enum
from collections.abc import Mapping
from typing import Final


class Status(enum.StrEnum):
    CREATING = "Creating"
    RUNNING = "Running"
    UPDATING = "Updating"
    DEGRADED = "Degraded"
    FAILED = "Failed"
    SUSPENDED = "Suspended"
    DELETING = "Deleting"
    DELETED = "Deleted"


class Request(enum.StrEnum):
    """What people ask for. ``CHANGE`` is of sku or settings."""

    CHANGE = "change"
    SUSPEND = "suspend"
    RESUME = "resume"
    RETRY = "retry"
    DELETE = "delete"


class Health(enum.StrEnum):
    """A reconciler's words, those of Argo CD."""

    HEALTHY = "Healthy"
    PROGRESSING = "Progressing"
    DEGRADED = "Degraded"
    SUSPENDED = "Suspended"
    MISSING = "Missing"
    UNKNOWN = "Unknown"


class Hold(enum.StrEnum):
    """Why a resource is to stay Suspended, whatever a reconciler sees."""

    REQUEST = "request"
    PAYMENT = "payment"


_IN_SERVICE: Final = (Status.RUNNING, Status.UPDATING, Status.DEGRADED, Status.FAILED)

ASKED: Final[Mapping[Request, Mapping[Status, Status]]] = {
    Request.CHANGE: {
        Status.CREATING: Status.CREATING,
        **dict.fromkeys(_IN_SERVICE, Status.UPDATING),
        Status.SUSPENDED: Status.SUSPENDED,
    },
    Request.SUSPEND: dict.fromkeys(
        (Status.CREATING, *_IN_SERVICE, Status.SUSPENDED), Status.SUSPENDED
    ),
    Request.RESUME: {Status.SUSPENDED: Status.UPDATING},
    Request.RETRY: {Status.FAILED: Status.UPDATING, Status.DEGRADED: Status.UPDATING},
    Request.DELETE: {
        **dict.fromkeys((Status.CREATING, *_IN_SERVICE, Status.SUSPENDED), Status.DELETING),
        Status.DELETING: Status.DELETING,
        Status.DELETED: Status.DELETED,
    },
}
"""Where a request leads. What is not here is refused. Resuming leads out of Suspended only
once nothing holds the resource there any more."""

REPORTED: Final[Mapping[Health, Mapping[Status, Status]]] = {
    Health.HEALTHY: {
        Status.CREATING: Status.RUNNING,
        **dict.fromkeys(_IN_SERVICE, Status.RUNNING),
        Status.SUSPENDED: Status.RUNNING,
    },
    Health.PROGRESSING: {
        **dict.fromkeys(_IN_SERVICE, Status.UPDATING),
        Status.SUSPENDED: Status.UPDATING,
    },
    Health.DEGRADED: {
        Status.CREATING: Status.DEGRADED,
        **dict.fromkeys(_IN_SERVICE, Status.DEGRADED),
        Status.SUSPENDED: Status.DEGRADED,
    },
    Health.SUSPENDED: {
        Status.CREATING: Status.SUSPENDED,
        **dict.fromkeys(_IN_SERVICE, Status.SUSPENDED),
    },
    # Something that is being made is not there yet.
    Health.MISSING: {
        **dict.fromkeys(_IN_SERVICE, Status.FAILED),
        Status.SUSPENDED: Status.FAILED,
        Status.DELETING: Status.DELETED,
    },
    Health.UNKNOWN: {},
}
"""Where a report about the present generation leads; it leads nowhere from what is not here.
A report about an older one leads nowhere, and nothing but Deleting leads out of Suspended while
something holds the resource there."""

STALLED: Final[Mapping[Status, Status]] = dict.fromkeys(
    (Status.CREATING, *_IN_SERVICE), Status.FAILED
)
"""Where a report leads that says that the reconciler has given up: the condition ``Stalled``
is true, as Kubernetes' kstatus defines it."""

GRACE_ENDED: Final[Mapping[Status, Status]] = {Status.DELETING: Status.DELETED}
"""Where it leads that nothing was reported about something Deleting for the grace period."""


def _moves() -> dict[Status, frozenset[Status]]:
    tables = (*ASKED.values(), *REPORTED.values(), STALLED, GRACE_ENDED)
    return {
        status: frozenset(
            table[status] for table in tables if table.get(status, status) is not status
        )
        for status in Status
    }


MOVES: Final[Mapping[Status, frozenset[Status]]] = _moves()
"""Which status may follow which, by all that is above."""

ENDED: Final = frozenset({Status.DELETING, Status.DELETED})
"""What can change no more."""

SETTLED: Final = frozenset(set(Status) - {Status.CREATING, Status.UPDATING, Status.DELETING})
"""Where nothing is under way: who waits for a resource waits for one of these."""
