package request

import (
	"crypto/rand"
	"encoding/base32"
)

// maxIDLength bounds the request ids we take from callers.
const maxIDLength = 64

var idEncoding = base32.HexEncoding.WithPadding(base32.NoPadding)

// NewID makes a request id: 80 random bits, 16 characters.
func NewID() string {
	var b [10]byte
	_, _ = rand.Read(b[:]) // crypto/rand.Read never returns an error (Go 1.24 and later).
	return idEncoding.EncodeToString(b[:])
}

// FitID reports whether a caller's request id may be used as it is: 1 to 64 letters, digits, '.', '_' and '-'.
func FitID(id string) bool {
	if id == "" || len(id) > maxIDLength {
		return false
	}
	for i := range len(id) {
		switch c := id[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '.', c == '_', c == '-':
		default:
			return false
		}
	}
	return true
}
