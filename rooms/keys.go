package rooms

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"roomcast/secret"
)

// Keys are the server's own secrets, made at the first start.
type Keys struct {
	Session     secret.Text // signs sessions
	Ticket      secret.Text // seals play tickets
	Idempotency secret.Text // seals kept answers
}

const settingAdminKey = "admin_key"

// LoadKeys returns the keys kept in store and makes those that are missing.
func LoadKeys(ctx context.Context, store Store) (Keys, error) {
	var keys Keys
	err := store.Update(ctx, func(tx Writer) error {
		for name, key := range map[string]*secret.Text{
			"session_key": &keys.Session, "ticket_key": &keys.Ticket, "idempotency_key": &keys.Idempotency,
		} {
			value, err := tx.Setting(ctx, name)
			if errors.Is(err, ErrNotStored) {
				value = make([]byte, 32)
				_, _ = rand.Read(value) // never fails, by its contract
				err = tx.SetSetting(ctx, name, value)
			}
			if err != nil {
				return err
			}
			if len(value) != 32 {
				return fmt.Errorf("%s has %d bytes, not 32", name, len(value))
			}
			*key = secret.New(string(value))
		}
		return nil
	})
	if err != nil {
		return Keys{}, fmt.Errorf("load the server's keys: %w", err)
	}
	return keys, nil
}

// randomText returns n random bytes as URL-safe text.
func randomText(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails, by its contract
	return base64.RawURLEncoding.EncodeToString(b)
}

// newToken makes a room's token, stream key or join token: 192 bits. The first
// character is a letter so that no tool takes a key for an option.
func newToken() secret.Text {
	for {
		if t := randomText(24); !strings.ContainsAny(t[:1], "-_") {
			return secret.New(t)
		}
	}
}

// ids makes identifiers that sort by time: 48 bits of milliseconds and 80 random
// bits as 26 lower-case characters; within one ids each is above the one before.
type ids struct {
	mu   sync.Mutex
	last [16]byte
}

const idAlphabet = "0123456789abcdefghjkmnpqrstvwxyz"

const idLength = 26

func (g *ids) next() string {
	var id [16]byte
	ms := uint64(time.Now().UnixMilli())
	for i := range 6 {
		id[i] = byte(ms >> (40 - 8*i))
	}
	_, _ = rand.Read(id[6:]) // never fails, by its contract
	g.mu.Lock()
	defer g.mu.Unlock()
	if string(id[:6]) <= string(g.last[:6]) {
		id = g.last
		for i := 15; i >= 0; i-- {
			id[i]++
			if id[i] != 0 {
				break
			}
		}
	}
	g.last = id
	return encodeID(id)
}

func encodeID(id [16]byte) string {
	var out [idLength]byte
	var acc uint64
	bits, in := 2, 0 // 128 bits in 26 characters: two zero bits lead
	for i := range out {
		for bits < 5 {
			acc = acc<<8 | uint64(id[in])
			in++
			bits += 8
		}
		bits -= 5
		out[i] = idAlphabet[acc>>bits&31]
	}
	return string(out[:])
}

// ValidID reports whether s could be one of our identifiers.
func ValidID(s string) bool {
	if len(s) != idLength {
		return false
	}
	for _, c := range s {
		if !strings.ContainsRune(idAlphabet, c) {
			return false
		}
	}
	return true
}

const (
	// sessionLife is how long a session is good for without a refresh.
	sessionLife = time.Hour
	// sessionReach is how long after its join a session can be refreshed.
	sessionReach = 24 * time.Hour
)
