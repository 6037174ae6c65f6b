-- depends: 0016_billing
--
-- What the local payment simulator knows: a platform without a payment provider has one that
-- bills nobody.

CREATE TABLE ktrlplane.simulated_payments (
    one boolean NOT NULL DEFAULT true,
    state bytea,
    CONSTRAINT simulated_payments_pkey PRIMARY KEY (one),
    CONSTRAINT simulated_payments_one_check CHECK (one)
);
