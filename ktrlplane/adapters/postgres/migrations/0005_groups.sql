-- depends: 0004_tier_counts
--
-- Groups, custom roles and service accounts of organizations, and invitations.

CREATE TABLE ktrlplane.groups (
    group_id text COLLATE "C" NOT NULL,
    org_id text COLLATE "C" NOT NULL,
    name text NOT NULL,
    name_key text COLLATE "C" NOT NULL GENERATED ALWAYS AS (lower(name COLLATE "C")) STORED,
    description text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT groups_pkey PRIMARY KEY (group_id),
    CONSTRAINT groups_name_key UNIQUE (org_id, name_key),
    CONSTRAINT groups_of_org_key UNIQUE (group_id, org_id),
    CONSTRAINT groups_org_id_fkey FOREIGN KEY (org_id)
        REFERENCES ktrlplane.organizations (org_id) ON DELETE RESTRICT
);

CREATE INDEX groups_by_time ON ktrlplane.groups (org_id, created_at, group_id);

-- org_id is the group's: a check asks for its principal's groups in one organization.
CREATE TABLE ktrlplane.group_members (
    group_id text COLLATE "C" NOT NULL,
    org_id text COLLATE "C" NOT NULL,
    user_id text COLLATE "C" NOT NULL,
    added_by text COLLATE "C",
    added_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT group_members_pkey PRIMARY KEY (group_id, user_id),
    CONSTRAINT group_members_group_id_fkey FOREIGN KEY (group_id, org_id)
        REFERENCES ktrlplane.groups (group_id, org_id) ON DELETE CASCADE,
    CONSTRAINT group_members_user_id_fkey FOREIGN KEY (user_id)
        REFERENCES ktrlplane.users (user_id) ON DELETE RESTRICT
);

CREATE INDEX group_members_of_user ON ktrlplane.group_members (user_id, org_id, group_id);
CREATE INDEX group_members_by_time ON ktrlplane.group_members (group_id, added_at, user_id);

-- An assignment is held by a user or by a group: holder is what a check looks for. An id of a
-- user has no space in it.
ALTER TABLE ktrlplane.role_assignments
    ALTER COLUMN user_id DROP NOT NULL,
    ADD COLUMN group_id text COLLATE "C",
    ADD COLUMN holder text COLLATE "C" NOT NULL
        GENERATED ALWAYS AS (coalesce(user_id, 'group ' || group_id)) STORED,
    DROP CONSTRAINT role_assignments_once,
    DROP CONSTRAINT role_assignments_principal_type,
    DROP COLUMN principal_type,
    ADD CONSTRAINT role_assignments_holder CHECK ((user_id IS NULL) <> (group_id IS NULL)),
    ADD CONSTRAINT role_assignments_once
        UNIQUE (holder, scope_type, scope_id, role_id) INCLUDE (expires_at),
    ADD CONSTRAINT role_assignments_group_id_fkey FOREIGN KEY (group_id)
        REFERENCES ktrlplane.groups (group_id) ON DELETE CASCADE;

CREATE INDEX role_assignments_of_group ON ktrlplane.role_assignments (group_id)
    WHERE group_id IS NOT NULL;
CREATE INDEX role_assignments_with_role ON ktrlplane.role_assignments (role_id);

-- Names of roles are unique among the platform's own and within each organization. The
-- platform's are looked at last, so that two roles can swap theirs.
ALTER TABLE ktrlplane.roles
    DROP CONSTRAINT roles_name_key,
    ADD CONSTRAINT roles_owner CHECK (is_system = (org_id IS NULL)),
    ADD CONSTRAINT roles_name_key
        EXCLUDE USING btree (name WITH =) WHERE (org_id IS NULL) DEFERRABLE INITIALLY DEFERRED;

CREATE UNIQUE INDEX roles_of_org ON ktrlplane.roles (org_id, (lower(name COLLATE "C")))
    WHERE org_id IS NOT NULL;

-- Who proves to be whom is the identity provider's matter: any organization may work with a
-- client, and none can keep another from it.
CREATE TABLE ktrlplane.service_accounts (
    org_id text COLLATE "C" NOT NULL,
    user_id text COLLATE "C" NOT NULL,
    name text NOT NULL,
    created_by text COLLATE "C",
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT service_accounts_pkey PRIMARY KEY (org_id, user_id),
    CONSTRAINT service_accounts_org_id_fkey FOREIGN KEY (org_id)
        REFERENCES ktrlplane.organizations (org_id) ON DELETE RESTRICT,
    CONSTRAINT service_accounts_user_id_fkey FOREIGN KEY (user_id)
        REFERENCES ktrlplane.users (user_id) ON DELETE RESTRICT
);

CREATE INDEX service_accounts_by_time
    ON ktrlplane.service_accounts (org_id, created_at, user_id);

-- role_expires_at is when the assignment will expire, expires_at when the invitation does.
-- A mail is due at mail_due_at, unless that is null; whoever sends it moves that on first.
CREATE TABLE ktrlplane.invitations (
    invitation_id text COLLATE "C" NOT NULL,
    email text NOT NULL,
    email_key text COLLATE "C" NOT NULL GENERATED ALWAYS AS (lower(email COLLATE "C")) STORED,
    role_id text COLLATE "C" NOT NULL,
    scope_type text COLLATE "C" NOT NULL,
    scope_id text COLLATE "C" NOT NULL,
    invited_by text COLLATE "C" NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    role_expires_at timestamptz,
    sent_at timestamptz,
    mail_due_at timestamptz,
    mail_attempts integer NOT NULL DEFAULT 0,
    CONSTRAINT invitations_pkey PRIMARY KEY (invitation_id),
    CONSTRAINT invitations_once UNIQUE (email_key, scope_type, scope_id, role_id),
    CONSTRAINT invitations_role_id_fkey FOREIGN KEY (role_id)
        REFERENCES ktrlplane.roles (role_id) ON DELETE CASCADE,
    CONSTRAINT invitations_invited_by_fkey FOREIGN KEY (invited_by)
        REFERENCES ktrlplane.users (user_id) ON DELETE RESTRICT,
    CONSTRAINT invitations_scope_type
        CHECK (scope_type IN ('organization', 'project', 'resource'))
);

CREATE INDEX invitations_of_scope
    ON ktrlplane.invitations (scope_type, scope_id, created_at, invitation_id);
CREATE INDEX invitations_with_role ON ktrlplane.invitations (role_id);
CREATE INDEX invitations_to_mail ON ktrlplane.invitations (mail_due_at, invitation_id)
    WHERE mail_due_at IS NOT NULL;
