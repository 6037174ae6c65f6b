-- What an installation of the former system holds after some years: all that is well, and one
-- of each thing that is not.

INSERT INTO ktrlplane.users (user_id, email, name, created_at, updated_at) VALUES
    ('auth0|ada', 'ada@example.com', 'Ada Lovelace', '2024-02-29 23:30:00', '2024-03-01 00:30:00'),
    ('auth0|grace', 'Grace@Example.com', 'Grace 株式会社 🐎', '2024-01-01', '2024-01-01'),
    ('google|grace', 'grace@example.com', '', '2024-01-01', NULL),
    ('graph@clients', 'graph@clients', 'Graph', '2024-01-01', 'infinity'),
    ('bob@example.com', 'bob@example.com', 'Invited User', '2024-01-01', '2024-01-01'),
    ('Bob@Example.com', 'Bob@Example.com', 'Invited User', '2024-01-01', '2024-01-01'),
    ('idle@example.com', 'idle@example.com', 'Invited User', '2024-01-01', '2024-01-01'),
    ('no one', 'noone@example.com', 'A blank in the id', '2024-01-01', '2024-01-01');

INSERT INTO ktrlplane.organizations (org_id, name, created_at, updated_at, billing_email) VALUES
    ('acme', 'Acme', '2024-01-01', '2024-06-30 12:00:00', 'bills@example.com'),
    ('Globex_Inc', E'  Globex\tInc ', '2024-01-01', '2024-01-01', NULL),
    ('orphaned', 'Orphaned', '-infinity', NULL, NULL);

INSERT INTO ktrlplane.projects (project_id, org_id, name, status, created_at, updated_at) VALUES
    ('plant', 'acme', 'Plant', 'Active', '2024-01-02', '2024-01-02'),
    ('yard', 'acme', 'Yard', 'Active', '2024-01-03', '2024-01-03'),
    ('quiet', 'acme', 'Quiet', 'Archived', '2024-01-04', '2024-01-04'),
    ('lab', 'Globex_Inc', 'Lab', 'Active', '2024-01-05', '2024-01-05'),
    ('shed', NULL, 'Shed', NULL, '2024-01-06', '2024-01-06');

INSERT INTO ktrlplane.resources (
    resource_id, project_id, name, type, status, settings_json, error_message, access_url, sku,
    stripe_price_id, created_at, updated_at
) VALUES
    ('twins', 'plant', 'Twins', 'Konnektr.DigitalTwins', 'Healthy',
     '{"b": 1.10, "a": [1, 2.50], "ü": "🐎"}', NULL, 'twins.api.graph.example.com', 'standard',
     'price_1', '2024-05-01 10:00:00', '2024-05-02 11:00:00.123456'),
    ('graph', 'yard', 'Graph', 'Konnektr.Graph', 'Running', '{}', NULL,
     'https://graph.example.com', 'free', NULL, '2024-05-03', '2024-05-03'),
    ('flow', 'lab', 'Flow', 'Konnektr.Flow', 'Brewing', 'null', NULL, 'javascript:alert(1)',
     'standard', NULL, '2024-05-04', '2024-05-04'),
    ('loom', 'shed', 'Loom', 'Acme.Loom', 'Degraded', NULL, 'no ''thread''; DROP', NULL, 'free',
     NULL, NULL, NULL);

INSERT INTO ktrlplane.permissions (permission_id, resource_type, action) VALUES
    ('loom-weave', 'Acme.Loom', 'weave/*');
INSERT INTO ktrlplane.roles (role_id, name) VALUES
    ('weaver', 'Weaver'), ('billing', 'Billing Manager'), ('unused', 'Unused');
INSERT INTO ktrlplane.role_permissions (role_id, permission_id) VALUES
    ('weaver', 'loom-weave'), ('billing', '00000000-0001-0000-0000-000000000005');

INSERT INTO ktrlplane.role_assignments (
    assignment_id, user_id, role_id, scope_type, scope_id, assigned_by, created_at, expires_at
)
SELECT assignment_id, user_id, coalesce(r.role_id, role), scope_type, scope_id, assigned_by,
    '2024-01-10 09:00:00', expires_at::timestamp
FROM (VALUES
    ('a-01', 'auth0|ada', 'Owner', 'organization', 'acme', 'auth0|ada', NULL),
    ('a-02', 'auth0|ada', 'Konnektr.Data.Owner', 'organization', 'acme', 'auth0|ada', NULL),
    ('a-03', 'auth0|ada', 'Owner', 'organization', 'Globex_Inc', NULL, NULL),
    ('a-04', 'auth0|grace', 'Viewer', 'project', 'plant', 'auth0|ada', NULL),
    ('a-05', 'auth0|grace', 'Editor', 'organization', 'acme', 'auth0|ada', '2024-02-01'),
    ('a-06', 'auth0|grace', 'Konnektr.Graph.Viewer', 'resource', 'twins', 'auth0|ada', 'infinity'),
    ('a-07', 'auth0|grace', 'Weaver', 'project', 'shed', 'no one', NULL),
    ('a-08', 'google|grace', 'Billing Manager', 'organization', 'acme', 'auth0|ada', NULL),
    ('a-09', 'google|grace', 'Owner', 'project', 'shed', 'auth0|ada', '2999-12-31'),
    ('a-10', 'graph@clients', 'Service Account: Permission Checker', 'global', 'ktrlplane', NULL,
     NULL),
    ('a-11', 'bob@example.com', 'Editor', 'project', 'plant', 'auth0|ada', NULL),
    ('a-12', 'Bob@Example.com', 'Editor', 'project', 'plant', 'auth0|ada', NULL),
    ('a-13', 'bob@example.com', 'Viewer', 'organization', 'acme', 'no one', NULL),
    ('a-14', 'bob@example.com', 'Viewer', 'organization', 'gone', 'auth0|ada', NULL),
    ('a-15', 'auth0|ada', 'Owner', 'project', 'gone', 'auth0|ada', NULL),
    ('a-16', 'auth0|ada', 'Viewer', 'resource', 'gone', 'auth0|ada', NULL),
    ('a-17', 'no one', 'Viewer', 'organization', 'acme', 'auth0|ada', NULL),
    ('a-18', 'idle@example.com', 'Viewer', 'project', 'shed', NULL, '2024-02-01')
) AS given (assignment_id, user_id, role, scope_type, scope_id, assigned_by, expires_at)
LEFT JOIN ktrlplane.roles r ON r.name = given.role;

INSERT INTO ktrlplane.billing_accounts (
    billing_account_id, scope_type, scope_id, stripe_customer_id, stripe_subscription_id,
    created_at
) VALUES
    ('bill_acme', 'organization', 'acme', 'cus_acme', 'sub_acme', '2024-01-01'),
    ('bill_plant', 'project', 'plant', 'cus_plant', 'sub_plant', '2024-01-01'),
    ('bill_lab', 'project', 'lab', 'cus_lab', NULL, '2024-01-01'),
    ('bill_gone', 'project', 'gone', 'cus_gone', 'sub_gone', '2024-01-01');
