-- +goose Up
CREATE TABLE settings (
    name  TEXT PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE api_keys (
    id     TEXT PRIMARY KEY,
    sum    BLOB NOT NULL UNIQUE,
    scopes TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE customers (
    id          TEXT PRIMARY KEY,
    name        TEXT NOT NULL,
    external_id TEXT,
    metadata    TEXT NOT NULL,
    status      TEXT NOT NULL,
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL,
    revision    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE subscriptions (
    id          TEXT PRIMARY KEY,
    customer_id TEXT REFERENCES customers (id),
    name        TEXT NOT NULL,
    status      TEXT NOT NULL,
    limits      TEXT NOT NULL,
    quotas      TEXT NOT NULL,
    starts_at   INTEGER,
    ends_at     INTEGER,
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL,
    revision    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX subscriptions_customer ON subscriptions (customer_id, id);

CREATE TABLE rooms (
    id                      TEXT PRIMARY KEY,
    name                    TEXT NOT NULL,
    type                    TEXT NOT NULL,
    description             TEXT NOT NULL,
    search                  TEXT NOT NULL, -- name, description and id in lower case
    moderator_token         TEXT NOT NULL,
    participant_token       TEXT NOT NULL,
    room_access_code        TEXT,
    participant_access_code TEXT,
    moderator_access_code   TEXT,
    features                TEXT NOT NULL,
    metadata                TEXT NOT NULL,
    limits                  TEXT NOT NULL,
    customer_id             TEXT REFERENCES customers (id),
    subscription_id         TEXT REFERENCES subscriptions (id),
    suspended               INTEGER NOT NULL,
    starts_at               INTEGER,
    stream_key              TEXT,
    backup_stream_key       TEXT,
    srt_passphrase          TEXT,
    pull_url                TEXT,
    pull_transport          TEXT,
    session_epoch           INTEGER NOT NULL,
    moderator_epoch         INTEGER NOT NULL,
    moderator_epoch_min     INTEGER NOT NULL,
    participant_epoch       INTEGER NOT NULL,
    participant_epoch_min   INTEGER NOT NULL,
    created_at              INTEGER NOT NULL,
    updated_at              INTEGER NOT NULL,
    revision                INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX rooms_customer ON rooms (customer_id, id);
CREATE INDEX rooms_subscription ON rooms (subscription_id, id);
CREATE INDEX rooms_type ON rooms (type, id);

CREATE TABLE room_credentials (
    sum     BLOB PRIMARY KEY, -- SHA-256 of the token or key
    room_id TEXT NOT NULL REFERENCES rooms (id) ON DELETE CASCADE,
    kind    TEXT NOT NULL,
    UNIQUE (room_id, kind)
) STRICT, WITHOUT ROWID;

CREATE TABLE room_runs (
    room_id      TEXT PRIMARY KEY REFERENCES rooms (id) ON DELETE CASCADE,
    run_id       TEXT, -- null when no run is on
    began_at     INTEGER,
    locked       INTEGER NOT NULL,
    refuse_until INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX room_runs_on ON room_runs (room_id) WHERE run_id IS NOT NULL;

CREATE TABLE join_tokens (
    id          TEXT PRIMARY KEY,
    room_id     TEXT NOT NULL REFERENCES rooms (id) ON DELETE CASCADE,
    sum         BLOB NOT NULL UNIQUE, -- SHA-256 of the token, which is kept nowhere
    name        TEXT NOT NULL,
    role        TEXT NOT NULL,
    external_id TEXT NOT NULL,
    expires_at  INTEGER,
    max_uses    INTEGER,
    uses        INTEGER NOT NULL,
    created_at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX join_tokens_room ON join_tokens (room_id, id);

CREATE TABLE bans (
    id             TEXT PRIMARY KEY,
    room_id        TEXT NOT NULL REFERENCES rooms (id) ON DELETE CASCADE,
    run_id         TEXT, -- null until the next run begins
    participant_id TEXT NOT NULL,
    name           TEXT NOT NULL,
    role           TEXT NOT NULL,
    external_id    TEXT NOT NULL,
    device         TEXT NOT NULL,
    address        TEXT NOT NULL,
    created_at     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX bans_room ON bans (room_id, id);

CREATE TABLE ended_sessions (
    room_id    TEXT NOT NULL REFERENCES rooms (id) ON DELETE CASCADE,
    holder_id  TEXT NOT NULL, -- a participant or a deleted join token
    expires_at INTEGER NOT NULL, -- when they could be refreshed no more anyway
    PRIMARY KEY (room_id, holder_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX ended_sessions_expiry ON ended_sessions (expires_at);

CREATE TABLE answers (
    scope      BLOB PRIMARY KEY, -- SHA-256 of API key, method, path and Idempotency-Key
    body_sum   BLOB NOT NULL,
    sealed     BLOB NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX answers_expiry ON answers (expires_at);

-- +goose Down
DROP TABLE answers;
DROP TABLE ended_sessions;
DROP TABLE bans;
DROP TABLE join_tokens;
DROP TABLE room_runs;
DROP TABLE room_credentials;
DROP TABLE rooms;
DROP TABLE subscriptions;
DROP TABLE customers;
DROP TABLE api_keys;
DROP TABLE settings;
