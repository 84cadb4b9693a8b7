package sqlstore

import (
	"context"
	"database/sql/driver"
	"fmt"
	"time"

	"roomcast/rooms"
)

const assetColumnNames = "id, room_id, kind, title, state, fault, size, duration, started_at, created_at"

func assetColumns(a *rooms.Asset) []any {
	return []any{
		&a.ID, &a.RoomID, &a.Kind, &a.Title, &a.State,
		textOrEmpty{&a.Fault},
		&a.Size,
		durationColumn{&a.Duration},
		timeColumn{&a.StartedAt},
		timeColumn{&a.CreatedAt},
	}
}

// durationColumn stores a duration in microseconds.
type durationColumn struct{ d *time.Duration }

func (c durationColumn) Value() (driver.Value, error) { return c.d.Microseconds(), nil }

func (c durationColumn) Scan(v any) error {
	n, ok := v.(int64)
	if !ok {
		return fmt.Errorf("a duration is stored as %T", v)
	}
	*c.d = time.Duration(n) * time.Microsecond
	return nil
}

var _ column = durationColumn{}

func scanAsset(row scanner) (a rooms.Asset, err error) {
	err = row.Scan(assetColumns(&a)...)
	return a, err
}

// Asset implements rooms.Reader.
func (q queries) Asset(ctx context.Context, roomID, id string) (rooms.Asset, error) {
	a, err := scanAsset(q.db.QueryRowContext(ctx, "SELECT "+assetColumnNames+" FROM assets WHERE room_id = ? AND id = ?", roomID, id))
	if err != nil {
		return rooms.Asset{}, notStored("read an asset", err)
	}
	return a, nil
}

// Assets implements rooms.Reader.
func (q queries) Assets(ctx context.Context, roomID string, f rooms.ListQuery) ([]rooms.Asset, error) {
	var where conditions
	where.add("room_id = ?", roomID)
	where.before("id", f)
	return list(ctx, q.db, "list assets", scanAsset,
		"SELECT "+assetColumnNames+" FROM assets"+where.page("id"), where.withLimit(f.Limit)...)
}

// AssetsInMaking implements rooms.Reader.
func (q queries) AssetsInMaking(ctx context.Context) ([]rooms.Asset, error) {
	return list(ctx, q.db, "list assets in making", scanAsset,
		"SELECT "+assetColumnNames+" FROM assets WHERE state = 'recording' ORDER BY id")
}

// AssetBytes implements rooms.Reader.
func (q queries) AssetBytes(ctx context.Context, roomID string) (n int64, err error) {
	row := q.db.QueryRowContext(ctx, "SELECT coalesce(sum(size), 0) FROM assets WHERE room_id = ?", roomID)
	if err := row.Scan(&n); err != nil {
		return 0, fmt.Errorf("sum the sizes of assets: %w", err)
	}
	return n, nil
}

// CreateAsset implements rooms.Writer.
func (q queries) CreateAsset(ctx context.Context, a rooms.Asset) error {
	return q.exec(ctx, "create an asset",
		"INSERT INTO assets ("+assetColumnNames+") VALUES ("+marks(columnCount(assetColumnNames))+")", assetColumns(&a)...)
}

// UpdateAsset implements rooms.Writer.
func (q queries) UpdateAsset(ctx context.Context, a rooms.Asset) error {
	return q.change(ctx, "update an asset",
		"UPDATE assets SET title = ?, state = ?, fault = ?, size = ?, duration = ?, started_at = ? WHERE room_id = ? AND id = ?",
		a.Title, a.State, textOrEmpty{&a.Fault}, a.Size, durationColumn{&a.Duration}, timeColumn{&a.StartedAt}, a.RoomID, a.ID)
}

// DeleteAsset implements rooms.Writer.
func (q queries) DeleteAsset(ctx context.Context, roomID, id string) error {
	return q.change(ctx, "delete an asset", "DELETE FROM assets WHERE room_id = ? AND id = ?", roomID, id)
}
