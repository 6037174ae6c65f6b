-- depends: 0002_access
--
-- Answers to requests that came with an idempotency key, until they are forgotten.

CREATE TABLE ktrlplane.idempotency_answers (
    user_id text COLLATE "C" NOT NULL,
    key text COLLATE "C" NOT NULL,
    fingerprint bytea NOT NULL,
    status integer NOT NULL,
    headers text[] NOT NULL,  -- name, value, name, value, ...
    body bytea NOT NULL,
    kept_at timestamptz NOT NULL,
    CONSTRAINT idempotency_answers_pkey PRIMARY KEY (user_id, key)
);

CREATE INDEX idempotency_answers_by_age ON ktrlplane.idempotency_answers (kept_at);
