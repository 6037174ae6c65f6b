-- depends: 0017_simulated_payments
--
-- For how many days what an account pays for may be tried, while it may be; null where nobody has
-- said so here, or the trial is over.

ALTER TABLE ktrlplane.billing_accounts
    ADD COLUMN trial_days int;
