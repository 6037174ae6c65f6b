"""Billing accounts, in SQL."""

from typing import Final

from psycopg.sql import SQL

from ktrlplane.adapters.postgres.lists import composed
from ktrlplane.adapters.postgres.resource_lists import COLUMNS as RESOURCE
from ktrlplane.domain.access import ScopeType

_COLUMNS: Final = SQL("""
    billing_account_id, scope_type, scope_id, stripe_customer_id, stripe_subscription_id,
    opened_by, customers, has_subscribed, trial_days, currency, "interval", revision, ending,
    fault, grace_until, has_lapsed, pay_again, touched_at, due_at, leased_until, attempts,
    created_at, updated_at
""")
_OF: Final = "scope_type = %(scope_type)s AND scope_id = %(scope_id)s"

FIND: Final = composed(
    "SELECT {columns} FROM ktrlplane.billing_accounts WHERE {of}", columns=_COLUMNS, of=SQL(_OF)
)
OF_CUSTOMER: Final = composed(
    """
    SELECT {columns} FROM ktrlplane.billing_accounts
    WHERE stripe_customer_id = %(customer_id)s ORDER BY created_at LIMIT 1
    """,
    columns=_COLUMNS,
)
_CHANGED: Final = SQL("""
    stripe_customer_id = %(customer_id)s, stripe_subscription_id = %(subscription_id)s,
    opened_by = %(opened_by)s, customers = %(customers)s,
    has_subscribed = %(has_subscribed)s, trial_days = %(trial_days)s, currency = %(currency)s,
    "interval" = %(interval)s, ending = %(ending)s, fault = %(fault)s,
    grace_until = %(grace_until)s, has_lapsed = %(has_lapsed)s, pay_again = %(pay_again)s,
    updated_at = %(updated_at)s
""")
# Whoever makes one at the same time, by its scope or by its id: there is one then.
MAKE: Final = b"""
    INSERT INTO ktrlplane.billing_accounts (
        billing_account_id, scope_type, scope_id, due_at, created_at, updated_at
    )
    SELECT 'bill_' || scope_type || '_' || scope_id, scope_type, scope_id, NULL, %(at)s, %(at)s
    FROM unnest(%(scope_types)s::text[], %(scope_ids)s::text[]) AS named (scope_type, scope_id)
    ORDER BY scope_type, scope_id
    ON CONFLICT DO NOTHING
"""
CHANGE: Final = composed(
    "UPDATE ktrlplane.billing_accounts SET {changed} WHERE {of}", changed=_CHANGED, of=SQL(_OF)
)
# In an order, so that two who touch the same ones do not wait for each other.
TOUCH: Final = b"""
    WITH named AS (
        SELECT billing_account_id FROM ktrlplane.billing_accounts
        WHERE (scope_type, scope_id) IN (
            SELECT * FROM unnest(%(scope_types)s::text[], %(scope_ids)s::text[])
        )
        ORDER BY scope_type, scope_id FOR NO KEY UPDATE
    )
    UPDATE ktrlplane.billing_accounts kept
    SET revision = revision + 1, due_at = least(due_at, %(at)s), updated_at = %(at)s,
        touched_at = CASE %(paid)s::text
            WHEN 'other' THEN %(at)s WHEN 'less' THEN coalesce(touched_at, %(at)s)
            ELSE touched_at
        END
    FROM named WHERE kept.billing_account_id = named.billing_account_id
"""
LOOK_AT: Final = composed(
    "UPDATE ktrlplane.billing_accounts SET due_at = least(due_at, %(at)s) WHERE {of}", of=SQL(_OF)
)
CLAIM: Final = composed(
    """
    WITH due AS (
        SELECT billing_account_id FROM ktrlplane.billing_accounts
        WHERE due_at <= %(now)s AND (leased_until IS NULL OR leased_until <= %(now)s)
            AND (
                %(scope_types)s::text[] IS NULL
                OR (scope_type, scope_id) IN (
                    SELECT * FROM unnest(%(scope_types)s::text[], %(scope_ids)s::text[])
                )
            )
        ORDER BY due_at, scope_type, scope_id LIMIT %(limit)s
        FOR NO KEY UPDATE SKIP LOCKED
    ),
    claimed AS (
        UPDATE ktrlplane.billing_accounts account
        SET revision = revision + 1, leased_until = %(until)s, due_at = %(until)s
        FROM due WHERE account.billing_account_id = due.billing_account_id
        RETURNING account.*
    )
    SELECT {columns} FROM claimed ORDER BY scope_type, scope_id
    """,
    columns=_COLUMNS,
)
SETTLE: Final = composed(
    """
    UPDATE ktrlplane.billing_accounts
    SET {changed}, attempts = %(attempts)s, leased_until = NULL,
        due_at = CASE
            WHEN revision = %(revision)s AND due_at IS NOT DISTINCT FROM %(was_due_at)s
            THEN %(due_at)s ELSE due_at
        END,
        touched_at = CASE
            WHEN revision = %(revision)s THEN %(touched_at)s::timestamptz ELSE touched_at
        END
    WHERE {of} AND leased_until = %(leased_until)s
    """,
    changed=_CHANGED,
    of=SQL(_OF),
)
# What is in a project that is Deleted is so itself: it is told for the sake of its index.
_PAYS: Final = {
    ScopeType.ORGANIZATION: SQL(
        "p.org_id = %(scope_id)s AND p.status <> 'Deleted' AND p.inherits_billing_from_org"
    ),
    ScopeType.PROJECT: SQL(
        "p.project_id = %(scope_id)s AND (p.org_id IS NULL OR NOT p.inherits_billing_from_org)"
    ),
}
PAID_FOR: Final = {
    scope_type: composed(
        """
        SELECT r.type, r.sku, r.stripe_price_id AS price_id, count(*) AS count
        FROM ktrlplane.projects p JOIN ktrlplane.resources r ON r.project_id = p.project_id
        WHERE {pays} AND r.status NOT IN ('Deleting', 'Deleted')
        GROUP BY 1, 2, 3
        ORDER BY 1, 2, 3 NULLS FIRST
        """,
        pays=pays,
    )
    for scope_type, pays in _PAYS.items()
}
RESOURCES_OF: Final = {
    scope_type: composed(
        """
        SELECT {columns} FROM ktrlplane.resources
        WHERE status NOT IN ('Deleting', 'Deleted') AND project_id IN (
            SELECT p.project_id FROM ktrlplane.projects p WHERE {pays}
        )
            AND (
                %(unpaid)s::boolean IS NULL
                OR %(unpaid)s = coalesce('payment' = ANY(holds), false)
            )
        ORDER BY resource_id
        """,
        columns=RESOURCE,
        pays=pays,
    )
    for scope_type, pays in _PAYS.items()
}
UNPRICED: Final = {
    scope_type: composed(
        """
        SELECT {columns} FROM ktrlplane.resources
        WHERE came_unpriced AND status NOT IN ('Deleting', 'Deleted') AND project_id IN (
            SELECT p.project_id FROM ktrlplane.projects p WHERE {pays}
        )
        ORDER BY resource_id
        """,
        columns=RESOURCE,
        pays=pays,
    )
    for scope_type, pays in _PAYS.items()
}
# Each half has an index of its own.
_TENANT: Final = {
    ScopeType.ORGANIZATION: SQL("%(scope_id)s"),
    ScopeType.PROJECT: SQL(
        "(SELECT org_id FROM ktrlplane.projects WHERE project_id = %(scope_id)s)"
    ),
}
HAVE_SUBSCRIBED: Final = {
    scope_type: composed(
        """
        SELECT EXISTS (
            SELECT FROM ktrlplane.billing_accounts
            WHERE has_subscribed AND (scope_type, scope_id) IN (
                SELECT %(scope_type)s, %(scope_id)s
                UNION ALL SELECT 'organization', {tenant}
                UNION ALL SELECT 'project', project_id FROM ktrlplane.projects
                    WHERE org_id = {tenant} AND status <> 'Deleted'
                UNION ALL SELECT 'project', project_id FROM ktrlplane.projects
                    WHERE org_id = {tenant} AND status = 'Deleted'
            )
        )
        """,
        tenant=tenant,
    )
    for scope_type, tenant in _TENANT.items()
}
WITH_CUSTOMERS: Final = b"""
    SELECT scope_type, scope_id FROM ktrlplane.billing_accounts
    WHERE stripe_customer_id IS NOT NULL ORDER BY scope_type, scope_id
"""
MERCHANT: Final = b"SELECT merchant_id FROM ktrlplane.merchant"
SET_MERCHANT: Final = b"""
    INSERT INTO ktrlplane.merchant (merchant_id) VALUES (%(merchant_id)s)
    ON CONFLICT (is_only) DO UPDATE SET merchant_id = excluded.merchant_id
"""
SOME_CUSTOMERS: Final = b"""
    SELECT stripe_customer_id FROM ktrlplane.billing_accounts
    WHERE stripe_customer_id IS NOT NULL
    ORDER BY updated_at DESC, stripe_customer_id LIMIT %(limit)s
"""
NOTE: Final = b"""
    INSERT INTO ktrlplane.payment_notices (notice_id, noted_at)
    VALUES (%(notice_id)s, %(at)s) ON CONFLICT (notice_id) DO NOTHING
"""
FORGET: Final = b"""
    DELETE FROM ktrlplane.payment_notices WHERE notice_id IN (
        SELECT notice_id FROM ktrlplane.payment_notices WHERE noted_at < %(before)s
        ORDER BY noted_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED
    )
"""
