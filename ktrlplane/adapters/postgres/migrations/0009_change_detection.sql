-- depends: 0008_limit_overrides
--
-- Reconcilers ask every few seconds whether anything has changed, each of them.

CREATE INDEX resources_by_change ON ktrlplane.resources (updated_at);
