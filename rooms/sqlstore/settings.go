package sqlstore

import (
	"context"
	"time"

	"roomcast/rooms"
)

// Setting implements rooms.Reader.
func (q queries) Setting(ctx context.Context, name string) (value []byte, err error) {
	if err := q.db.QueryRowContext(ctx, "SELECT value FROM settings WHERE name = ?", name).Scan(&value); err != nil {
		return nil, notStored("read a setting", err)
	}
	return value, nil
}

// SetSetting implements rooms.Writer.
func (q queries) SetSetting(ctx context.Context, name string, value []byte) error {
	return q.exec(ctx, "store a setting", `INSERT INTO settings (name, value) VALUES (?, ?)
		ON CONFLICT (name) DO UPDATE SET value = excluded.value`, name, value)
}

// APIKey implements rooms.Reader.
func (q queries) APIKey(ctx context.Context, sum rooms.Sum) (rooms.Key, error) {
	var key rooms.Key
	err := q.db.QueryRowContext(ctx, "SELECT id, scopes FROM api_keys WHERE sum = ?", sum[:]).Scan(&key.ID, jsonColumn{&key.Scopes})
	if err != nil {
		return rooms.Key{}, notStored("find an API key", err)
	}
	return key, nil
}

// SetAPIKey implements rooms.Writer.
func (q queries) SetAPIKey(ctx context.Context, key rooms.Key, sum rooms.Sum) error {
	return q.exec(ctx, "store an API key", `INSERT INTO api_keys (id, sum, scopes) VALUES (?, ?, ?)
		ON CONFLICT (id) DO UPDATE SET sum = excluded.sum, scopes = excluded.scopes`, key.ID, sum[:], jsonColumn{key.Scopes})
}

// Answer implements rooms.Reader.
func (q queries) Answer(ctx context.Context, scope rooms.Sum, now time.Time) (rooms.Answer, error) {
	var a rooms.Answer
	err := q.db.QueryRowContext(ctx, "SELECT scope, body_sum, sealed, expires_at FROM answers WHERE scope = ? AND expires_at > ?", scope[:], micros(now)).
		Scan(sumColumn{&a.Scope}, sumColumn{&a.BodySum}, &a.Sealed, timeColumn{&a.ExpiresAt})
	if err != nil {
		return rooms.Answer{}, notStored("read a kept answer", err)
	}
	return a, nil
}

// CreateAnswer implements rooms.Writer.
func (q queries) CreateAnswer(ctx context.Context, a rooms.Answer) error {
	return q.exec(ctx, "keep an answer", `INSERT INTO answers (scope, body_sum, sealed, expires_at) VALUES (?, ?, ?, ?)
		ON CONFLICT (scope) DO UPDATE SET body_sum = excluded.body_sum, sealed = excluded.sealed, expires_at = excluded.expires_at`,
		a.Scope[:], a.BodySum[:], a.Sealed, micros(a.ExpiresAt))
}

// Prune implements rooms.Writer.
func (q queries) Prune(ctx context.Context, now time.Time) error {
	for _, table := range []string{"answers", "ended_sessions"} {
		if err := q.exec(ctx, "prune "+table, "DELETE FROM "+table+" WHERE expires_at <= ?", micros(now)); err != nil {
			return err
		}
	}
	return nil
}
