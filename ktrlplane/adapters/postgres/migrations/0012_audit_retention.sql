-- depends: 0011_events
--
-- For how long entries are kept, and lists of what is rare in a long log.

ALTER TABLE ktrlplane.event_chains ADD COLUMN retention_days int;  -- null keeps all

CREATE INDEX event_chains_retained ON ktrlplane.event_chains (tenant)
    WHERE retention_days IS NOT NULL;

CREATE INDEX events_of_type ON ktrlplane.events (tenant, type, occurred_at, event_id);
CREATE INDEX events_of_actor ON ktrlplane.events (tenant, actor_id, occurred_at, event_id);
