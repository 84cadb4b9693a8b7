package live

import (
	"context"
	"time"

	"roomcast/live/hls"
	"roomcast/media"
	"roomcast/transcode"
)

// Renditions can be changed between only where all begin a segment with a key frame.
// A source that has too few of them is therefore made anew in its own size, as the top
// rung, and all rungs get key frames in a beat, in which the source is cut too.

const (
	// beatEvery is how far apart the key frames of rungs are when the source has too
	// few. No segment is shorter by target than that.
	beatEvery = 2 * time.Second
	// measured is how much of a source is seen before its bitrate is known.
	measured = time.Second
	// manyLong is how many groups of pictures in a row are longer than a segment may
	// be before the source has too few key frames: one late key frame is none.
	manyLong = 3
	// early is how much shorter than the longest segment a group has to be.
	early = 100 * time.Millisecond
	// present is how new a picture is that is not from the cache.
	present = time.Second
)

// keys is what is known of a source's key frames and bitrate.
type keys struct {
	sparse bool          // they are too far apart
	last   time.Duration // the newest one
	long   int           // groups of pictures in a row that were longer than a segment
	steady time.Duration // since when there was no such one
	begun  time.Duration // where the bytes were counted from
	bytes  int64
	seen   time.Duration // decode time of the newest picture that was looked at

	width, height int // of the source
}

// judge looks at how far apart key frames are, and changes the plan when they have
// come to be too far apart, or are near enough again.
func (l *ladder) judge(u *media.Unit) {
	k := &l.keys
	sparse := k.sparse
	switch {
	case u.Format != l.format:
		promised := 0.0 // seconds
		if rate := u.Track.FrameRate; rate > 0 {
			promised = float64(media.KeyInterval(u.Payload)) / rate
		}
		sparse = sparse || promised > l.longest().Seconds()
		if k.width != u.Track.Width || k.height != u.Track.Height {
			l.topBps = 0
		}
		*k = keys{
			sparse: k.sparse, last: u.PTS, steady: u.PTS, begun: u.PTS,
			width: u.Track.Width, height: u.Track.Height,
		}
	case u.DTS <= k.seen:
		return // it was read before
	default:
		sparse = l.spaced(u)
	}
	k.seen = u.DTS
	k.bytes += int64(len(u.Payload))
	if sparse = sparse && len(l.lower(u.Track)) > 0; sparse != k.sparse {
		k.sparse = sparse
		l.turn(u)
	}
	if k.sparse && l.topBps == 0 && u.PTS-k.begun >= measured-early && l.beat.Falls(l.latest, u.PTS) {
		l.topBps = int64(float64(8*k.bytes) / (u.PTS - k.begun).Seconds())
		l.replan(u)
	}
}

// spaced reports whether key frames are too far apart, by the distance of another
// picture from the last one.
func (l *ladder) spaced(u *media.Unit) bool {
	k := &l.keys
	gap := u.PTS - k.last
	if !u.Key && gap <= l.times.sparse {
		return k.sparse
	}
	long := gap > l.longest()-early
	if u.Key {
		k.last = u.PTS
		if k.long++; !long {
			k.long = 0
		}
	}
	if long {
		k.steady = u.PTS
	}
	return gap > l.times.sparse || k.long >= manyLong || k.sparse && u.PTS-k.steady < l.times.steady
}

// turn begins the beat, or ends it.
func (l *ladder) turn(u *media.Unit) {
	if l.keys.sparse {
		l.beat = hls.Beat{From: u.PTS, Every: beatEvery, Until: hls.Endless}
		if u.Format != l.format {
			l.beat.From += measured
		}
		l.hub.SetWarning(l.show.RoomID, "source_transcoded",
			"Key frames are too far apart for viewers to change between qualities: this server makes the full picture anew too, which is by far the most work of all qualities and costs some sharpness. Set the encoder's key frame interval to 2 s, and what you send is passed on untouched.")
	} else {
		// What has been cut by now is cut; the rungs have their key frames there too.
		l.beat.Until = max(u.PTS, l.edge()) + time.Second
		l.topBps = 0
		l.hub.ClearWarning(l.show.RoomID, "source_transcoded")
		l.replan(u)
	}
	l.setBeat(l.beat)
}

// replan plans anew in the middle of a source.
func (l *ladder) replan(u *media.Unit) {
	if u.Format == l.format && !l.prepare(u) {
		l.due = true
	}
}

// top is the rung in the source's own size.
func (l *ladder) top(t *media.Track) transcode.Rung {
	r := transcode.Top(t, l.topBps)
	if most := l.show.Settings.Limits.MaxBitrateBps; most != nil {
		r.BitrateBps = min(r.BitrateBps, *most)
	}
	return r
}

// goBack has the next ffmpeg begin with the last key frame of the source, to take over
// at this picture. Not so if that is gone: then the next key frame is waited for.
func (l *ladder) goBack(ctx context.Context, u *media.Unit) bool {
	if time.Since(u.NTP) > present {
		return false // what is missed by now is not made any more
	}
	reader := l.newReader(ctx)
	if reader.Waiting() {
		reader.Close()
		return false
	}
	l.next, l.from = reader, u.PTS
	return true
}
