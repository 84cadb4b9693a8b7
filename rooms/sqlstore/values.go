package sqlstore

import (
	"bytes"
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"roomcast/rooms"
	"roomcast/secret"
)

// queries are all questions and changes, on connections or in a transaction.
type queries struct{ db conn }

var _ rooms.Writer = queries{}

// conn is what *sql.DB and *sql.Tx have in common.
type conn interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// scanner is what *sql.Row and *sql.Rows have in common.
type scanner interface{ Scan(dest ...any) error }

// exec runs a change of which the caller expects nothing.
func (q queries) exec(ctx context.Context, what, query string, args ...any) error {
	if _, err := q.db.ExecContext(ctx, query, args...); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// change runs a change that must hit a row, else rooms.ErrNotStored.
func (q queries) change(ctx context.Context, what, query string, args ...any) error {
	res, err := q.db.ExecContext(ctx, query, args...)
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	switch n, err := res.RowsAffected(); {
	case err != nil:
		return fmt.Errorf("%s: %w", what, err)
	case n == 0:
		return fmt.Errorf("%s: %w", what, rooms.ErrNotStored)
	}
	return nil
}

// notStored wraps err and turns the driver's "no rows" into rooms.ErrNotStored.
func notStored(what string, err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		err = rooms.ErrNotStored
	}
	return fmt.Errorf("%s: %w", what, err)
}

// list reads all rows of a query.
func list[T any](ctx context.Context, db conn, what string, scan func(scanner) (T, error), query string, args ...any) (out []T, err error) {
	rows, err := db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	defer func() {
		if closing := rows.Close(); err == nil && closing != nil {
			out, err = nil, fmt.Errorf("%s: %w", what, closing)
		}
	}()
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", what, err)
		}
		out = append(out, v)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	return out, nil
}

func scanText(row scanner) (s string, err error) { err = row.Scan(&s); return s, err }

// micros stores a time.
func micros(t time.Time) int64 { return t.UnixMicro() }

// column is a value that reads and writes itself.
type column interface {
	sql.Scanner
	driver.Valuer
}

type timeColumn struct{ t *time.Time }

func (c timeColumn) Value() (driver.Value, error) {
	if c.t.IsZero() {
		return nil, nil
	}
	return micros(*c.t), nil
}

func (c timeColumn) Scan(v any) error {
	switch v := v.(type) {
	case nil:
		*c.t = time.Time{}
	case int64:
		*c.t = time.UnixMicro(v).UTC()
	default:
		return fmt.Errorf("a time is stored as %T", v)
	}
	return nil
}

type optionalTime struct{ t **time.Time }

func (c optionalTime) Value() (driver.Value, error) {
	if *c.t == nil {
		return nil, nil
	}
	return micros(**c.t), nil
}

func (c optionalTime) Scan(v any) error {
	*c.t = nil
	if v == nil {
		return nil
	}
	var t time.Time
	if err := (timeColumn{&t}).Scan(v); err != nil {
		return err
	}
	*c.t = &t
	return nil
}

type secretColumn struct{ s *secret.Text }

func (c secretColumn) Value() (driver.Value, error) { return c.s.Reveal(), nil }

func (c secretColumn) Scan(v any) error {
	s, ok := v.(string)
	if !ok {
		return fmt.Errorf("a secret is stored as %T", v)
	}
	*c.s = secret.New(s)
	return nil
}

type optionalSecret struct{ s **secret.Text }

func (c optionalSecret) Value() (driver.Value, error) {
	if *c.s == nil {
		return nil, nil
	}
	return (*c.s).Reveal(), nil
}

func (c optionalSecret) Scan(v any) error {
	*c.s = nil
	if v == nil {
		return nil
	}
	var s secret.Text
	if err := (secretColumn{&s}).Scan(v); err != nil {
		return err
	}
	*c.s = &s
	return nil
}

// jsonColumn keeps v as JSON text; numbers in maps are json.Number and keep
// every digit.
type jsonColumn struct{ v any }

func (c jsonColumn) Value() (driver.Value, error) {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(c.v); err != nil {
		return nil, fmt.Errorf("encode a column: %w", err)
	}
	return strings.TrimSuffix(b.String(), "\n"), nil
}

func (c jsonColumn) Scan(v any) error {
	if v == nil {
		return nil
	}
	s, ok := v.(string)
	if !ok {
		return fmt.Errorf("JSON is stored as %T", v)
	}
	dec := json.NewDecoder(strings.NewReader(s))
	dec.UseNumber()
	if err := dec.Decode(c.v); err != nil {
		return fmt.Errorf("decode a column: %w", err)
	}
	return nil
}

// textOrEmpty reads null as "" and writes "" as null.
type textOrEmpty struct{ s *string }

func (c textOrEmpty) Value() (driver.Value, error) {
	if *c.s == "" {
		return nil, nil
	}
	return *c.s, nil
}

func (c textOrEmpty) Scan(v any) error {
	*c.s = ""
	if v == nil {
		return nil
	}
	s, ok := v.(string)
	if !ok {
		return fmt.Errorf("a text is stored as %T", v)
	}
	*c.s = s
	return nil
}

type sumColumn struct{ s *rooms.Sum }

func (c sumColumn) Value() (driver.Value, error) { return c.s[:], nil }

func (c sumColumn) Scan(v any) error {
	b, ok := v.([]byte)
	if !ok || len(b) != len(c.s) {
		return errors.New("a sum is not 32 bytes")
	}
	copy(c.s[:], bytes.Clone(b))
	return nil
}

var (
	_ column = timeColumn{}
	_ column = optionalTime{}
	_ column = secretColumn{}
	_ column = optionalSecret{}
	_ column = jsonColumn{}
	_ column = textOrEmpty{}
	_ column = sumColumn{}
)
