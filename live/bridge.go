package live

import (
	"context"
	"time"

	"roomcast/live/hls"
	"roomcast/media"
	"roomcast/transcode"
)

const (
	// tickEvery is how often silence is looked for, and filled.
	tickEvery = 50 * time.Millisecond
	// gapEvery is how often the packager is ticked.
	gapEvery = 250 * time.Millisecond
	// settled is how long after a slate began its units are sure to be packaged.
	settled = time.Second
	// maxAtOnce bounds the units written at one tick, after a machine slept.
	maxAtOnce = 1000
	// late is how much longer than it had to the silence may last before the
	// slate begins behind the gaps that were shown meanwhile.
	late = 200 * time.Millisecond
)

// bridge is what goes out while the publisher is silent: its slate, once there
// is one. It is kept under the room's lock.
type bridge struct {
	key   slateKey
	slate *transcode.Slate // for what is on air; nil until it is made

	on      bool
	showing *transcode.Slate
	format  *media.Format
	since   time.Time     // when it began
	from    time.Duration // where the publisher's last unit ended on the room's timeline
	silent  time.Time     // when that was
	base    time.Duration // where the slate begins
	next    []int64       // unit of each track
}

// stop ends the slate: somebody sends again.
func (b *bridge) stop() {
	if b.on {
		b.on, b.showing, b.format = false, nil, nil
	}
}

// tick keeps the broadcast going while its publisher is silent: with the slate,
// or until there is one with the packager's gaps.
func (r *room) tick(ctx context.Context, p *hls.Packager) {
	t := time.NewTicker(tickEvery)
	defer t.Stop()
	var gaps time.Time
	for {
		select {
		case now := <-t.C:
			if !r.fillSilence(now) && now.Sub(gaps) >= gapEvery {
				gaps = now
				p.Tick(now)
			}
		case <-ctx.Done():
			return
		}
	}
}

// fillSilence writes what is due of the slate, and reports whether the packager
// is to be left alone.
func (r *room) fillSilence(now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.phase != Live && r.phase != Interrupted || r.lastMedia.IsZero() {
		return false
	}
	silent, patience := now.Sub(r.lastMedia), bridged
	if r.onAir != nil {
		patience = r.onAir.patience()
	}
	b := &r.bridge
	switch {
	case silent < patience:
		return silent >= bridged
	case b.on:
	case b.slate == nil:
		return false
	default:
		b.begin(now, r.end, r.lastMedia, silent > patience+late)
		r.hub.o.Log.Info("the slate bridges a silent publisher", "room", r.id)
	}
	b.fill(now, func(u *media.Unit) {
		r.advance(u)
		r.stream.Write(u)
	})
	return now.Sub(b.since) < settled
}

// begin prepares the slate to follow end, where what came until lastMedia ends.
func (b *bridge) begin(now time.Time, end time.Duration, lastMedia time.Time, behind bool) {
	b.on, b.since = true, now
	b.showing, b.format = b.slate, b.slate.Format()
	b.from, b.silent = end, lastMedia
	b.next = make([]int64, len(b.format.Tracks))
	b.base = end
	if behind {
		b.base += now.Sub(lastMedia)
	}
}

// fill writes what is due by now.
func (b *bridge) fill(now time.Time, write func(*media.Unit)) {
	due := b.from + now.Sub(b.silent)
	for range maxAtOnce {
		track, at := 0, time.Duration(0)
		for i := range b.next {
			if start, _, _ := b.showing.Unit(i, b.next[i]); i == 0 || start < at {
				track, at = i, start
			}
		}
		dts := b.base + at
		if dts > due {
			return
		}
		_, key, payload := b.showing.Unit(track, b.next[track])
		b.next[track]++
		write(&media.Unit{
			Format: b.format, Track: b.format.Tracks[track], NTP: now, DTS: dts, PTS: dts, Key: key, Payload: payload,
		})
	}
}
