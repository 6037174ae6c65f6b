-- depends: 0015_chain_heads
--
-- What an account is to be made to be at the payment provider, and what the provider has told.
-- Neither says what somebody owes or has paid: the provider alone knows.

ALTER TABLE ktrlplane.billing_accounts
    ADD COLUMN opened_by text COLLATE "C",
    ADD COLUMN customers int NOT NULL DEFAULT 0,
    ADD COLUMN has_subscribed boolean NOT NULL DEFAULT false,
    ADD COLUMN currency text COLLATE "C",
    ADD COLUMN "interval" text COLLATE "C",
    ADD COLUMN revision bigint NOT NULL DEFAULT 0,
    ADD COLUMN ending text[] COLLATE "C" NOT NULL DEFAULT '{}',
    ADD COLUMN fault text COLLATE "C",
    ADD COLUMN grace_until timestamptz,
    ADD COLUMN has_lapsed boolean NOT NULL DEFAULT false,
    ADD COLUMN pay_again boolean NOT NULL DEFAULT false,
    ADD COLUMN touched_at timestamptz,
    ADD COLUMN due_at timestamptz DEFAULT now(),  -- those of before are looked at once
    ADD COLUMN leased_until timestamptz,
    ADD COLUMN attempts int NOT NULL DEFAULT 0;

CREATE INDEX billing_accounts_due ON ktrlplane.billing_accounts (due_at)
    WHERE due_at IS NOT NULL;
CREATE INDEX billing_accounts_of_customer ON ktrlplane.billing_accounts (stripe_customer_id)
    WHERE stripe_customer_id IS NOT NULL;

CREATE TABLE ktrlplane.payment_notices (
    notice_id text COLLATE "C" NOT NULL,
    noted_at timestamptz NOT NULL,
    CONSTRAINT payment_notices_pkey PRIMARY KEY (notice_id)
);

CREATE INDEX payment_notices_noted_at ON ktrlplane.payment_notices (noted_at);
