package pull

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime/debug"
	"sync/atomic"
	"time"

	"roomcast/rooms"
)

const (
	firstDelay = time.Second
	lastDelay  = 30 * time.Second
	// lockout is how long to wait at least after a wrong password, and longest
	// for how long: cameras lock out who tries often.
	lockout = 30 * time.Second
	longest = 5 * time.Minute
	// healthy is how long a connection must have lasted to be no failure.
	healthy = 30 * time.Second
	// comeBack is how long the air must be free before a camera comes back to it:
	// an encoder that lost its line is often there again sooner.
	comeBack = 3 * time.Second
	// warnFailed is the warning of a camera that cannot be fetched.
	warnFailed = "pull_failed"
)

// camera is the source of one room.
type camera struct {
	puller *Puller
	room   string
	source rooms.PullSource
	log    *slog.Logger
	cancel context.CancelFunc
	freed  chan struct{} // has one when nobody else is on air any more
	done   chan struct{}
	// overTCP says that UDP has failed for a camera that works over TCP.
	overTCP atomic.Bool
}

// run keeps the connection until ctx ends.
func (c *camera) run(ctx context.Context) {
	defer c.puller.o.Warnings.ClearWarning(c.room, warnFailed)
	delay := firstDelay
	for c.awaitAir(ctx) {
		began := time.Now()
		err := c.attempt(ctx)
		if ctx.Err() != nil {
			return
		}
		if time.Since(began) >= healthy {
			delay = firstDelay
		} else {
			c.overTCP.Store(false)
		}
		limit := lastDelay
		if wrongPassword(err) {
			delay, limit = max(delay, lockout), longest
		}
		wait := jitter(delay)
		var refusal *rooms.Error
		switch errors.As(err, &refusal); {
		case refusal != nil && refusal.Code == rooms.CodePublisherConflict:
			// Somebody else is on air, or was a moment ago.
			c.puller.o.Warnings.ClearWarning(c.room, warnFailed)
			wait = comeBack
			c.log.Info("camera gives way to an encoder")
		case refusal != nil && refusal.Code == rooms.CodeNotReady:
			// The broadcast was ended or cut off: that holds for a time.
			c.puller.o.Warnings.ClearWarning(c.room, warnFailed)
			wait = max(refusal.RetryAfter, firstDelay)
			c.log.Info("camera may not publish now", "detail", refusal.Detail)
		default:
			why := explain(err)
			c.puller.o.Warnings.SetWarning(c.room, warnFailed, why)
			c.log.Warn("camera cannot be fetched", "reason", why, "again_in", wait.Round(time.Millisecond))
			delay = min(2*delay, limit)
		}
		if !pause(ctx, wait) {
			return
		}
	}
}

// attempt makes one connection and keeps it. A panic of the library in one of
// our callbacks ends the connection, not the server.
func (c *camera) attempt(ctx context.Context) (err error) {
	defer func() {
		if p := recover(); p != nil {
			c.log.Error("camera's connection panicked", "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			err = errPanicked
		}
	}()
	select {
	case c.puller.connecting <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	return c.fetch(ctx)
}

var errPanicked = errors.New("internal error")

// awaitAir waits until nobody else is on air; false when ctx has ended.
func (c *camera) awaitAir(ctx context.Context) bool {
	for c.puller.isTaken(c.room) {
		c.puller.o.Warnings.ClearWarning(c.room, warnFailed)
		select {
		case <-c.freed:
		case <-ctx.Done():
			return false
		}
		if !pause(ctx, comeBack) {
			return false
		}
	}
	return ctx.Err() == nil
}

// jitter spreads a delay by a fifth to both sides, so that cameras of one
// network that failed together do not come back together.
func jitter(d time.Duration) time.Duration {
	return d*4/5 + rand.N(d*2/5) //nolint:gosec // no secret depends on it
}

// pause waits; false when ctx has ended.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
