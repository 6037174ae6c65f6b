-- depends: 0014_notifications
--
-- The hash of the entry before the last one, for the statement that moves a chain on: it cannot
-- tell what a row was before it changed it. Nothing else reads it.

ALTER TABLE ktrlplane.event_chains
    ADD COLUMN previous_hash bytea NOT NULL DEFAULT decode(repeat('00', 32), 'hex');
