-- depends: 0006_access_changes
--
-- What becomes of resources, and what reconcilers say of them.

ALTER TABLE ktrlplane.resources
    ADD COLUMN holds text[] NOT NULL DEFAULT '{}',
    ADD CONSTRAINT resources_holds CHECK (
        holds <@ ARRAY['payment', 'request'] AND (holds = '{}' OR status = 'Suspended')
    );

CREATE TABLE ktrlplane.resource_transitions (
    transition_id text COLLATE "C" NOT NULL,
    resource_id text COLLATE "C" NOT NULL,
    from_status text COLLATE "C",
    to_status text COLLATE "C" NOT NULL,
    reason text,
    generation bigint NOT NULL,
    changes jsonb NOT NULL DEFAULT '[]',
    actor text COLLATE "C",  -- null is the platform itself
    occurred_at timestamptz NOT NULL,
    CONSTRAINT resource_transitions_pkey PRIMARY KEY (transition_id),
    CONSTRAINT resource_transitions_resource_id_fkey FOREIGN KEY (resource_id)
        REFERENCES ktrlplane.resources (resource_id) ON DELETE RESTRICT
);

CREATE INDEX resource_transitions_by_time
    ON ktrlplane.resource_transitions (resource_id, occurred_at, transition_id);

-- The inbox: what came in by report_status and is still to be looked at. Nothing in it need be
-- right. What could not be heeded is kept beside it, and the like of it counted.

CREATE TABLE ktrlplane.reports (
    report_id bigint GENERATED ALWAYS AS IDENTITY,
    resource_id text COLLATE "C" NOT NULL,
    health text COLLATE "C" NOT NULL,
    observed_generation bigint,
    message text,
    access_url text,
    generation bigint,  -- as it was when the report came
    was_deleting boolean NOT NULL,
    received_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT reports_pkey PRIMARY KEY (report_id)
);

CREATE INDEX reports_by_resource ON ktrlplane.reports (resource_id, report_id);

CREATE TABLE ktrlplane.refused_reports (
    resource_id text COLLATE "C" NOT NULL,
    health text COLLATE "C" NOT NULL,
    code text COLLATE "C" NOT NULL,
    message text,
    times bigint NOT NULL DEFAULT 1,
    first_at timestamptz NOT NULL,
    last_at timestamptz NOT NULL,
    CONSTRAINT refused_reports_pkey PRIMARY KEY (resource_id, health, code)
);

CREATE INDEX refused_reports_by_time ON ktrlplane.refused_reports (last_at);

-- How each job of the workers went last, for whoever watches over them.
CREATE TABLE ktrlplane.job_runs (
    job text COLLATE "C" NOT NULL,
    last_run_at timestamptz NOT NULL,
    last_success_at timestamptz,
    failures bigint NOT NULL,  -- in a row
    CONSTRAINT job_runs_pkey PRIMARY KEY (job)
);

-- Takes whatever it is given, and only puts it into the inbox: it runs in the middle of an
-- operator's batch, which must not stop. It acts as its owner, since an operator may write
-- nothing itself; so it names every schema, and finds nothing by a search path.
CREATE FUNCTION ktrlplane.report_status(
    resource_id text,
    health text,
    observed_generation bigint DEFAULT NULL,
    message text DEFAULT NULL,
    access_url text DEFAULT NULL
) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    wanted record;
BEGIN
    SELECT r.generation, r.status = 'Deleting' AS is_deleting INTO wanted
    FROM ktrlplane.resources r WHERE r.resource_id = $1;
    INSERT INTO ktrlplane.reports (
        resource_id, health, observed_generation, message, access_url, generation, was_deleting
    )
    VALUES (
        left(coalesce($1, ''), 253), left(coalesce($2, ''), 64), $3, left($4, 4096),
        left($5, 2048), wanted.generation, coalesce(wanted.is_deleting, false)
    );
    PERFORM pg_notify('ktrlplane_reports', '');
END
$$;

-- Nobody but its owner calls anything here, unless it is granted.
REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA ktrlplane FROM PUBLIC;

-- What the operator is: members of this role read three tables and report. A role belongs to
-- the whole server; who may not make one is told, and makes it as docs/operations says.
DO $$
BEGIN
    IF to_regrole('ktrlplane_operator') IS NULL THEN
        CREATE ROLE ktrlplane_operator NOLOGIN;
    END IF;
EXCEPTION
    WHEN duplicate_object OR unique_violation THEN
        NULL;  -- another database of this server was migrated at the same moment
    WHEN insufficient_privilege THEN
        RAISE WARNING 'The role ktrlplane_operator is missing, and this user may not make it';
END
$$;

CREATE FUNCTION ktrlplane.grant_operator() RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    GRANT USAGE ON SCHEMA ktrlplane TO ktrlplane_operator;
    GRANT SELECT ON ktrlplane.projects, ktrlplane.resources, ktrlplane.billing_accounts
        TO ktrlplane_operator;
    GRANT EXECUTE ON FUNCTION ktrlplane.report_status(text, text, bigint, text, text)
        TO ktrlplane_operator;
END
$$;

REVOKE EXECUTE ON FUNCTION ktrlplane.grant_operator() FROM PUBLIC;

DO $$
BEGIN
    IF to_regrole('ktrlplane_operator') IS NOT NULL THEN
        PERFORM ktrlplane.grant_operator();
    END IF;
END
$$;
