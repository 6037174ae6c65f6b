-- depends: 0007_lifecycle
--
-- What the platform's operator says in place of the limits of tiers. Those that have ended stay:
-- they tell what was once allowed, and by whom.

CREATE TABLE ktrlplane.limit_overrides (
    override_id text COLLATE "C" NOT NULL,
    scope_type text COLLATE "C" NOT NULL,
    scope_id text COLLATE "C" NOT NULL,
    type text COLLATE "C" NOT NULL,
    sku text COLLATE "C" NOT NULL,
    limit_name text COLLATE "C" NOT NULL,
    maximum bigint,  -- null is no limit
    reason text NOT NULL,
    created_by text COLLATE "C",  -- null is the command line
    created_at timestamptz NOT NULL,
    expires_at timestamptz,
    ended_by text COLLATE "C",
    ended_at timestamptz,
    CONSTRAINT limit_overrides_pkey PRIMARY KEY (override_id),
    CONSTRAINT limit_overrides_scope CHECK (
        scope_type IN ('organization', 'project', 'resource')
    ),
    CONSTRAINT limit_overrides_maximum CHECK (maximum >= 0),
    CONSTRAINT limit_overrides_ended CHECK (ended_at IS NOT NULL OR ended_by IS NULL)
);

CREATE UNIQUE INDEX limit_overrides_unended
    ON ktrlplane.limit_overrides (scope_type, scope_id, type, sku, limit_name)
    WHERE ended_at IS NULL;

CREATE INDEX limit_overrides_by_scope
    ON ktrlplane.limit_overrides (scope_type, scope_id, created_at, override_id);

CREATE INDEX limit_overrides_by_time
    ON ktrlplane.limit_overrides (created_at, override_id);
