"""What KtrlPlane does in the background."""

import logging
import threading
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial
from typing import Final

from attrs import evolve, frozen

from ktrlplane.domain.errors import UpstreamError
from ktrlplane.domain.jobs import Duty
from ktrlplane.domain.services.idempotency import KEPT_FOR
from ktrlplane.domain.services.invitations import due_mail, settle_mail
from ktrlplane.domain.services.notifications import forget_notifications
from ktrlplane.domain.services.notifying import notify
from ktrlplane.domain.services.payment_notices import forget_notices
from ktrlplane.domain.services.platform import Platform
from ktrlplane.domain.services.sending import forget_deliveries
from ktrlplane.entrypoints import mailing, settling
from ktrlplane.entrypoints.ending import EndDeletions
from ktrlplane.entrypoints.heeding import HeedReports
from ktrlplane.entrypoints.letters import invitation_letter
from ktrlplane.entrypoints.mailing import SendNotifications
from ktrlplane.entrypoints.pruning import PruneEvents
from ktrlplane.entrypoints.sending import SendWebhooks
from ktrlplane.entrypoints.settling import SettleAccounts
from ktrlplane.entrypoints.transactions import Transact
from ktrlplane.entrypoints.worker import Job, Run
from ktrlplane.ports.delivery import Delivery
from ktrlplane.ports.invitations import InvitationView
from ktrlplane.ports.mail import Mail, MailRefused
from ktrlplane.ports.payments import Payments

RECORD_EVERY: Final = timedelta(seconds=15)

AT_ONCE: Final = 100
LETTERS: Final = 10
LEASE: Final = timedelta(minutes=10)
"""For so long nobody else sends what a worker has taken: longer than ``LETTERS`` can last."""

REFUSED_KEPT_FOR: Final = timedelta(days=30)
"""Reports that could not be heeded, since the like of them came last."""

LONGEST_WAIT: Final = timedelta(hours=1)

HEED_REPORTS: Final = Duty(job="heed_reports", every=timedelta(seconds=1))
END_DELETIONS: Final = Duty(job="end_deletions", every=timedelta(seconds=2))
SEND_INVITATIONS: Final = Duty(
    job="send_invitations",
    every=timedelta(seconds=2),
    # A mail server that does not answer is given half a minute for each.
    lasts=LETTERS * timedelta(seconds=30),
)
FORGET_ANSWERS: Final = Duty(job="forget_answers", every=timedelta(minutes=10))
FORGET_REFUSED_REPORTS: Final = Duty(job="forget_refused_reports", every=timedelta(hours=1))
PRUNE_EVENTS: Final = Duty(
    job="prune_events",
    every=timedelta(days=1),
    # A log of millions, of which a retention was set only now.
    lasts=timedelta(hours=1),
)
SEND_WEBHOOKS: Final = Duty(job="send_webhooks", every=timedelta(milliseconds=50))
"""So often that an event is on its way in half of that: waking the worker instead would have all
who commit wait for each other (PostgreSQL's NOTIFY)."""
FORGET_DELIVERIES: Final = Duty(job="forget_deliveries", every=timedelta(hours=1))
NOTIFY: Final = Duty(job="notify", every=timedelta(seconds=2))
SEND_NOTIFICATIONS: Final = Duty(
    job="send_notifications",
    every=timedelta(seconds=10),
    lasts=mailing.LETTERS * timedelta(seconds=30),
)
FORGET_NOTIFICATIONS: Final = Duty(job="forget_notifications", every=timedelta(hours=1))
SETTLE_ACCOUNTS: Final = Duty(
    job="settle_accounts",
    every=timedelta(milliseconds=500),
    # A payment provider that does not answer is given a minute for each question.
    lasts=settling.AT_ONCE * timedelta(minutes=2),
)
FORGET_NOTICES: Final = Duty(job="forget_payment_notices", every=timedelta(hours=1))

DUTIES: Final = (
    HEED_REPORTS,
    END_DELETIONS,
    SEND_INVITATIONS,
    FORGET_ANSWERS,
    FORGET_REFUSED_REPORTS,
    PRUNE_EVENTS,
    SEND_WEBHOOKS,
    FORGET_DELIVERIES,
    NOTIFY,
    SEND_NOTIFICATIONS,
    FORGET_NOTIFICATIONS,
    SETTLE_ACCOUNTS,
    FORGET_NOTICES,
)
"""All that ``jobs_of`` gives, for who wants to know whether it is done."""

# The library runs these jobs too: what it says goes where the host program wants it.
_log = logging.getLogger(__name__)


@frozen
class Outside:
    """What jobs reach beside the database. ``payments`` gives the provider when it is first
    needed; ``origin`` is where people find this platform, for links in mails."""

    mail: Mail
    delivery: Delivery
    payments: Callable[[], Payments]
    origin: str = ""


def jobs_of(transact: Transact, platform: Platform, outside: Outside) -> Sequence[Job]:
    mail, origin = outside.mail, outside.origin
    send_webhooks = SendWebhooks(transact, platform, outside.delivery)
    return (
        _job(HEED_REPORTS, HeedReports(transact, platform), waits_for_the_bell=True),
        _job(END_DELETIONS, EndDeletions(transact, platform)),
        _job(SEND_INVITATIONS, partial(_send_invitations, transact, platform, mail, origin)),
        _job(FORGET_ANSWERS, lambda _: _forget_answers(transact, platform)),
        _job(FORGET_REFUSED_REPORTS, lambda _: _forget_refused_reports(transact, platform)),
        _job(PRUNE_EVENTS, PruneEvents(transact, platform)),
        evolve(_job(SEND_WEBHOOKS, send_webhooks), close=send_webhooks.close),
        _job(FORGET_DELIVERIES, partial(_portion, transact, forget_deliveries, platform)),
        _job(NOTIFY, partial(_portion, transact, notify, platform)),
        _job(SEND_NOTIFICATIONS, SendNotifications(transact, platform, mail, origin)),
        _job(FORGET_NOTIFICATIONS, partial(_portion, transact, forget_notifications, platform)),
        _job(SETTLE_ACCOUNTS, SettleAccounts(transact, platform, outside.payments)),
        _job(FORGET_NOTICES, partial(_portion, transact, forget_notices, platform)),
    )


def _job(
    duty: Duty, run: Callable[[threading.Event], bool], *, waits_for_the_bell: bool = False
) -> Job:
    every_s = duty.every.total_seconds()
    return Job(name=duty.job, every_s=every_s, run=run, waits_for_the_bell=waits_for_the_bell)


def _portion(
    transact: Transact, act: Callable[..., int], platform: Platform, _: threading.Event
) -> bool:
    """``act`` is a service that does as many as it is told at once, and says how many there
    were."""
    return transact(partial(act, limit=AT_ONCE, platform=platform)) >= AT_ONCE


def _forget_refused_reports(transact: Transact, platform: Platform) -> bool:
    transact(lambda work: work.inbox.forget_refused(platform.now() - REFUSED_KEPT_FOR))
    return False


def _send_invitations(
    transact: Transact, platform: Platform, mail: Mail, origin: str, stop: threading.Event
) -> bool:
    """Each is taken, sent outside of any unit of work, and settled. A worker that dies in
    between has it sent once more when the lease ends: the mail's id is the same. One that is
    told to stop gives back what it has not sent."""
    until = platform.now() + LEASE
    due = transact(lambda work: due_mail(work, until=until, limit=LETTERS, platform=platform))
    for view in due:
        if stop.is_set():
            given_back = partial(settle_mail, seen=view.invitation, again_at=platform.now())
            transact(partial(given_back, platform=platform))
        else:
            _send(transact, platform, mail, origin, view)
    return len(due) == LETTERS


def _send(
    transact: Transact, platform: Platform, mail: Mail, origin: str, view: InvitationView
) -> None:
    told = {"invitation_id": str(view.invitation.invitation_id)}
    settle = partial(settle_mail, seen=view.invitation, platform=platform)
    try:
        mail.send(invitation_letter(view, origin))
    except MailRefused:
        transact(settle)
        _log.warning("invitation_refused", extra=told)
    except UpstreamError:
        wait = min(LONGEST_WAIT, timedelta(minutes=2 ** min(view.invitation.mail_attempts, 6)))
        transact(partial(settle, again_at=platform.now() + wait))
        _log.warning("invitation_waits", extra=told | {"again_in_s": wait.total_seconds()})
    else:
        transact(partial(settle, sent_at=platform.now()))
        _log.info("invitation_sent", extra=told)


def _forget_answers(transact: Transact, platform: Platform) -> bool:
    forgotten = transact(lambda work: work.answers.forget(platform.now() - KEPT_FOR))
    if forgotten:
        _log.info("answers_forgotten", extra={"count": forgotten})
    return False


def recorder(transact: Transact) -> Callable[[Run], None]:
    """Leaves in the database how the jobs went: at every turn for the worse or the better, and
    now and then."""
    recorded: dict[str, Run] = {}

    def record(run: Run) -> None:
        before = recorded.get(run.job)
        is_news = before is None or before.failures != run.failures
        if before is not None and not is_news and run.at - before.at < RECORD_EVERY:
            return
        transact(lambda work: work.job_runs.record(run.job, run.at, run.failures))
        recorded[run.job] = run

    return record
