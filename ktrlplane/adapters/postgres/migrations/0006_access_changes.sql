-- depends: 0005_groups
--
-- Whoever remembers what people may do is told where that changes: by notifications on the
-- channel ktrlplane_access, each a scope such as 'organization acme', or '*'. A scope stands
-- for everything in it. Notifications are sent when the change is committed, and PostgreSQL
-- lets those who send some commit one after the other: so nothing else sends any.

CREATE FUNCTION ktrlplane.tell_of_access(scopes text[]) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    IF cardinality(scopes) > 100 THEN
        PERFORM pg_notify('ktrlplane_access', '*');
    ELSE
        PERFORM pg_notify('ktrlplane_access', scope) FROM unnest(scopes) AS scope;
    END IF;
END
$$;

CREATE FUNCTION ktrlplane.everything_changed() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('ktrlplane_access', '*');
    RETURN NULL;
END
$$;

-- Each function sees the rows of one statement, before it as gone and after it as come. A
-- branch is planned when it is first taken, so that one function serves all three events.

CREATE FUNCTION ktrlplane.assignments_changed() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE scopes text[];
BEGIN
    IF TG_OP = 'INSERT' THEN
        SELECT array_agg(scope) INTO scopes FROM (
            SELECT DISTINCT scope_type || ' ' || scope_id AS scope FROM come LIMIT 101
        ) found;
    ELSIF TG_OP = 'DELETE' THEN
        SELECT array_agg(scope) INTO scopes FROM (
            SELECT DISTINCT scope_type || ' ' || scope_id AS scope FROM gone LIMIT 101
        ) found;
    ELSE
        SELECT array_agg(scope) INTO scopes FROM (
            SELECT scope_type || ' ' || scope_id AS scope FROM gone
            UNION
            SELECT scope_type || ' ' || scope_id FROM come
            LIMIT 101
        ) found;
    END IF;
    PERFORM ktrlplane.tell_of_access(scopes);
    RETURN NULL;
END
$$;

CREATE TRIGGER tell_of_access_insert AFTER INSERT ON ktrlplane.role_assignments
    REFERENCING NEW TABLE AS come
    FOR EACH STATEMENT EXECUTE FUNCTION ktrlplane.assignments_changed();
CREATE TRIGGER tell_of_access_update AFTER UPDATE ON ktrlplane.role_assignments
    REFERENCING OLD TABLE AS gone NEW TABLE AS come
    FOR EACH STATEMENT EXECUTE FUNCTION ktrlplane.assignments_changed();
CREATE TRIGGER tell_of_access_delete AFTER DELETE ON ktrlplane.role_assignments
    REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION ktrlplane.assignments_changed();

-- A group gives nothing outside its organization.
CREATE FUNCTION ktrlplane.members_changed() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        PERFORM ktrlplane.tell_of_access(array_agg(DISTINCT 'organization ' || org_id)) FROM gone;
    END IF;
    IF TG_OP <> 'DELETE' THEN
        PERFORM ktrlplane.tell_of_access(array_agg(DISTINCT 'organization ' || org_id)) FROM come;
    END IF;
    RETURN NULL;
END
$$;

CREATE TRIGGER tell_of_access_insert AFTER INSERT ON ktrlplane.group_members
    REFERENCING NEW TABLE AS come
    FOR EACH STATEMENT EXECUTE FUNCTION ktrlplane.members_changed();
CREATE TRIGGER tell_of_access_update AFTER UPDATE ON ktrlplane.group_members
    REFERENCING OLD TABLE AS gone NEW TABLE AS come
    FOR EACH STATEMENT EXECUTE FUNCTION ktrlplane.members_changed();
CREATE TRIGGER tell_of_access_delete AFTER DELETE ON ktrlplane.group_members
    REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION ktrlplane.members_changed();

-- A new role is held by nobody, and none goes while somebody holds it.
CREATE FUNCTION ktrlplane.roles_changed() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM ktrlplane.tell_of_access(array_agg(scope)) FROM (
        SELECT CASE
            WHEN come.org_id IS NULL OR gone.org_id IS DISTINCT FROM come.org_id THEN '*'
            ELSE 'organization ' || come.org_id
        END AS scope
        FROM come JOIN gone USING (role_id)
        WHERE gone.permissions IS DISTINCT FROM come.permissions
        UNION
        SELECT a.scope_type || ' ' || a.scope_id
        FROM come JOIN gone USING (role_id) JOIN ktrlplane.role_assignments a USING (role_id)
        WHERE gone.permissions IS DISTINCT FROM come.permissions AND come.org_id IS NOT NULL
        LIMIT 101
    ) found;
    RETURN NULL;
END
$$;

CREATE TRIGGER tell_of_access_update AFTER UPDATE ON ktrlplane.roles
    REFERENCING OLD TABLE AS gone NEW TABLE AS come
    FOR EACH STATEMENT EXECUTE FUNCTION ktrlplane.roles_changed();

-- What a thing is in. For single rows, since nearly every change of theirs is another one,
-- and a condition costs less than a function that finds nothing to tell.

CREATE FUNCTION ktrlplane.organization_changed() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('ktrlplane_access', 'organization ' || OLD.org_id);
    RETURN NULL;
END
$$;

CREATE FUNCTION ktrlplane.project_changed() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('ktrlplane_access', 'project ' || OLD.project_id);
    RETURN NULL;
END
$$;

CREATE TRIGGER tell_of_access_update AFTER UPDATE ON ktrlplane.organizations
    FOR EACH ROW WHEN (
        (OLD.org_id, OLD.deleted_at) IS DISTINCT FROM (NEW.org_id, NEW.deleted_at)
    )
    EXECUTE FUNCTION ktrlplane.organization_changed();
CREATE TRIGGER tell_of_access_delete AFTER DELETE ON ktrlplane.organizations
    FOR EACH ROW EXECUTE FUNCTION ktrlplane.organization_changed();

CREATE TRIGGER tell_of_access_update AFTER UPDATE ON ktrlplane.projects
    FOR EACH ROW WHEN (
        (OLD.project_id, OLD.org_id) IS DISTINCT FROM (NEW.project_id, NEW.org_id)
    )
    EXECUTE FUNCTION ktrlplane.project_changed();
CREATE TRIGGER tell_of_access_delete AFTER DELETE ON ktrlplane.projects
    FOR EACH ROW EXECUTE FUNCTION ktrlplane.project_changed();

-- By its project, so that a thousand that move together are told of once.
CREATE TRIGGER tell_of_access_update AFTER UPDATE ON ktrlplane.resources
    FOR EACH ROW WHEN (
        (OLD.resource_id, OLD.project_id, OLD.org_id)
        IS DISTINCT FROM (NEW.resource_id, NEW.project_id, NEW.org_id)
    )
    EXECUTE FUNCTION ktrlplane.project_changed();
CREATE TRIGGER tell_of_access_delete AFTER DELETE ON ktrlplane.resources
    FOR EACH ROW EXECUTE FUNCTION ktrlplane.project_changed();

CREATE TRIGGER tell_of_access_truncate AFTER TRUNCATE ON ktrlplane.role_assignments
    FOR EACH STATEMENT EXECUTE FUNCTION ktrlplane.everything_changed();
CREATE TRIGGER tell_of_access_truncate AFTER TRUNCATE ON ktrlplane.group_members
    FOR EACH STATEMENT EXECUTE FUNCTION ktrlplane.everything_changed();
CREATE TRIGGER tell_of_access_truncate AFTER TRUNCATE ON ktrlplane.roles
    FOR EACH STATEMENT EXECUTE FUNCTION ktrlplane.everything_changed();
CREATE TRIGGER tell_of_access_truncate AFTER TRUNCATE ON ktrlplane.organizations
    FOR EACH STATEMENT EXECUTE FUNCTION ktrlplane.everything_changed();
CREATE TRIGGER tell_of_access_truncate AFTER TRUNCATE ON ktrlplane.projects
    FOR EACH STATEMENT EXECUTE FUNCTION ktrlplane.everything_changed();
CREATE TRIGGER tell_of_access_truncate AFTER TRUNCATE ON ktrlplane.resources
    FOR EACH STATEMENT EXECUTE FUNCTION ktrlplane.everything_changed();
