package api

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"roomcast/rooms"
	"roomcast/secret"
)

const (
	// loginLife is how long a login of the admin pages holds.
	loginLife = 12 * time.Hour
	// maxLogins bounds them; the one that ends first makes place.
	maxLogins = 256
	// loginsSetting is the name logins are kept under, so that a restart ends none.
	loginsSetting = "admin_logins"
)

// Vault is what the logins need of a rooms.Store: a place for a small value, and whether a key still stands.
type Vault interface {
	Setting(ctx context.Context, name string) ([]byte, error)
	Update(ctx context.Context, fn func(rooms.Writer) error) error
	APIKey(ctx context.Context, sum rooms.Sum) (rooms.Key, error)
}

// adminSession is one login of the admin pages. Of its cookie and of the key it was made with, hashes are kept.
type adminSession struct {
	Hash      rooms.Sum
	Key       rooms.Sum
	ExpiresAt time.Time
}

// logins are the admin pages' sessions. They survive a restart, but not the change of the key they were made with.
type logins struct {
	vault Vault
	mu    sync.Mutex
	list  []adminSession // In the order they end.
}

// load reads what an earlier process kept.
func (l *logins) load(ctx context.Context) error {
	raw, err := l.vault.Setting(ctx, loginsSetting)
	if errors.Is(err, rooms.ErrNotStored) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read admin logins: %w", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := json.Unmarshal(raw, &l.list); err != nil {
		return fmt.Errorf("read admin logins: %w", err)
	}
	return nil
}

// open begins a login and returns its cookie.
func (l *logins) open(ctx context.Context, key rooms.Sum, now time.Time) (secret.Text, adminSession, error) {
	var random [32]byte
	_, _ = rand.Read(random[:]) // Never returns an error (Go 1.24 and later).
	token := secret.New(base64.RawURLEncoding.EncodeToString(random[:]))
	session := adminSession{Hash: rooms.SumOf(token), Key: key, ExpiresAt: now.Add(loginLife).UTC().Truncate(time.Second)}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.expire(now)
	if len(l.list) >= maxLogins {
		l.list = l.list[1:]
	}
	l.list = append(l.list, session)
	return token, session, l.save(ctx)
}

// find gives the login of a cookie and the key behind it, or a refusal.
func (l *logins) find(ctx context.Context, token secret.Text, now time.Time) (adminSession, rooms.Key, error) {
	ended := &rooms.Error{Code: rooms.CodeUnauthorized, Detail: "the login has ended; log in again"}
	session, ok := l.lookUp(rooms.SumOf(token), now)
	if !ok {
		return adminSession{}, rooms.Key{}, ended
	}
	key, err := l.vault.APIKey(ctx, session.Key)
	if errors.Is(err, rooms.ErrNotStored) {
		return adminSession{}, rooms.Key{}, ended
	}
	if err != nil {
		return adminSession{}, rooms.Key{}, fmt.Errorf("look up the key of a login: %w", err)
	}
	return session, key, nil
}

// lookUp compares hashes, whose timing tells nothing of the cookie.
func (l *logins) lookUp(hash rooms.Sum, now time.Time) (adminSession, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.expire(now)
	at := slices.IndexFunc(l.list, func(s adminSession) bool { return s.Hash == hash })
	if at < 0 {
		return adminSession{}, false
	}
	return l.list[at], true
}

// close ends a login.
func (l *logins) close(ctx context.Context, session adminSession) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.list = slices.DeleteFunc(l.list, func(s adminSession) bool { return s.Hash == session.Hash })
	return l.save(ctx)
}

func (l *logins) expire(now time.Time) {
	l.list = slices.DeleteFunc(l.list, func(s adminSession) bool { return !now.Before(s.ExpiresAt) })
}

func (l *logins) save(ctx context.Context) error {
	raw, err := json.Marshal(l.list)
	if err != nil {
		return fmt.Errorf("keep admin logins: %w", err)
	}
	err = l.vault.Update(ctx, func(tx rooms.Writer) error { return tx.SetSetting(ctx, loginsSetting, raw) })
	if err != nil {
		return fmt.Errorf("keep admin logins: %w", err)
	}
	return nil
}

// csrfToken follows from the cookie, which scripts cannot read: who knows it was told by us.
func csrfToken(cookie secret.Text) secret.Text {
	mac := hmac.New(sha256.New, []byte(cookie.Reveal()))
	mac.Write([]byte("roomcast csrf token"))
	return secret.New(base64.RawURLEncoding.EncodeToString(mac.Sum(nil)))
}
