package live

import (
	"context"
	"sync"
	"time"

	"roomcast/media"
	"roomcast/transcode"
)

// rung is where the pictures of one rendition go, whichever ffmpeg makes them.
type rung struct {
	mu     sync.Mutex
	to     rungWriter
	by     int // number of the feeder that writes
	format *media.Format
	last   time.Duration
}

// feeder is one ffmpeg of the ladder, and where its pictures go.
type feeder struct {
	ladder  *ladder
	number  int
	codec   media.Codec // of what it is fed
	process *transcode.Ladder
	rungs   []*rung
	before  <-chan struct{} // closed when all pictures before this one's first were given out; nil for none
	done    chan struct{}
	once    sync.Once
	made    sync.Once
}

// finish lets it give out what it was fed.
func (f *feeder) finish(ctx context.Context, patience time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	f.process.Finish(ctx)
	f.once.Do(func() { close(f.done) })
}

// drop ends it at once and tells why it ended.
func (f *feeder) drop() error {
	f.once.Do(func() { close(f.done) })
	return f.process.Stop()
}

// emit hands a picture on, once what was before has been.
func (f *feeder) emit(i int, track *media.Track, u transcode.RungUnit) {
	if f.before != nil {
		<-f.before
	}
	f.made.Do(f.ladder.wellNow)
	f.rungs[i].write(f, track, u)
}

// write packages a picture. What one ffmpeg has begun no other goes on with in
// the middle: it begins at its first key frame that is new.
func (r *rung) write(f *feeder, track *media.Track, u transcode.RungUnit) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if f.number < r.by || u.PTS <= r.last {
		return
	}
	if f.number > r.by {
		if !u.Key {
			return
		}
		r.by = f.number
		if r.format == nil || !r.format.Tracks[0].SameConfig(track) {
			r.format = &media.Format{Tracks: []*media.Track{track}}
		}
	}
	r.last = u.PTS
	err := r.to.Write(&media.Unit{Format: r.format, Track: r.format.Tracks[0], NTP: time.Now(), DTS: u.PTS, PTS: u.PTS, Key: u.Key, Payload: u.Payload})
	if err != nil {
		f.ladder.log.Error("package a rung", "room", f.ladder.show.RoomID, "error", err)
	}
}
