package rooms

import (
	"encoding/base64"
)

const (
	defaultPage = 50
	maxPage     = 200
)

// listQuery reads what every list takes. A cursor is the id below which the
// page begins, so pages stay as they are while new things are made.
func listQuery(limit int, cursor string) (ListQuery, error) {
	if limit == 0 {
		limit = defaultPage
	}
	if limit < 1 || limit > maxPage {
		return ListQuery{}, refuse(CodeValidationFailed, "limit must be a number from 1 to %d", maxPage)
	}
	before, err := decodeCursor(cursor)
	if err != nil {
		return ListQuery{}, err
	}
	// One more than the page says whether there is another.
	return ListQuery{Before: before, Limit: limit + 1}, nil
}

func encodeCursor(id string) string { return base64.RawURLEncoding.EncodeToString([]byte(id)) }

// IsCursor reports whether a list may be asked to go on from there: a
// next_cursor, or "" for the first page.
func IsCursor(cursor string) bool {
	_, err := decodeCursor(cursor)
	return err == nil
}

func decodeCursor(cursor string) (string, error) {
	if cursor == "" {
		return "", nil
	}
	id, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil || !ValidID(string(id)) {
		return "", refuse(CodeValidationFailed, "cursor must be one that this list has given")
	}
	return string(id), nil
}

// newPage cuts a list made by listQuery.
func newPage[T any](items []T, q ListQuery, id func(T) string) Page[T] {
	p := Page[T]{Items: items}
	if p.Items == nil {
		p.Items = []T{}
	}
	if len(items) == q.Limit {
		p.Items = items[:q.Limit-1]
		p.NextCursor = encodeCursor(id(p.Items[len(p.Items)-1]))
	}
	return p
}
