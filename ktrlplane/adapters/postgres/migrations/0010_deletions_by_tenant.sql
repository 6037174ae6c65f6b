-- depends: 0009_change_detection
--
-- What is to end is taken from one tenant after the other, so that who deletes ten thousand
-- resources keeps nobody else waiting.

CREATE INDEX resources_deleting_by_tenant ON ktrlplane.resources (
    (coalesce('organization ' || org_id, 'project ' || project_id)), updated_at, resource_id
) WHERE status = 'Deleting';
