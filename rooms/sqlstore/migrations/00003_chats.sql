-- +goose Up
CREATE TABLE chats (
    room_id TEXT PRIMARY KEY REFERENCES rooms (id) ON DELETE CASCADE,
    state   TEXT NOT NULL -- what is pinned, who is muted: signaling's JSON
) STRICT, WITHOUT ROWID;
CREATE TABLE chat_events (
    room_id TEXT NOT NULL REFERENCES rooms (id) ON DELETE CASCADE,
    seq     INTEGER NOT NULL,
    body    TEXT NOT NULL, -- signaling's JSON
    PRIMARY KEY (room_id, seq)
) STRICT, WITHOUT ROWID;

-- +goose Down
DROP TABLE chat_events;
DROP TABLE chats;
