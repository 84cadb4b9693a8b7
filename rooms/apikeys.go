package rooms

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"

	"roomcast/secret"
)

// The scopes of an API key.
const (
	ScopeAll     = "*"             // everything
	ScopeSecrets = "rooms:secrets" // sees and writes secret fields
)

const adminKeyID = "admin"

// Key is an API key, without the key.
type Key struct {
	ID     string
	Scopes []string
}

// Has reports whether the key grants the scope.
func (k Key) Has(scope string) bool {
	return slices.Contains(k.Scopes, ScopeAll) || slices.Contains(k.Scopes, scope)
}

// APIKeys knows the keys of the API; only their hashes are stored.
type APIKeys struct{ store Store }

// NewAPIKeys returns the keys kept in store.
func NewAPIKeys(store Store) *APIKeys { return &APIKeys{store} }

// EnsureAdminKey makes the configured key the admin key, replacing what was
// there. With none configured it keeps the stored one or, at the first start,
// generates one, which is returned once and can never be read again.
func (k *APIKeys) EnsureAdminKey(ctx context.Context, configured secret.Text) (generated secret.Text, made bool, err error) {
	key := Key{ID: adminKeyID, Scopes: []string{ScopeAll}}
	err = k.store.Update(ctx, func(tx Writer) error {
		made = false
		if !configured.IsZero() {
			if err := tx.SetAPIKey(ctx, key, SumOf(configured)); err != nil {
				return err
			}
			return tx.SetSetting(ctx, settingAdminKey, []byte("configured"))
		}
		_, err := tx.Setting(ctx, settingAdminKey)
		if err == nil || !errors.Is(err, ErrNotStored) {
			return err
		}
		generated, made = secret.New("rc_"+randomText(32)), true
		if err := tx.SetAPIKey(ctx, key, SumOf(generated)); err != nil {
			return err
		}
		return tx.SetSetting(ctx, settingAdminKey, []byte("generated"))
	})
	if err != nil {
		return secret.Text{}, false, fmt.Errorf("store the admin key: %w", err)
	}
	return generated, made, nil
}

// Check returns the key that was presented, or a refusal with code unauthorized.
func (k *APIKeys) Check(ctx context.Context, presented secret.Text) (Key, error) {
	if presented.IsZero() {
		return Key{}, refuse(CodeUnauthorized, "an API key is needed")
	}
	key, err := k.store.APIKey(ctx, SumOf(presented))
	if errors.Is(err, ErrNotStored) {
		return Key{}, refuse(CodeUnauthorized, "this API key is not known")
	}
	if err != nil {
		return Key{}, fmt.Errorf("look up an API key: %w", err)
	}
	return key, nil
}

// SumOf hashes a credential for storage and look-up. Credentials made by the
// server have 128 bits or more, so a plain hash keeps them.
func SumOf(credential secret.Text) Sum { return sha256.Sum256([]byte(credential.Reveal())) }
