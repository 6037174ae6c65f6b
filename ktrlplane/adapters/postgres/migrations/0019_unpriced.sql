-- depends: 0018_trials
--
-- What is from before there was billing, costs something by its name and has no price: whoever looks
-- first at the account that pays for it finds out. Nothing else gets a price that nobody chose.

ALTER TABLE ktrlplane.resources
    ADD COLUMN came_unpriced boolean NOT NULL DEFAULT false;

-- A time that is yet to come is the former system's.
UPDATE ktrlplane.resources
SET came_unpriced = true
WHERE stripe_price_id IS NULL AND sku <> 'free' AND status NOT IN ('Deleting', 'Deleted')
    AND created_at NOT BETWEEN (
        SELECT applied_at_utc AT TIME ZONE 'UTC' FROM ktrlplane._yoyo_migration
        WHERE migration_id = '0016_billing'
    ) AND now();

CREATE INDEX resources_unpriced ON ktrlplane.resources (project_id) WHERE came_unpriced;

WITH payers AS (
    SELECT DISTINCT
        CASE WHEN by_org THEN 'organization' ELSE 'project' END AS scope_type,
        CASE WHEN by_org THEN org_id ELSE project_id END AS scope_id
    FROM (
        SELECT p.org_id, p.project_id, p.org_id IS NOT NULL AND p.inherits_billing_from_org AS by_org
        FROM ktrlplane.projects p JOIN ktrlplane.resources r ON r.project_id = p.project_id
        WHERE r.came_unpriced
    ) AS marked
),
made AS (
    INSERT INTO ktrlplane.billing_accounts (billing_account_id, scope_type, scope_id)
    SELECT 'bill_' || scope_type || '_' || scope_id, scope_type, scope_id FROM payers
    ON CONFLICT DO NOTHING
)
UPDATE ktrlplane.billing_accounts account
SET due_at = least(account.due_at, now())
FROM payers
WHERE (account.scope_type, account.scope_id) = (payers.scope_type, payers.scope_id);
