-- depends: 0013_webhooks
--
-- What people are told of what happened. Notable events wait until somebody has decided who is
-- to be told; what is to be mailed is put into letters, and those are what is sent.

CREATE TABLE ktrlplane.notable_events (
    event_id text COLLATE "C" NOT NULL,
    occurred_at timestamptz NOT NULL,
    CONSTRAINT notable_events_pkey PRIMARY KEY (occurred_at, event_id)
);

CREATE TABLE ktrlplane.notification_letters (
    letter_id text COLLATE "C" NOT NULL,
    user_id text COLLATE "C" NOT NULL,
    email text COLLATE "C" NOT NULL,
    created_at timestamptz NOT NULL,
    due_at timestamptz,
    attempts int NOT NULL,
    sent_at timestamptz,
    CONSTRAINT notification_letters_pkey PRIMARY KEY (letter_id)
);

CREATE INDEX notification_letters_of_user ON ktrlplane.notification_letters (user_id, created_at);
CREATE INDEX notification_letters_due ON ktrlplane.notification_letters (due_at, letter_id)
    WHERE due_at IS NOT NULL;
CREATE INDEX notification_letters_created ON ktrlplane.notification_letters (created_at);

CREATE TABLE ktrlplane.notifications (
    notification_id text COLLATE "C" NOT NULL,
    user_id text COLLATE "C" NOT NULL,
    event_id text COLLATE "C" NOT NULL,
    event_type text COLLATE "C" NOT NULL,
    scope_type text COLLATE "C" NOT NULL,
    scope_id text COLLATE "C" NOT NULL,
    title text NOT NULL,
    created_at timestamptz NOT NULL,
    read_at timestamptz,
    in_app boolean NOT NULL,
    email text COLLATE "C" NOT NULL,
    mail_due_at timestamptz,
    letter_id text COLLATE "C",
    CONSTRAINT notifications_pkey PRIMARY KEY (notification_id),
    CONSTRAINT notifications_user_event_key UNIQUE (user_id, event_id),
    CONSTRAINT notifications_letter_id_fkey FOREIGN KEY (letter_id)
        REFERENCES ktrlplane.notification_letters
);

CREATE INDEX notifications_of_user
    ON ktrlplane.notifications (user_id, created_at, notification_id);
CREATE INDEX notifications_unread
    ON ktrlplane.notifications (user_id, created_at, notification_id) WHERE read_at IS NULL;
CREATE INDEX notifications_unmailed ON ktrlplane.notifications (mail_due_at, notification_id)
    WHERE mail_due_at IS NOT NULL AND letter_id IS NULL;
CREATE INDEX notifications_in_letter ON ktrlplane.notifications (letter_id)
    WHERE letter_id IS NOT NULL;
CREATE INDEX notifications_created ON ktrlplane.notifications (created_at);

CREATE TABLE ktrlplane.notification_preferences (
    user_id text COLLATE "C" NOT NULL,
    event_type text COLLATE "C" NOT NULL,
    in_app boolean NOT NULL,
    email text COLLATE "C" NOT NULL,
    CONSTRAINT notification_preferences_pkey PRIMARY KEY (user_id, event_type)
);
