package sqlstore

import (
	"context"
	"fmt"

	"roomcast/rooms"
)

const joinTokenColumnNames = "id, room_id, name, role, external_id, expires_at, max_uses, uses, created_at" //nolint:gosec // names of columns

func joinTokenColumns(t *rooms.JoinToken) []any {
	return []any{
		&t.ID, &t.RoomID, &t.Name, &t.Role, &t.ExternalID,
		optionalTime{&t.ExpiresAt},
		&t.MaxUses, &t.Uses,
		timeColumn{&t.CreatedAt},
	}
}

func scanJoinToken(row scanner) (t rooms.JoinToken, err error) {
	err = row.Scan(joinTokenColumns(&t)...)
	return t, err
}

// JoinTokenBySum implements rooms.Reader.
func (q queries) JoinTokenBySum(ctx context.Context, sum rooms.Sum) (rooms.JoinToken, error) {
	t, err := scanJoinToken(q.db.QueryRowContext(ctx, "SELECT "+joinTokenColumnNames+" FROM join_tokens WHERE sum = ?", sum[:]))
	if err != nil {
		return rooms.JoinToken{}, notStored("find a join token", err)
	}
	return t, nil
}

// JoinTokens implements rooms.Reader.
func (q queries) JoinTokens(ctx context.Context, roomID string, f rooms.ListQuery) ([]rooms.JoinToken, error) {
	var where conditions
	where.add("room_id = ?", roomID)
	where.before("id", f)
	return list(ctx, q.db, "list join tokens", scanJoinToken,
		"SELECT "+joinTokenColumnNames+" FROM join_tokens"+where.page("id"), where.withLimit(f.Limit)...)
}

// CreateJoinToken implements rooms.Writer.
func (q queries) CreateJoinToken(ctx context.Context, t rooms.JoinToken, sum rooms.Sum) error {
	return q.exec(ctx, "create a join token",
		"INSERT INTO join_tokens (sum, "+joinTokenColumnNames+") VALUES ("+marks(1+columnCount(joinTokenColumnNames))+")",
		append([]any{sum[:]}, joinTokenColumns(&t)...)...)
}

// UseJoinToken implements rooms.Writer.
func (q queries) UseJoinToken(ctx context.Context, id string) (used bool, err error) {
	res, err := q.db.ExecContext(ctx, "UPDATE join_tokens SET uses = uses + 1 WHERE id = ? AND (max_uses IS NULL OR uses < max_uses)", id)
	if err != nil {
		return false, fmt.Errorf("use a join token: %w", err)
	}
	n, err := res.RowsAffected()
	if err != nil {
		return false, fmt.Errorf("use a join token: %w", err)
	}
	return n == 1, nil
}

// DeleteJoinToken implements rooms.Writer.
func (q queries) DeleteJoinToken(ctx context.Context, roomID, id string) error {
	return q.change(ctx, "delete a join token", "DELETE FROM join_tokens WHERE room_id = ? AND id = ?", roomID, id)
}
