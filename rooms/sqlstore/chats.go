package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"roomcast/rooms"
)

// Chat implements rooms.Reader.
func (q queries) Chat(ctx context.Context, roomID string) (c rooms.Chat, err error) {
	var state string
	err = q.db.QueryRowContext(ctx, `SELECT c.state, u.ended_run_id FROM rooms r LEFT JOIN chats c ON c.room_id = r.id
		LEFT JOIN room_runs u ON u.room_id = r.id WHERE r.id = ?`, roomID).Scan(textOrEmpty{&state}, textOrEmpty{&c.Ended})
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return rooms.Chat{}, fmt.Errorf("read a chat: %w", err)
	}
	c.State = []byte(state)
	c.Events, err = list(ctx, q.db, "read the events of a chat", func(row scanner) (e rooms.ChatEvent, err error) {
		var body string
		err = row.Scan(&e.Seq, &body)
		e.Body = []byte(body)
		return e, err
	}, "SELECT seq, body FROM chat_events WHERE room_id = ? ORDER BY seq", roomID)
	return c, err
}

// SaveChat implements rooms.Writer.
func (q queries) SaveChat(ctx context.Context, c rooms.ChatChange) error {
	var ended string
	if err := q.db.QueryRowContext(ctx, `SELECT u.ended_run_id FROM rooms r LEFT JOIN room_runs u ON u.room_id = r.id
		WHERE r.id = ?`, c.RoomID).Scan(textOrEmpty{&ended}); err != nil {
		return notStored("find the room of a chat", err)
	}
	if ended != c.Ended {
		return fmt.Errorf("save a chat: %w", rooms.ErrChatEnded)
	}
	if err := q.exec(ctx, "drop old events of a chat", "DELETE FROM chat_events WHERE room_id = ? AND seq < ?", c.RoomID, c.From); err != nil {
		return err
	}
	for _, e := range c.Events {
		if err := q.exec(ctx, "save an event of a chat", `INSERT INTO chat_events (room_id, seq, body) VALUES (?, ?, ?)
			ON CONFLICT (room_id, seq) DO UPDATE SET body = excluded.body`, c.RoomID, e.Seq, string(e.Body)); err != nil {
			return err
		}
	}
	if c.State == nil {
		return nil
	}
	return q.exec(ctx, "save the state of a chat", `INSERT INTO chats (room_id, state) VALUES (?, ?)
		ON CONFLICT (room_id) DO UPDATE SET state = excluded.state`, c.RoomID, string(c.State))
}

// endChat forgets what was said in a room.
func (q queries) endChat(ctx context.Context, roomID string) error {
	for _, table := range []string{"chats", "chat_events"} {
		if err := q.exec(ctx, "end a chat", "DELETE FROM "+table+" WHERE room_id = ?", roomID); err != nil {
			return err
		}
	}
	return nil
}
