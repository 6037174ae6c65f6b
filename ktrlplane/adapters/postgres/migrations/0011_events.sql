-- depends: 0010_deletions_by_tenant
--
-- What happened: a chain of entries for each tenant, which an organization is, or a project that
-- has none, or the platform as a whole ('global *'). Nothing refers to what it is about, since
-- the log outlives it.

CREATE TABLE ktrlplane.event_chains (
    tenant text COLLATE "C" NOT NULL,  -- 'organization acme'
    sequence bigint NOT NULL DEFAULT 0,  -- of the last entry
    hash bytea NOT NULL DEFAULT decode(repeat('00', 32), 'hex'),
    occurred_at timestamptz,
    pruned_sequence bigint NOT NULL DEFAULT 0,  -- of the last entry that is not kept any more
    pruned_hash bytea NOT NULL DEFAULT decode(repeat('00', 32), 'hex'),
    pruned_at timestamptz,  -- when it occurred
    CONSTRAINT event_chains_pkey PRIMARY KEY (tenant)
) WITH (fillfactor = 50);

CREATE TABLE ktrlplane.events (
    event_id text COLLATE "C" NOT NULL,
    tenant text COLLATE "C" NOT NULL,
    sequence bigint NOT NULL,
    type text COLLATE "C" NOT NULL,
    version int NOT NULL,
    occurred_at timestamptz NOT NULL,
    actor_type text COLLATE "C" NOT NULL,
    actor_id text COLLATE "C" NOT NULL,
    org_id text COLLATE "C",
    project_id text COLLATE "C",
    resource_id text COLLATE "C",
    request_id text,
    data json NOT NULL,  -- not jsonb: the hash is of this very text
    previous_hash bytea NOT NULL,
    hash bytea NOT NULL,
    CONSTRAINT events_pkey PRIMARY KEY (event_id),
    CONSTRAINT events_tenant_sequence_key UNIQUE (tenant, sequence)
);

CREATE INDEX events_of_tenant ON ktrlplane.events (tenant, occurred_at, event_id);
CREATE INDEX events_of_project ON ktrlplane.events (project_id, occurred_at, event_id)
    WHERE project_id IS NOT NULL;
CREATE INDEX events_of_resource ON ktrlplane.events (resource_id, occurred_at, event_id)
    WHERE resource_id IS NOT NULL;
CREATE INDEX events_denied ON ktrlplane.events (actor_id, occurred_at)
    WHERE type = 'access.denied';
