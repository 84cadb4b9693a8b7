package sqlstore

import (
	"context"
	"time"

	"roomcast/rooms"
)

// Bans implements rooms.Reader.
func (q queries) Bans(ctx context.Context, roomID string) ([]rooms.Ban, error) {
	return list(ctx, q.db, "list bans", func(row scanner) (b rooms.Ban, err error) {
		err = row.Scan(banColumns(&b)...)
		return b, err
	}, "SELECT "+banColumnNames+" FROM bans WHERE room_id = ? ORDER BY id DESC", roomID)
}

const banColumnNames = "id, room_id, run_id, participant_id, name, role, external_id, device, address, created_at"

func banColumns(b *rooms.Ban) []any {
	return []any{
		&b.ID, &b.RoomID,
		textOrEmpty{&b.RunID},
		&b.ParticipantID, &b.Name, &b.Role,
		&b.ExternalID, &b.Device, &b.Address,
		timeColumn{&b.CreatedAt},
	}
}

// CreateBan implements rooms.Writer.
func (q queries) CreateBan(ctx context.Context, b rooms.Ban) error {
	return q.exec(ctx, "create a ban",
		"INSERT INTO bans ("+banColumnNames+") VALUES ("+marks(columnCount(banColumnNames))+")", banColumns(&b)...)
}

// DeleteBan implements rooms.Writer.
func (q queries) DeleteBan(ctx context.Context, roomID, id string) error {
	return q.change(ctx, "delete a ban", "DELETE FROM bans WHERE room_id = ? AND id = ?", roomID, id)
}

// EndedSessions implements rooms.Reader.
func (q queries) EndedSessions(ctx context.Context, roomID string, now time.Time) ([]string, error) {
	return list(ctx, q.db, "list ended sessions", scanText,
		"SELECT holder_id FROM ended_sessions WHERE room_id = ? AND expires_at > ?", roomID, micros(now))
}

// EndSession implements rooms.Writer.
func (q queries) EndSession(ctx context.Context, roomID, id string, until time.Time) error {
	return q.exec(ctx, "end a session", `INSERT INTO ended_sessions (room_id, holder_id, expires_at) VALUES (?, ?, ?)
		ON CONFLICT (room_id, holder_id) DO UPDATE SET expires_at = excluded.expires_at`, roomID, id, micros(until))
}
