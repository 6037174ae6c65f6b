-- depends: 0017_simulated_payments
--
-- Whether an account pays for what others have paid for before, and so has no trial any more.

ALTER TABLE ktrlplane.billing_accounts
    ADD COLUMN beyond_trial boolean NOT NULL DEFAULT false;
