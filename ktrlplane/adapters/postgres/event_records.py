"""Entries as they are kept, and what is not kept any more. As text, all of it: somebody may have
written what is no event, and that is to be found and shown."""

from typing import Final

RECORDS: Final = b"""
    SELECT event_id, type, version,
        to_char(occurred_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS occurred_at,
        actor_type, actor_id, org_id, project_id, resource_id, request_id, data::text AS data,
        sequence, encode(previous_hash, 'hex') AS previous_hash, encode(hash, 'hex') AS hash
    FROM ktrlplane.events
    WHERE tenant = %(tenant)s AND sequence > %(after)s
    ORDER BY sequence LIMIT %(limit)s
"""

LAST_BEFORE: Final = b"""
    SELECT coalesce(max(sequence), 0) AS total FROM (
        SELECT sequence FROM ktrlplane.events
        WHERE tenant = %(tenant)s AND occurred_at < %(at)s
        ORDER BY occurred_at DESC, event_id DESC LIMIT 1
    ) last
"""

RETAIN: Final = b"""
    INSERT INTO ktrlplane.event_chains (tenant, retention_days) VALUES (%(tenant)s, %(days)s)
    ON CONFLICT (tenant) DO UPDATE SET retention_days = excluded.retention_days
"""

# Who is slower finds the rows gone when those who were faster have committed, and the chain is
# held no longer than it takes to commit. What is delivered of an event goes with it.
PRUNE: Final = b"""
    WITH gone AS (
        DELETE FROM ktrlplane.events WHERE tenant = %(tenant)s AND sequence <= %(through)s
        RETURNING event_id
    ),
    undelivered AS (
        DELETE FROM ktrlplane.webhook_deliveries d USING gone WHERE d.event_id = gone.event_id
    )
    SELECT count(*) AS total FROM gone
"""
MARK: Final = b"""
    UPDATE ktrlplane.event_chains
    SET pruned_sequence = %(through)s, pruned_hash = decode(%(hash)s, 'hex'), pruned_at = %(at)s
    WHERE tenant = %(tenant)s AND pruned_sequence < %(through)s
"""
