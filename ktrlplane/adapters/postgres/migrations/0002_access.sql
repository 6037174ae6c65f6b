-- depends: 0001_tenancy
--
-- Who may do what where.

CREATE TABLE ktrlplane.permissions (
    permission_id text COLLATE "C" NOT NULL,
    resource_type text COLLATE "C" NOT NULL,
    action text COLLATE "C" NOT NULL,
    description text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT permissions_pkey PRIMARY KEY (permission_id),
    CONSTRAINT permissions_resource_type_action_key UNIQUE (resource_type, action)
);

-- permissions are texts such as Konnektr.KtrlPlane:read, in the order in which the role
-- lists them: a check reads all of a role's at once and never asks for one alone.
-- The name's uniqueness is looked at last, so that two roles can swap theirs.
CREATE TABLE ktrlplane.roles (
    role_id text COLLATE "C" NOT NULL,
    name text COLLATE "C" NOT NULL,
    display_name text NOT NULL,
    description text NOT NULL DEFAULT '',
    permissions text[] NOT NULL DEFAULT '{}',
    is_system boolean NOT NULL DEFAULT false,
    is_hidden boolean NOT NULL DEFAULT false,
    org_id text COLLATE "C",
    display_order integer NOT NULL DEFAULT 999,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT roles_pkey PRIMARY KEY (role_id),
    CONSTRAINT roles_name_key UNIQUE (name) DEFERRABLE INITIALLY DEFERRED,
    CONSTRAINT roles_org_id_fkey FOREIGN KEY (org_id)
        REFERENCES ktrlplane.organizations (org_id) ON DELETE RESTRICT
);

-- scope_id names things of three kinds, or * at global scope, hence no foreign key.
CREATE TABLE ktrlplane.role_assignments (
    assignment_id text COLLATE "C" NOT NULL,
    principal_type text COLLATE "C" NOT NULL DEFAULT 'user',
    user_id text COLLATE "C" NOT NULL,
    role_id text COLLATE "C" NOT NULL,
    scope_type text COLLATE "C" NOT NULL,
    scope_id text COLLATE "C" NOT NULL,
    assigned_by text COLLATE "C",
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz,
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT role_assignments_pkey PRIMARY KEY (assignment_id),
    -- In this order it is also the index of every check: what a principal has at a scope.
    CONSTRAINT role_assignments_once
        UNIQUE (user_id, scope_type, scope_id, role_id) INCLUDE (expires_at),
    CONSTRAINT role_assignments_user_id_fkey FOREIGN KEY (user_id)
        REFERENCES ktrlplane.users (user_id) ON DELETE RESTRICT,
    CONSTRAINT role_assignments_role_id_fkey FOREIGN KEY (role_id)
        REFERENCES ktrlplane.roles (role_id) ON DELETE RESTRICT,
    CONSTRAINT role_assignments_principal_type CHECK (principal_type IN ('user', 'group')),
    CONSTRAINT role_assignments_scope_type
        CHECK (scope_type IN ('global', 'organization', 'project', 'resource'))
);

CREATE INDEX role_assignments_of_scope
    ON ktrlplane.role_assignments (scope_type, scope_id, created_at, assignment_id)
    INCLUDE (user_id, expires_at);
