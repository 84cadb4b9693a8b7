package sqlstore

import (
	"strings"

	"roomcast/rooms"
)

// conditions are a WHERE clause being written.
type conditions struct {
	parts []string
	args  []any
}

func (c *conditions) add(part string, args ...any) {
	c.parts = append(c.parts, part)
	c.args = append(c.args, args...)
}

// equal selects rows with the value, all when it is empty.
func (c *conditions) equal(column, value string) {
	if value != "" {
		c.add(column+" = ?", value)
	}
}

func (c *conditions) before(column string, q rooms.ListQuery) {
	if q.Before != "" {
		c.add(column+" < ?", q.Before)
	}
}

// page is the clause with the order and limit that lists have; its arguments
// are withLimit's.
func (c *conditions) page(idColumn string) string {
	var b strings.Builder
	for i, part := range c.parts {
		if i == 0 {
			b.WriteString(" WHERE ")
		} else {
			b.WriteString(" AND ")
		}
		b.WriteString(part)
	}
	return b.String() + " ORDER BY " + idColumn + " DESC LIMIT ?"
}

func (c *conditions) withLimit(limit int) []any { return append(c.args, limit) }

// marks returns n placeholders.
func marks(n int) string { return strings.TrimSuffix(strings.Repeat("?,", n), ",") }

// columnCount counts the columns of "a, b".
func columnCount(columns string) int { return strings.Count(columns, ",") + 1 }

// sets returns "a = ?, b = ?" for "a, b".
func sets(columns string) string { return strings.ReplaceAll(columns, ",", " = ?,") + " = ?" }

// qualified returns "t.a, t.b" for "a, b".
func qualified(table, columns string) string {
	names := strings.Split(columns, ",")
	for i, name := range names {
		names[i] = table + "." + strings.TrimSpace(name)
	}
	return strings.Join(names, ", ")
}
