-- The database of the system that KtrlPlane replaces, as its 17 migrations leave it: what an
-- installation has before anybody has signed in. Written from a description of it.

CREATE TABLE public.schema_migrations (
    version varchar(255) PRIMARY KEY,
    applied_at timestamp DEFAULT now()
);
INSERT INTO public.schema_migrations (version)
SELECT to_char(number, 'FM000') FROM generate_series(1, 17) AS number;

CREATE SCHEMA ktrlplane;

CREATE TABLE ktrlplane.users (
    user_id varchar(255) PRIMARY KEY,
    email varchar(255) NOT NULL,
    name varchar(255),
    created_at timestamp DEFAULT now(),
    updated_at timestamp DEFAULT now()
);

CREATE TABLE ktrlplane.organizations (
    org_id varchar(255) PRIMARY KEY,
    name varchar(255) NOT NULL,
    created_at timestamp DEFAULT now(),
    updated_at timestamp DEFAULT now(),
    subscription_status varchar(50),
    subscription_plan varchar(50),
    billing_email varchar(255)
);

CREATE TABLE ktrlplane.projects (
    project_id varchar(255) PRIMARY KEY,
    org_id varchar(255) REFERENCES ktrlplane.organizations ON DELETE CASCADE,
    name varchar(255) NOT NULL,
    status varchar(50) DEFAULT 'Active',
    created_at timestamp DEFAULT now(),
    updated_at timestamp DEFAULT now(),
    inherits_billing_from_org boolean DEFAULT true
);

CREATE TABLE ktrlplane.resources (
    resource_id varchar(255) PRIMARY KEY,
    project_id varchar(255) NOT NULL REFERENCES ktrlplane.projects ON DELETE CASCADE,
    name varchar(255) NOT NULL,
    type varchar(100) NOT NULL,
    status varchar(50) DEFAULT 'Creating',
    settings_json jsonb DEFAULT '{}',
    error_message text,
    access_url text,
    created_at timestamp DEFAULT now(),
    updated_at timestamp DEFAULT now(),
    sku varchar(50) NOT NULL DEFAULT 'free',
    stripe_price_id varchar(255)
);

CREATE TABLE ktrlplane.roles (
    role_id varchar(255) PRIMARY KEY,
    name varchar(255) NOT NULL UNIQUE,
    display_name varchar(255),
    description text,
    is_system boolean DEFAULT false,
    created_at timestamp DEFAULT now(),
    updated_at timestamp DEFAULT now(),
    display_order integer DEFAULT 999,
    is_hidden boolean DEFAULT false
);

CREATE TABLE ktrlplane.permissions (
    permission_id varchar(255) PRIMARY KEY,
    resource_type varchar(100) NOT NULL,
    action varchar(100) NOT NULL,
    description text,
    created_at timestamp DEFAULT now(),
    UNIQUE (resource_type, action)
);

CREATE TABLE ktrlplane.role_permissions (
    role_id varchar(255) REFERENCES ktrlplane.roles ON DELETE CASCADE,
    permission_id varchar(255) REFERENCES ktrlplane.permissions ON DELETE CASCADE,
    PRIMARY KEY (role_id, permission_id)
);

CREATE TABLE ktrlplane.role_assignments (
    assignment_id varchar(255) PRIMARY KEY,
    user_id varchar(255) NOT NULL REFERENCES ktrlplane.users ON DELETE CASCADE,
    role_id varchar(255) NOT NULL REFERENCES ktrlplane.roles ON DELETE CASCADE,
    scope_type varchar(50) NOT NULL,
    scope_id varchar(255) NOT NULL,
    assigned_by varchar(255) REFERENCES ktrlplane.users,
    created_at timestamp DEFAULT now(),
    expires_at timestamp,
    updated_at timestamp DEFAULT now(),
    UNIQUE (user_id, role_id, scope_type, scope_id)
);

CREATE TABLE ktrlplane.billing_accounts (
    billing_account_id varchar(255) PRIMARY KEY,
    scope_type varchar(50) NOT NULL,
    scope_id varchar(255) NOT NULL,
    stripe_customer_id varchar(255),
    stripe_subscription_id varchar(255),
    created_at timestamp DEFAULT now(),
    updated_at timestamp DEFAULT now(),
    UNIQUE (scope_type, scope_id)
);

INSERT INTO ktrlplane.permissions (permission_id, resource_type, action)
SELECT '00000000-0001-0000-0000-' || to_char(number, 'FM000000000000'), 'Konnektr.KtrlPlane', action
FROM unnest(ARRAY[
    'read', 'write', 'delete', 'manage_access', 'manage_billing', 'check_permissions_on_behalf_of'
]) WITH ORDINALITY AS known (action, number);

INSERT INTO ktrlplane.permissions (permission_id, resource_type, action)
SELECT '00000000-0004-0000-0000-' || to_char(number, 'FM000000000000'), 'Konnektr.Graph', action
FROM unnest(ARRAY[
    'digitaltwins/read', 'digitaltwins/write', 'digitaltwins/delete',
    'digitaltwins/commands/action', 'digitaltwins/relationships/read',
    'digitaltwins/relationships/write', 'digitaltwins/relationships/delete', 'digitaltwins/*',
    'models/read', 'models/write', 'models/delete', 'models/*', 'query/action', 'query/*',
    'jobs/imports/read', 'jobs/imports/write', 'jobs/imports/delete',
    'jobs/imports/cancel/action', 'jobs/imports/*', 'digitaltwins/commands/*',
    'digitaltwins/relationships/*', 'jobs/*', 'jobs/deletions/read', 'jobs/deletions/write',
    'jobs/deletions/delete', 'jobs/deletions/cancel/action', 'jobs/deletions/*', NULL, NULL,
    'mcp/*'
]) WITH ORDINALITY AS known (action, number)
WHERE action IS NOT NULL;

INSERT INTO ktrlplane.roles (role_id, name, display_name, is_system, display_order, is_hidden)
VALUES
    ('10000000-0001-0000-0000-000000000001', 'Owner', 'Owner', true, 1, false),
    ('10000000-0001-0000-0000-000000000002', 'Editor', 'Editor', true, 2, false),
    ('10000000-0001-0000-0000-000000000003', 'Viewer', 'Viewer', true, 3, false),
    ('10000000-0005-0000-0000-000000000001', 'Konnektr.Data.Owner', 'Data Owner', true, 20, false),
    ('10000000-0004-0000-0000-000000000001', 'Konnektr.Graph.Owner', 'Graph Owner', true, 30,
     false),
    ('10000000-0004-0000-0000-000000000003', 'Konnektr.Graph.Viewer', 'Graph Viewer', true, 31,
     false),
    ('service-account-permission-checker', 'Service Account: Permission Checker',
     'Service Account: Permission Checker', true, 1000, true);

INSERT INTO ktrlplane.role_permissions (role_id, permission_id)
SELECT r.role_id, p.permission_id
FROM (VALUES
    ('Owner', 'Konnektr.KtrlPlane',
     ARRAY['read', 'write', 'delete', 'manage_access', 'manage_billing']),
    ('Editor', 'Konnektr.KtrlPlane', ARRAY['read', 'write']),
    ('Viewer', 'Konnektr.KtrlPlane', ARRAY['read']),
    ('Konnektr.Data.Owner', 'Konnektr.Graph',
     ARRAY['digitaltwins/*', 'models/*', 'query/*', 'jobs/*', 'mcp/*']),
    ('Konnektr.Graph.Owner', 'Konnektr.Graph',
     ARRAY['digitaltwins/*', 'models/*', 'query/*', 'jobs/*', 'mcp/*']),
    ('Konnektr.Graph.Viewer', 'Konnektr.Graph',
     ARRAY['digitaltwins/read', 'digitaltwins/relationships/read', 'models/read', 'query/action',
           'jobs/imports/read', 'jobs/deletions/read']),
    ('Service Account: Permission Checker', 'Konnektr.KtrlPlane',
     ARRAY['check_permissions_on_behalf_of'])
) AS given (role, product, actions)
JOIN ktrlplane.roles r ON r.name = given.role
JOIN ktrlplane.permissions p ON p.resource_type = given.product AND p.action = ANY(given.actions);
