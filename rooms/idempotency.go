package rooms

import (
	"context"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/crypto/chacha20poly1305"

	"roomcast/secret"
)

// answerLife is how long an answer can be had again.
const answerLife = 24 * time.Hour

// answers keeps what creates were answered, sealed: answers hold secrets.
type answers struct {
	aead cipher.AEAD

	mu       sync.Mutex
	inFlight map[Sum]chan struct{} // closed when the one in flight is done
}

func newAnswers(key secret.Text) *answers {
	aead, err := chacha20poly1305.NewX([]byte(key.Reveal()))
	if err != nil { // a key of the wrong length: the program is wired wrongly
		panic(fmt.Sprintf("idempotency key: %v", err))
	}
	return &answers{aead: aead, inFlight: map[Sum]chan struct{}{}}
}

// lock waits until no other request of the scope is in flight.
func (a *answers) lock(ctx context.Context, scope Sum) (unlock func(), err error) {
	for {
		a.mu.Lock()
		other, busy := a.inFlight[scope]
		if !busy {
			done := make(chan struct{})
			a.inFlight[scope] = done
			a.mu.Unlock()
			return func() {
				a.mu.Lock()
				delete(a.inFlight, scope)
				a.mu.Unlock()
				close(done)
			}, nil
		}
		a.mu.Unlock()
		select {
		case <-other:
		case <-ctx.Done():
			return nil, fmt.Errorf("wait for the same request in flight: %w", ctx.Err())
		}
	}
}

// kept is the sealed part of an answer: a body, or the refusal it was.
type kept struct {
	Body    []byte `json:"body,omitempty"`
	Refusal *Error `json:"refusal,omitempty"`
}

func (a *answers) seal(scope Sum, in *Idempotency, k kept) (Answer, error) {
	plain, err := json.Marshal(k)
	if err != nil {
		return Answer{}, fmt.Errorf("encode an answer to keep: %w", err)
	}
	nonce := make([]byte, a.aead.NonceSize(), a.aead.NonceSize()+len(plain)+a.aead.Overhead())
	_, _ = rand.Read(nonce) // never fails, by its contract
	return Answer{
		Scope: scope, BodySum: in.BodySum, ExpiresAt: now().Add(answerLife),
		Sealed: a.aead.Seal(nonce, nonce, plain, append(scope[:], in.BodySum[:]...)),
	}, nil
}

func (a *answers) open(stored Answer) (kept, error) {
	var k kept
	size := a.aead.NonceSize()
	if len(stored.Sealed) < size {
		return k, errors.New("open a kept answer: too short")
	}
	plain, err := a.aead.Open(nil, stored.Sealed[:size], stored.Sealed[size:], append(stored.Scope[:], stored.BodySum[:]...))
	if err != nil {
		return k, fmt.Errorf("open a kept answer: %w", err)
	}
	if err := json.Unmarshal(plain, &k); err != nil {
		return k, fmt.Errorf("decode a kept answer: %w", err)
	}
	return k, nil
}

// keeps reports whether a refusal is worth repeating: not when it is about
// this moment (429 and 5xx).
func (e *Error) keeps() bool {
	switch e.Code {
	case CodeTooManyAttempts, CodeRateLimited, CodeNotReady, CodeOverloaded, CodeShuttingDown, CodeIdempotencyReused:
		return false
	}
	return true
}

// create runs fn in a transaction, at most once for each Idempotency-Key: the
// answer is kept by the same commit, and given again to who asks the same.
func create[T any](ctx context.Context, r *Registry, in *Idempotency, fn func(tx Writer) (T, error)) (T, *Replay, error) {
	var made, none T
	if in == nil {
		err := r.store.Update(ctx, func(tx Writer) (err error) {
			made, err = fn(tx)
			return err
		})
		if err != nil {
			return none, nil, err
		}
		return made, nil, nil
	}
	scope := Sum(sha256.Sum256([]byte(in.Scope)))
	unlock, err := r.answers.lock(ctx, scope)
	if err != nil {
		return none, nil, err
	}
	defer unlock()

	var replay *kept
	err = r.store.Update(ctx, func(tx Writer) error {
		replay = nil
		switch stored, err := tx.Answer(ctx, scope, now()); {
		case err == nil && stored.BodySum != in.BodySum:
			return refuse(CodeIdempotencyReused, "this Idempotency-Key was used with another body")
		case err == nil:
			k, err := r.answers.open(stored)
			replay = &k
			return err
		case !errors.Is(err, ErrNotStored):
			return err
		}
		var err error
		if made, err = fn(tx); err != nil {
			return err
		}
		body, err := in.Render(made)
		if err != nil {
			return fmt.Errorf("render the answer to keep: %w", err)
		}
		answer, err := r.answers.seal(scope, in, kept{Body: body})
		if err != nil {
			return err
		}
		return tx.CreateAnswer(ctx, answer)
	})
	var refusal *Error
	switch {
	case err == nil && replay != nil && replay.Refusal != nil:
		return none, &Replay{}, replay.Refusal
	case err == nil && replay != nil:
		return none, &Replay{Body: replay.Body}, nil
	case err == nil:
		return made, nil, nil
	case errors.As(err, &refusal) && refusal.keeps():
		if keeping := r.keepRefusal(ctx, scope, in, refusal); keeping != nil {
			return none, nil, keeping
		}
	}
	return none, nil, err
}

func (r *Registry) keepRefusal(ctx context.Context, scope Sum, in *Idempotency, refusal *Error) error {
	answer, err := r.answers.seal(scope, in, kept{Refusal: refusal})
	if err != nil {
		return err
	}
	return r.store.Update(ctx, func(tx Writer) error { return tx.CreateAnswer(ctx, answer) })
}

// AssetOnce makes an asset by a function that takes its time, at most once for
// each Idempotency-Key: who asks the same gets the same answer. It is kept after
// the asset, not with it, so a crash between the two may make another.
func (r *Registry) AssetOnce(ctx context.Context, in *Idempotency, work func(context.Context) (Asset, error)) (Asset, *Replay, error) {
	if in == nil {
		a, err := work(ctx)
		return a, nil, err
	}
	scope := Sum(sha256.Sum256([]byte(in.Scope)))
	unlock, err := r.answers.lock(ctx, scope)
	if err != nil {
		return Asset{}, nil, err
	}
	defer unlock()
	switch stored, err := r.store.Answer(ctx, scope, now()); {
	case err == nil && stored.BodySum != in.BodySum:
		return Asset{}, nil, refuse(CodeIdempotencyReused, "this Idempotency-Key was used with another body")
	case err == nil:
		k, err := r.answers.open(stored)
		if err == nil && k.Refusal != nil {
			err = k.Refusal
		}
		return Asset{}, &Replay{Body: k.Body}, err
	case !errors.Is(err, ErrNotStored):
		return Asset{}, nil, err
	}
	a, err := work(ctx)
	ctx = context.WithoutCancel(ctx) // what was made is answered, also when the caller has gone
	var refusal *Error
	switch {
	case err == nil:
		body, err := in.Render(a)
		if err != nil {
			return Asset{}, nil, fmt.Errorf("render the answer to keep: %w", err)
		}
		answer, err := r.answers.seal(scope, in, kept{Body: body})
		if err != nil {
			return Asset{}, nil, err
		}
		return a, nil, r.store.Update(ctx, func(tx Writer) error { return tx.CreateAnswer(ctx, answer) })
	case errors.As(err, &refusal) && refusal.keeps():
		if keeping := r.keepRefusal(ctx, scope, in, refusal); keeping != nil {
			return Asset{}, nil, keeping
		}
	}
	return Asset{}, nil, err
}
