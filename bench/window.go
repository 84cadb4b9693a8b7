package bench

import (
	"context"
	"errors"
	"fmt"
	"time"
)

const (
	// windowLook is how often a filling window is looked at.
	windowLook = time.Second
	// windowPatience is how much longer than it is a window may take to be full:
	// the server keeps four segments at least, of up to ten seconds, and lists them when they are complete.
	windowPatience = time.Minute
)

// fillWindow waits until a room's rewind window is full: until it lets go of the
// first segment that it listed.
func fillWindow(ctx context.Context, f *fetcher, dvr string, length time.Duration) error {
	if dvr == "" {
		return errors.New("the server offers no rewind window")
	}
	ctx, cancel := context.WithTimeoutCause(ctx, length+windowPatience,
		fmt.Errorf("the rewind window of %s is not full after %s", length, length+windowPatience))
	defer cancel()
	media, err := f.open(ctx, dvr)
	if err != nil {
		return fmt.Errorf("open the rewind playlist: %w", err)
	}
	for first := -1; ; {
		b, err := f.text(ctx, media.String())
		if err != nil {
			return fmt.Errorf("fetch the rewind playlist: %w", errors.Join(err, context.Cause(ctx)))
		}
		p := readPlaylist(b)
		if first < 0 {
			first = p.sequence
		}
		if p.sequence > first {
			return nil
		}
		if pause(ctx, windowLook) != nil {
			return context.Cause(ctx)
		}
	}
}
