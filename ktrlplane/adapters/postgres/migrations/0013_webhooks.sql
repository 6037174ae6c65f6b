-- depends: 0012_audit_retention
--
-- Endpoints of webhooks, and a delivery for each endpoint and event. The rows that are pending
-- are the queue that workers take from.

CREATE TABLE ktrlplane.webhooks (
    webhook_id text COLLATE "C" NOT NULL,
    scope_type text COLLATE "C" NOT NULL,
    scope_id text COLLATE "C" NOT NULL,
    url text NOT NULL,
    event_types text[] COLLATE "C" NOT NULL,
    description text NOT NULL,
    status text COLLATE "C" NOT NULL,
    disabled_reason text COLLATE "C",
    failing_since timestamptz,
    secret text NOT NULL,
    former_secret text,
    former_secret_until timestamptz,
    created_by text COLLATE "C" NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    ended_in xid8,  -- the transaction that ended it: what is told in there is the last it gets
    CONSTRAINT webhooks_pkey PRIMARY KEY (webhook_id)
);

CREATE INDEX webhooks_of_scope ON ktrlplane.webhooks (scope_type, scope_id, created_at, webhook_id);
CREATE INDEX webhooks_ended ON ktrlplane.webhooks (webhook_id) WHERE ended_in IS NOT NULL;

CREATE TABLE ktrlplane.webhook_deliveries (
    delivery_id text COLLATE "C" NOT NULL,
    webhook_id text COLLATE "C" NOT NULL,
    event_id text COLLATE "C" NOT NULL,
    event_type text COLLATE "C" NOT NULL,
    status text COLLATE "C" NOT NULL,
    attempts int NOT NULL DEFAULT 0,
    round int NOT NULL DEFAULT 0,  -- attempts since somebody last asked for it
    next_attempt_at timestamptz,  -- while somebody has claimed it, when it is free again
    claimed_until timestamptz,
    created_at timestamptz NOT NULL,
    completed_at timestamptz,
    CONSTRAINT webhook_deliveries_pkey PRIMARY KEY (delivery_id),
    CONSTRAINT webhook_deliveries_webhook_id_fkey FOREIGN KEY (webhook_id)
        REFERENCES ktrlplane.webhooks,
    CONSTRAINT webhook_deliveries_pending_check
        CHECK ((status = 'pending') = (next_attempt_at IS NOT NULL))
) WITH (fillfactor = 80);

CREATE INDEX webhook_deliveries_of_webhook
    ON ktrlplane.webhook_deliveries (webhook_id, created_at, delivery_id);
CREATE INDEX webhook_deliveries_due
    ON ktrlplane.webhook_deliveries (webhook_id, next_attempt_at, delivery_id)
    WHERE status = 'pending';
CREATE INDEX webhook_deliveries_next ON ktrlplane.webhook_deliveries (next_attempt_at)
    WHERE status = 'pending';
CREATE INDEX webhook_deliveries_pending ON ktrlplane.webhook_deliveries (event_id)
    WHERE status = 'pending';
CREATE INDEX webhook_deliveries_completed ON ktrlplane.webhook_deliveries (completed_at)
    WHERE completed_at IS NOT NULL;

CREATE TABLE ktrlplane.webhook_attempts (
    delivery_id text COLLATE "C" NOT NULL,
    number int NOT NULL,
    attempted_at timestamptz NOT NULL,
    response_status int,
    failure text COLLATE "C",
    response_body text NOT NULL,
    duration_ms int NOT NULL,
    CONSTRAINT webhook_attempts_pkey PRIMARY KEY (delivery_id, number),
    CONSTRAINT webhook_attempts_delivery_id_fkey FOREIGN KEY (delivery_id)
        REFERENCES ktrlplane.webhook_deliveries ON DELETE CASCADE
);
