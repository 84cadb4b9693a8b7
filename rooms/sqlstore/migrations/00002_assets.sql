-- +goose Up
CREATE TABLE assets (
    id         TEXT PRIMARY KEY,
    room_id    TEXT NOT NULL REFERENCES rooms (id) ON DELETE CASCADE,
    kind       TEXT NOT NULL,
    title      TEXT NOT NULL,
    state      TEXT NOT NULL,
    fault      TEXT, -- for people: why it is not all that was wanted
    size       INTEGER NOT NULL, -- bytes
    duration   INTEGER NOT NULL, -- microseconds
    started_at INTEGER NOT NULL,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX assets_room ON assets (room_id, id);
CREATE INDEX assets_recording ON assets (id) WHERE state = 'recording';

-- +goose Down
DROP TABLE assets;
