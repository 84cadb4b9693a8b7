package live

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"roomcast/live/hls"
	"roomcast/media"
	"roomcast/transcode"
)

// ladderTimes are when a ladder gives up, and when it tries again.
type ladderTimes struct {
	// behind is how far rungs may be behind the source, for at most patience.
	behind, patience time.Duration
	// look is how often that is looked at.
	look time.Duration
	// firstReturn and lastReturn bound the pause before a rung that was shed is
	// made again: each time that was too early it doubles, until the ladder stood
	// for as long as stands.
	firstReturn, lastReturn, stands time.Duration
	// firstRetry and lastRetry bound the pause after ffmpeg ended by itself.
	firstRetry, lastRetry time.Duration
	// handover bounds the wait for what an ffmpeg has still to give out.
	handover time.Duration
	// sparse is how far apart key frames may be at most, and steady how long they have
	// to be near enough again before the source is cut by them again.
	sparse, steady time.Duration
}

var usualLadder = ladderTimes{
	behind: 1500 * time.Millisecond, patience: 3 * time.Second, look: 250 * time.Millisecond,
	firstReturn: 30 * time.Second, lastReturn: 10 * time.Minute, stands: 5 * time.Minute,
	firstRetry: 250 * time.Millisecond, lastRetry: 10 * time.Second, handover: 2 * time.Second, sparse: 10 * time.Second, steady: 30 * time.Second,
}

const (
	// ladderBytes and ladderAge bound the source that waits for a ladder.
	ladderBytes = 16 << 20
	ladderAge   = 5 * time.Second
	// MaxRungLag is how far rungs may be behind the source as viewers get them.
	MaxRungLag = 750 * time.Millisecond
)

// rungWriter takes the pictures of one rung; *hls.Rung is one.
type rungWriter interface {
	Write(u *media.Unit) error
	Remove()
}

// ladder has the lower renditions of a show made, as many as the machine can.
type ladder struct {
	hub     *Hub
	show    Show
	times   ladderTimes
	log     *slog.Logger
	addRung func(name string) rungWriter
	edge    func() time.Duration // of the source
	// longest is how long a segment may be, setBeat has them cut by a beat.
	longest func() time.Duration
	setBeat func(hls.Beat)

	rungs map[string]*rung
	group sync.WaitGroup

	// Of the goroutine that feeds.
	format  *media.Format
	plan    []transcode.Rung // the largest first
	feeder  *feeder
	started int // how many
	keys    keys
	beat    hls.Beat      // in which rungs have key frames, beside the source's own
	latest  time.Duration // of the pictures read, the one shown last
	due     bool          // the plan is another one than what is made
	topBps  int64         // of the source's own size made anew; 0 until it was measured
	next    *media.Reader // to go on with, from an earlier picture on
	from    time.Duration // where the ffmpeg that begins with it takes over

	mu       sync.Mutex
	shed     int       // how many of plan are left out, the largest first
	watched  *feeder   // what the watch looks at
	overload bool      // it was killed as it could not keep up
	room     bool      // a rung that was shed is to be made again
	returnAt time.Time // when that is to be tried
	pause    time.Duration
	since    time.Time // since when nothing was shed
	retry    time.Duration
}

// climb follows a show with its ladder.
func (l *ladder) climb(ctx context.Context) {
	l.rungs = make(map[string]*rung)
	l.retry, l.pause = l.times.firstRetry, l.times.firstReturn
	var watching sync.WaitGroup
	ctx, cancel := context.WithCancel(ctx)
	watching.Go(func() { l.watch(ctx) })
	for ctx.Err() == nil {
		err := l.episode(ctx)
		if ctx.Err() != nil {
			break
		}
		l.recover(ctx, err)
	}
	cancel()
	if l.feeder != nil {
		_ = l.feeder.drop() // the show is over
	}
	watching.Wait()
	l.group.Wait()
	for _, code := range []string{"rung_shed", "transcode_failed", "source_transcoded"} {
		l.hub.ClearWarning(l.show.RoomID, code)
	}
}

// errEnded is the end of a stream.
var errEnded = errors.New("stream ended")

// episode feeds the ladder from the newest group of pictures on, until an
// ffmpeg ends.
func (l *ladder) episode(ctx context.Context) error {
	reader := l.newReader(ctx)
	defer func() { reader.Close() }()
	l.latest = 0
	for {
		u, _, err := reader.Read()
		if err != nil {
			<-ctx.Done() // the show ends with its stream
			return errEnded
		}
		if u.Track.Kind != media.Video {
			continue
		}
		if err := l.take(ctx, u); err != nil {
			return err
		}
		if l.next != nil {
			reader.Close()
			reader, l.next = l.next, nil
			l.latest = 0
		}
	}
}

func (l *ladder) newReader(ctx context.Context) *media.Reader {
	limits := media.ReaderLimits{Bytes: ladderBytes, Age: ladderAge}
	if l.keys.sparse {
		limits.Age = 0 // the last key frame is far back
	}
	return l.show.Stream.NewReader(ctx, limits)
}

// take feeds one picture; where the rungs have key frames the ladder may change.
func (l *ladder) take(ctx context.Context, u *media.Unit) error {
	if u.Format != l.format && !u.Key {
		return nil
	}
	l.judge(u)
	key := u.Key || l.beat.Falls(l.latest, u.PTS)
	l.latest = max(l.latest, u.PTS)
	from := u.PTS
	if l.from > 0 && u.Format == l.format {
		from = l.from // it is the key frame that was gone back to
	}
	switch back := from > u.PTS; {
	case u.Format != l.format:
		same := l.prepare(u)
		if same || l.feeder == nil && l.keys.sparse && time.Since(u.NTP) > present {
			break // the same ffmpeg goes on, or one begins when all that was missed is read
		}
		if err := l.change(ctx, u, from); err != nil {
			return err
		}
	case back, key && l.isDue():
		if !u.Key {
			if l.goBack(ctx, u) {
				return nil
			}
			break
		}
		if err := l.change(ctx, u, from); err != nil {
			return err
		}
	}
	l.from = 0
	if l.feeder == nil {
		return nil
	}
	return l.feeder.process.Write(u, key)
}

// isDue reports whether another ffmpeg is to go on.
func (l *ladder) isDue() bool {
	if l.wantsBack() {
		l.due = true
	}
	return l.due || l.feeder == nil && len(l.active()) > 0
}

// prepare plans the rungs of a source. same says that they are those that are
// being made, of the same codec: as when a slate comes between.
func (l *ladder) prepare(u *media.Unit) (same bool) {
	l.format = u.Format
	plan := l.lower(u.Track)
	if l.keys.sparse && len(plan) > 0 {
		plan = slices.Insert(plan, 0, l.top(u.Track))
	}
	wanted := make(map[string]bool, len(plan))
	for _, r := range plan {
		wanted[r.Name] = true
	}
	for name := range l.rungs {
		if !wanted[name] {
			l.remove(name)
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	same = l.feeder != nil && l.feeder.codec == u.Track.Codec && slices.Equal(plan, l.plan)
	l.plan, l.shed = plan, min(l.shed, len(plan))
	return same
}

// lower are the rungs below a source that the room wants.
func (l *ladder) lower(source *media.Track) []transcode.Rung {
	var heights []int
	if t := l.show.Settings.Features.Transcode; t.Mode != transcodeAuto {
		heights = t.Heights
	}
	return transcode.Rungs(source, heights)
}

// active are the rungs to be made now.
func (l *ladder) active() []transcode.Rung {
	if l.keys.sparse && l.topBps == 0 {
		return nil // the source is being measured
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.plan[l.shed:]
}

// transcodeAuto is the mode of the feature in which the server chooses.
const transcodeAuto = "auto"

func (l *ladder) remove(name string) {
	if r := l.rungs[name]; r != nil {
		delete(l.rungs, name)
		r.to.Remove()
	}
}

// wantsBack reports whether a rung is to be taken back now, and counts it in.
func (l *ladder) wantsBack() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.room || l.shed == 0 {
		return false
	}
	l.room = false
	if l.shed--; l.shed > 0 {
		l.returnAt = time.Now().Add(l.pause)
	}
	return true
}

// change has another ffmpeg go on, which is fed from this key frame on and takes over
// at a time; the one before gives out what it has, first.
func (l *ladder) change(ctx context.Context, u *media.Unit, from time.Duration) error {
	old := l.feeder
	l.feeder, l.due = nil, false
	if old != nil {
		l.group.Go(func() { old.finish(ctx, l.times.handover) })
	}
	active := l.active()
	l.tellShed()
	if len(active) == 0 {
		l.setWatched(nil)
		return nil
	}
	l.started++
	f := &feeder{ladder: l, codec: u.Track.Codec, number: l.started, done: make(chan struct{})}
	if old != nil {
		f.before = old.done
	}
	for _, r := range active {
		if l.rungs[r.Name] == nil {
			l.rungs[r.Name] = &rung{to: l.addRung(r.Name), last: -1}
		}
		f.rungs = append(f.rungs, l.rungs[r.Name])
	}
	process, err := l.hub.o.FFmpeg.StartLadder(ctx, transcode.LadderOptions{
		Source: u.Track, Rungs: active, From: from, Emit: f.emit, Log: l.log,
	})
	if err != nil {
		close(f.done)
		return err
	}
	f.process = process
	l.feeder = f
	l.setWatched(f)
	return nil
}

func (l *ladder) setWatched(f *feeder) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.watched = f
}

// recover decides what to do about an ffmpeg that ended: leave out a rung if it
// could not keep up, else wait a moment.
func (l *ladder) recover(ctx context.Context, cause error) {
	if l.feeder != nil {
		if err := l.feeder.drop(); err != nil {
			cause = err
		}
		l.feeder = nil
	}
	l.setWatched(nil)
	l.format, l.from = nil, 0
	l.mu.Lock()
	overload := l.overload
	l.overload = false
	if overload && l.shed < len(l.plan) {
		now := time.Now()
		if now.Sub(l.since) > l.times.stands {
			l.pause = l.times.firstReturn
		}
		l.since, l.returnAt = now, now.Add(l.pause)
		l.pause = min(2*l.pause, l.times.lastReturn)
		name := l.plan[l.shed].Name
		l.shed++
		l.mu.Unlock()
		l.log.Warn("the ladder cannot keep up and leaves out a rung", "room", l.show.RoomID, "rung", name)
		l.remove(name)
		return
	}
	pause := l.retry
	l.retry = min(2*l.retry, l.times.lastRetry)
	l.mu.Unlock()
	l.log.Warn("the ladder ended and is started again", "room", l.show.RoomID, "error", cause)
	l.hub.SetWarning(l.show.RoomID, "transcode_failed", "The lower qualities are missing for a moment: the program that makes them ended. It is being started again.")
	t := time.NewTimer(pause)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// tellShed shows which rungs are left out.
func (l *ladder) tellShed() {
	if l.shed == 0 {
		l.hub.ClearWarning(l.show.RoomID, "rung_shed")
		return
	}
	var names []string
	for _, r := range l.plan[:l.shed] {
		names = append(names, r.Name)
	}
	l.hub.SetWarning(l.show.RoomID, "rung_shed", fmt.Sprintf(
		"This server cannot keep up with making every quality: %s is left out for now, and tried again later. What you send is not touched.", strings.Join(names, ", ")))
}

// watch looks whether the rungs keep up.
func (l *ladder) watch(ctx context.Context) {
	t := time.NewTicker(l.times.look)
	defer t.Stop()
	var behind time.Time // since when
	var seen *feeder
	for {
		select {
		case now := <-t.C:
			if f := l.look(now); f == nil || f != seen {
				seen, behind = f, time.Time{}
				continue
			}
			switch lag := l.edge() - seen.process.Newest(); {
			case lag <= l.times.behind:
				behind = time.Time{}
			case behind.IsZero():
				behind = now
			case now.Sub(behind) >= l.times.patience:
				l.mu.Lock()
				l.overload = l.watched == seen
				l.mu.Unlock()
				seen.process.Kill()
				behind = time.Time{}
			}
		case <-ctx.Done():
			return
		}
	}
}

// look is the feeder to watch; it also sees when it is time to try more.
func (l *ladder) look(now time.Time) *feeder {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.shed > 0 && !l.room && !l.returnAt.IsZero() && now.After(l.returnAt) {
		l.room, l.returnAt = true, time.Time{}
	}
	return l.watched
}

// wellNow is told of every picture made: what was wrong is over.
func (l *ladder) wellNow() {
	l.mu.Lock()
	l.retry = l.times.firstRetry
	l.mu.Unlock()
	l.hub.ClearWarning(l.show.RoomID, "transcode_failed")
}
