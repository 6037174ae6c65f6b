-- depends: 0012_audit_retention
--
-- Endpoints of receivers, and what is delivered to them. A delivery is written with the event
-- that it is of, by the same statement. Nothing refers to an endpoint: one that is removed would
-- take all its deliveries with it at once, and they are forgotten in parts instead.

CREATE TABLE ktrlplane.webhooks (
    webhook_id text COLLATE "C" NOT NULL,
    scope_type text COLLATE "C" NOT NULL,
    scope_id text COLLATE "C" NOT NULL,
    url text NOT NULL,
    event_types text[] COLLATE "C" NOT NULL,  -- patterns
    description text NOT NULL,
    status text COLLATE "C" NOT NULL,
    disabled_reason text COLLATE "C",
    failing_since timestamptz,
    secret text NOT NULL,
    previous_secret text,
    previous_secret_until timestamptz,
    created_by text COLLATE "C" NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT webhooks_pkey PRIMARY KEY (webhook_id),
    CONSTRAINT webhooks_scope_check CHECK (scope_type IN ('organization', 'project')),
    CONSTRAINT webhooks_status_check CHECK (status IN ('enabled', 'paused', 'disabled'))
);

CREATE INDEX webhooks_of_scope
    ON ktrlplane.webhooks (scope_type, scope_id, created_at, webhook_id);

CREATE TABLE ktrlplane.webhook_deliveries (
    delivery_id text COLLATE "C" NOT NULL,
    webhook_id text COLLATE "C" NOT NULL,
    event_id text COLLATE "C" NOT NULL,
    event_type text COLLATE "C" NOT NULL,
    status text COLLATE "C" NOT NULL DEFAULT 'pending',
    attempts int NOT NULL DEFAULT 0,
    earlier_attempts int NOT NULL DEFAULT 0,
    next_attempt_at timestamptz,
    claims int NOT NULL DEFAULT 0,
    leased_until timestamptz,
    created_at timestamptz NOT NULL,
    completed_at timestamptz,
    CONSTRAINT webhook_deliveries_pkey PRIMARY KEY (delivery_id),
    CONSTRAINT webhook_deliveries_event_key UNIQUE (event_id, webhook_id),
    CONSTRAINT webhook_deliveries_status_check
        CHECK (status IN ('pending', 'delivered', 'failed', 'cancelled')),
    CONSTRAINT webhook_deliveries_next_check
        CHECK ((status = 'pending') = (next_attempt_at IS NOT NULL))
) WITH (fillfactor = 80);

CREATE INDEX webhook_deliveries_of_webhook
    ON ktrlplane.webhook_deliveries (webhook_id, created_at, delivery_id);

-- The queue: of each endpoint by itself, so that what waits for one is in nobody else's way.
CREATE INDEX webhook_deliveries_due
    ON ktrlplane.webhook_deliveries (webhook_id, next_attempt_at, delivery_id)
    WHERE status = 'pending';
CREATE INDEX webhook_deliveries_next ON ktrlplane.webhook_deliveries (next_attempt_at)
    WHERE status = 'pending';

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
