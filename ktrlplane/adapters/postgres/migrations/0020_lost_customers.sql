-- depends: 0019_unpriced
--
-- Customers whom the provider did not have when it was asked: by another key, perhaps.

ALTER TABLE ktrlplane.billing_accounts
    ADD COLUMN lost text[] COLLATE "C" NOT NULL DEFAULT '{}';
