-- depends: 0003_idempotency
--
-- How many resources of a tier a project or an organization has is counted before each new one.

CREATE INDEX resources_of_org_by_tier
    ON ktrlplane.resources (org_id, type, sku) WHERE status NOT IN ('Deleting', 'Deleted');
CREATE INDEX resources_of_project_by_tier
    ON ktrlplane.resources (project_id, type, sku) WHERE status NOT IN ('Deleting', 'Deleted');
