"""The control plane as a library."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from threading import Event
from typing import Final, Self, TypedDict, Unpack

from attrs import evolve

from ktrlplane.domain.access import RoleAssignment
from ktrlplane.domain.catalog import Catalog
from ktrlplane.domain.ids import OverrideId, PrincipalId
from ktrlplane.domain.limits import LimitOverride
from ktrlplane.domain.services import limit_overrides, operator, users
from ktrlplane.domain.services.platform import Platform
from ktrlplane.entrypoints.container import Container, in_memory, on_postgres, replaced
from ktrlplane.entrypoints.jobs import Outside, jobs_of
from ktrlplane.entrypoints.places import Place, id_of, id_or_none, scope_of
from ktrlplane.entrypoints.recognition import welcome
from ktrlplane.entrypoints.session import Session
from ktrlplane.entrypoints.setting_values import networks
from ktrlplane.entrypoints.settings import Settings
from ktrlplane.entrypoints.settling import SettleAccounts
from ktrlplane.entrypoints.transactions import Transact
from ktrlplane.ports.clock import Clock
from ktrlplane.ports.delivery import Delivery
from ktrlplane.ports.identity import Claims, Tokens
from ktrlplane.ports.mail import Mail
from ktrlplane.ports.payments import Payments
from ktrlplane.ports.schemas import SettingsValidator
from ktrlplane.ports.unit_of_work import UnitsOfWork

SIGN_IN_LASTS: Final = timedelta(hours=1)


class Adapters(TypedDict, total=False):
    """The keywords of ``ControlPlane`` beside where it keeps things."""

    catalog: Catalog | None
    clock: Clock | None
    validator: SettingsValidator | None
    tokens: Tokens | None
    mail: Mail | None
    delivery: Delivery | None
    payments: Payments | None
    reserved_ids: Sequence[str]
    deletion_grace: timedelta
    invitation_ttl: timedelta
    webhook_allow: str


class ControlPlane:
    """Any adapter can be another one: give it by its port's name. What is left out keeps
    everything in memory and takes the shipped catalog.

    May be used by any number of threads.
    """

    def __init__(
        self,
        *,
        units: UnitsOfWork | None = None,
        catalog: Catalog | None = None,
        clock: Clock | None = None,
        validator: SettingsValidator | None = None,
        tokens: Tokens | None = None,
        mail: Mail | None = None,
        delivery: Delivery | None = None,
        payments: Payments | None = None,
        reserved_ids: Sequence[str] = (),
        deletion_grace: timedelta = timedelta(days=1),
        invitation_ttl: timedelta = timedelta(days=7),
        webhook_allow: str = "",
    ) -> None:
        """``webhook_allow`` are networks, such as ``127.0.0.0/8``, with commas between them, that
        webhooks may reach beside public addresses. Raises: ValueError for what is no network."""
        settings = Settings(
            reserved_ids=tuple(reserved_ids),
            deletion_grace=deletion_grace,
            invitation_ttl=invitation_ttl,
            webhook_allow=networks(webhook_allow),
        )
        self.container: Container = replaced(
            in_memory(settings),
            units=units,
            catalog=catalog,
            clock=clock,
            validator=validator,
            tokens=tokens,
            mail=mail,
            delivery=delivery,
            payments=payments,
        )
        self.platform: Platform = self.container.platform()
        transact = self.container.transact()
        settling = SettleAccounts(transact, self.platform, self.container.payments)
        self.transact: Transact = evolve(transact, settle=settling.at_once)
        self.transact(lambda work: operator.synchronize_catalog(work, platform=self.platform))

    @classmethod
    def in_memory(cls, **adapters: Unpack[Adapters]) -> Self:
        """For tests and trials: as real as the database, and gone with the process."""
        return cls(**adapters)

    @classmethod
    @contextmanager
    def postgres(
        cls, url: str, *, migrate: bool = False, **adapters: Unpack[Adapters]
    ) -> Iterator[Self]:
        """On the database at ``url``; ``migrate`` first brings it to the current schema.

        Raises: DatabaseUnavailable, CannotMigrate, ValueError for an older schema.
        """
        container = on_postgres(url)
        with container.database().open():
            if migrate:
                container.migrations().apply()
            elif container.migrations().pending():
                raise ValueError("The database is not at the current schema; pass migrate=True.")
            try:
                there: Adapters = {"payments": container.payments()}
                yield cls(units=container.units(), **there | adapters)
            finally:
                container.shutdown_resources()

    def sign_in(
        self,
        user_id: PrincipalId | str,
        *,
        email: str | None = None,
        name: str | None = None,
        email_verified: bool = True,
    ) -> Session:
        """For who has already made sure that it is this user. Raises: ValueError."""
        principal, now = id_of(PrincipalId, user_id), self.platform.now()
        is_machine = principal.is_service_account
        return self._session(
            Claims(
                principal_id=principal,
                email=email,
                email_verified=email_verified and email is not None and not is_machine,
                name=name,
                is_service_account=is_machine,
                issued_at=now,
                expires_at=now + SIGN_IN_LASTS,
            )
        )

    def authenticate(self, token: str) -> Session:
        """Raises: Unauthenticated."""
        return self._session(self.container.tokens().verify(token))

    def _session(self, claims: Claims) -> Session:
        welcome(self.transact, claims, self.platform)
        user = self.transact(lambda work: users.recognize(work, claims, platform=self.platform))
        return Session(user, self.transact, self.platform)

    def grant(
        self,
        role: str,
        *,
        to: PrincipalId | str,
        on: Place,
        expires_at: datetime | None = None,
    ) -> RoleAssignment:
        """As the platform's operator, who asks nobody: hidden roles and ``global`` included."""
        command = operator.OperatorGrant(
            principal=id_of(PrincipalId, to), role=role, scope=scope_of(on), expires_at=expires_at
        )
        return self.transact(
            lambda work: operator.operator_grant(work, command, platform=self.platform)
        )

    def revoke(self, role: str, *, of: PrincipalId | str, on: Place) -> None:
        """As the platform's operator."""
        principal, scope = id_of(PrincipalId, of), scope_of(on)
        self.transact(
            lambda work: operator.operator_revoke(
                work, principal, role, scope, platform=self.platform
            )
        )

    def grants(self, of: PrincipalId | str | None = None) -> Sequence[RoleAssignment]:
        """Of one principal or of everybody, expired ones too."""
        principal = id_or_none(PrincipalId, of)
        views = self.transact.read(lambda work: operator.operator_grants(work, principal))
        return [view.assignment for view in views]

    def override_limit(
        self,
        limit: str,
        maximum: int | None,
        *,
        on: Place,
        type: str,  # noqa: A002
        sku: str,
        reason: str,
        expires_at: datetime | None = None,
    ) -> LimitOverride:
        """As the platform's operator: in place of what the tier says. ``limit`` is
        ``resources`` or a meter, ``maximum`` None no limit."""
        scope = scope_of(on)
        command = limit_overrides.OverrideLimit(
            scope_type=scope.scope_type,
            scope_id=scope.scope_id,
            type=type,
            sku=sku,
            limit=limit,
            maximum=maximum,
            reason=reason,
            expires_at=expires_at,
        )
        return self.transact(
            lambda work: limit_overrides.override_limit(
                work, command, actor=None, platform=self.platform
            )
        )

    def lift_override(self, override_id: OverrideId | str) -> LimitOverride:
        """As the platform's operator."""
        wanted = id_of(OverrideId, override_id)
        return self.transact(
            lambda work: limit_overrides.lift_override(
                work, wanted, actor=None, platform=self.platform
            )
        )

    def catch_up(self) -> None:
        """What the worker does, as far as it is due now: ending deletions, sending mail and
        webhooks, and agreeing with the payment provider."""
        never = Event()
        mail, delivery = self.container.mail(), self.container.delivery()
        outside = Outside(mail, delivery, self.container.payments)
        for job in jobs_of(self.transact, self.platform, outside):
            while job.run(never):
                pass
            job.close()
