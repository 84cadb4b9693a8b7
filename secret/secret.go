// Package secret holds the one type for text that must never be seen: tokens,
// access codes, stream keys, passphrases, API keys and the URLs that hold them.
//
// A Text prints, formats, logs and marshals as [Redacted]; its content comes
// out only by an explicit call to Reveal, so that every place that shows a
// secret can be found by searching for that word. It is the floor of the house
// and imports nothing of Roomcast.
package secret

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"io"
	"log/slog"
)

// Redacted is what a Text shows of itself.
const Redacted = "[redacted]"

// Text is a secret string. The zero value is the empty secret.
type Text struct{ value string }

// New wraps s.
func New(s string) Text { return Text{value: s} }

// Reveal returns the content. Call it only where the secret itself must leave:
// in an answer to its owner, in a comparison, in storage.
func (t Text) Reveal() string { return t.value }

// IsZero reports whether there is no secret.
func (t Text) IsZero() bool { return t.value == "" }

// Equal compares in constant time, whatever the lengths are.
func (t Text) Equal(candidate string) bool {
	a, b := sha256.Sum256([]byte(t.value)), sha256.Sum256([]byte(candidate))
	return subtle.ConstantTimeCompare(a[:], b[:]) == 1
}

// String implements fmt.Stringer.
func (t Text) String() string { return Redacted }

// GoString implements fmt.GoStringer.
func (t Text) GoString() string { return Redacted }

// Format implements fmt.Formatter, so that no verb shows the content.
func (t Text) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, Redacted) }

// MarshalJSON implements json.Marshaler.
func (t Text) MarshalJSON() ([]byte, error) { return []byte(`"` + Redacted + `"`), nil }

// MarshalText implements encoding.TextMarshaler.
func (t Text) MarshalText() ([]byte, error) { return []byte(Redacted), nil }

// MarshalYAML implements the YAML libraries' marshaler.
func (t Text) MarshalYAML() (any, error) { return Redacted, nil }

// UnmarshalText implements encoding.TextUnmarshaler; JSON strings are read by it too.
func (t *Text) UnmarshalText(b []byte) error { t.value = string(b); return nil }

// LogValue implements slog.LogValuer.
func (t Text) LogValue() slog.Value { return slog.StringValue(Redacted) }
