-- depends: 0019_unpriced
--
-- Whose customers those of the billing accounts are at the payment provider, once that is known.

CREATE TABLE ktrlplane.merchant (
    is_only boolean PRIMARY KEY DEFAULT true CHECK (is_only),
    merchant_id text COLLATE "C" NOT NULL
);
