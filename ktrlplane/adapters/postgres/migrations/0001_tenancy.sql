-- Who signs in, the tenants, their projects and resources.
--
-- Ids and sort keys are COLLATE "C": they sort by code point on every server, as in memory.
-- Nothing here is ever deleted; what is gone stays as a tombstone, so that no id comes twice.

CREATE TABLE ktrlplane.users (
    user_id text COLLATE "C" NOT NULL,
    email text,
    email_verified boolean NOT NULL DEFAULT false,
    name text,
    name_key text COLLATE "C" GENERATED ALWAYS AS (lower(name COLLATE "C")) STORED,
    is_service_account boolean NOT NULL DEFAULT false,
    claims_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT users_pkey PRIMARY KEY (user_id),
    CONSTRAINT users_verified_email CHECK (email IS NOT NULL OR NOT email_verified)
);

CREATE INDEX users_by_verified_email ON ktrlplane.users ((lower(email COLLATE "C")), user_id)
    WHERE email_verified AND NOT is_service_account;

CREATE TABLE ktrlplane.organizations (
    org_id text COLLATE "C" NOT NULL,
    name text NOT NULL,
    name_key text COLLATE "C" NOT NULL GENERATED ALWAYS AS (lower(name COLLATE "C")) STORED,
    purchase_policy text NOT NULL DEFAULT 'billing_managers',
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    deleted_at timestamptz,
    CONSTRAINT organizations_pkey PRIMARY KEY (org_id),
    CONSTRAINT organizations_purchase_policy
        CHECK (purchase_policy IN ('billing_managers', 'project_owners'))
);

CREATE TABLE ktrlplane.projects (
    project_id text COLLATE "C" NOT NULL,
    org_id text COLLATE "C",
    name text NOT NULL,
    name_key text COLLATE "C" NOT NULL GENERATED ALWAYS AS (lower(name COLLATE "C")) STORED,
    status text NOT NULL DEFAULT 'Active',
    inherits_billing_from_org boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT projects_pkey PRIMARY KEY (project_id),
    CONSTRAINT projects_org_id_fkey FOREIGN KEY (org_id)
        REFERENCES ktrlplane.organizations (org_id) ON DELETE RESTRICT,
    CONSTRAINT projects_status CHECK (status IN ('Active', 'Deleting', 'Deleted'))
);

-- Lists go by one of these, from the middle too; tombstones are out of their way.
CREATE INDEX projects_of_org_by_time
    ON ktrlplane.projects (org_id, created_at, project_id) WHERE status <> 'Deleted';
CREATE INDEX projects_of_org_by_name
    ON ktrlplane.projects (org_id, name_key, project_id) WHERE status <> 'Deleted';
CREATE INDEX projects_of_org_deleted
    ON ktrlplane.projects (org_id, project_id) WHERE status = 'Deleted';
CREATE INDEX projects_deleting ON ktrlplane.projects (project_id) WHERE status = 'Deleting';

CREATE TABLE ktrlplane.resources (
    resource_id text COLLATE "C" NOT NULL,
    project_id text COLLATE "C" NOT NULL,
    org_id text COLLATE "C",  -- its project's, kept in step when that moves
    name text NOT NULL,
    name_key text COLLATE "C" NOT NULL GENERATED ALWAYS AS (lower(name COLLATE "C")) STORED,
    type text COLLATE "C" NOT NULL,
    sku text COLLATE "C" NOT NULL DEFAULT 'free',
    -- As written: jsonb forgets the order of members and how numbers were put.
    settings_text text NOT NULL DEFAULT '{}',
    settings_json jsonb NOT NULL GENERATED ALWAYS AS (settings_text::jsonb) STORED,
    status text COLLATE "C" NOT NULL DEFAULT 'Creating',
    status_reason text,
    generation bigint NOT NULL DEFAULT 1,
    observed_generation bigint NOT NULL DEFAULT 0,
    conditions jsonb NOT NULL DEFAULT '[]',
    access_url text,
    error_message text,
    stripe_price_id text,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT resources_pkey PRIMARY KEY (resource_id),
    CONSTRAINT resources_project_id_fkey FOREIGN KEY (project_id)
        REFERENCES ktrlplane.projects (project_id) ON DELETE RESTRICT,
    CONSTRAINT resources_org_id_fkey FOREIGN KEY (org_id)
        REFERENCES ktrlplane.organizations (org_id) ON DELETE RESTRICT,
    CONSTRAINT resources_settings_json CHECK (jsonb_typeof(settings_json) = 'object'),
    CONSTRAINT resources_conditions CHECK (jsonb_typeof(conditions) = 'array'),
    CONSTRAINT resources_generation CHECK (generation >= 1 AND observed_generation >= 0),
    CONSTRAINT resources_status CHECK (status IN (
        'Creating', 'Running', 'Updating', 'Degraded',
        'Failed', 'Suspended', 'Deleting', 'Deleted'
    ))
);

-- What lists are filtered by is in their indexes too: a filter that lets little through then
-- reads no row that it drops.
CREATE INDEX resources_of_org_by_time
    ON ktrlplane.resources (org_id, created_at, resource_id)
    INCLUDE (type, sku, status, name_key) WHERE status <> 'Deleted';
CREATE INDEX resources_of_org_by_name
    ON ktrlplane.resources (org_id, name_key, resource_id)
    INCLUDE (type, sku, status) WHERE status <> 'Deleted';
CREATE INDEX resources_of_org_deleted
    ON ktrlplane.resources (org_id, created_at, resource_id) WHERE status = 'Deleted';
CREATE INDEX resources_of_project_by_time
    ON ktrlplane.resources (project_id, created_at, resource_id)
    INCLUDE (type, sku, status, name_key) WHERE status <> 'Deleted';
CREATE INDEX resources_of_project_by_name
    ON ktrlplane.resources (project_id, name_key, resource_id)
    INCLUDE (type, sku, status) WHERE status <> 'Deleted';
CREATE INDEX resources_of_project_deleted
    ON ktrlplane.resources (project_id, created_at, resource_id) WHERE status = 'Deleted';
CREATE INDEX resources_deleting
    ON ktrlplane.resources (updated_at, resource_id) WHERE status = 'Deleting';

-- The payment provider knows the rest.
CREATE TABLE ktrlplane.billing_accounts (
    billing_account_id text COLLATE "C" NOT NULL,
    scope_type text COLLATE "C" NOT NULL,
    scope_id text COLLATE "C" NOT NULL,
    stripe_customer_id text,
    stripe_subscription_id text,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT billing_accounts_pkey PRIMARY KEY (billing_account_id),
    CONSTRAINT billing_accounts_scope_key UNIQUE (scope_type, scope_id),
    CONSTRAINT billing_accounts_scope_type CHECK (scope_type IN ('organization', 'project'))
);
