package record

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"roomcast/live"
	"roomcast/media"
	"roomcast/rooms"
)

const (
	// saveEvery is how often what is known of a growing file is stored.
	saveEvery = 10 * time.Second
	// retryAfter is how long nothing is recorded after it had to stop.
	retryAfter = 30 * time.Second
	// maxFiles of one show are made: an encoder may change its mind only so often.
	maxFiles = 200

	// The warnings of a recording.
	warnStopped = "recording_stopped"
	warnSkipped = "recording_skipped"
)

// Follow records a show if its room wants that, until ctx ends: it is one of
// live.Options.Follow.
func (l *Library) Follow(ctx context.Context, s live.Show) {
	if !s.Settings.Features.Recording {
		return
	}
	r := &recorder{l: l, show: s}
	reader := s.Stream.NewReader(context.Background(), media.ReaderLimits{})
	defer reader.Close()
	// What is there when the show ends is still part of it.
	defer context.AfterFunc(ctx, reader.Finish)()
	for {
		u, lost, err := reader.Read()
		if err != nil {
			break
		}
		if lost > 0 {
			r.skipped(lost)
		}
		r.take(u)
	}
	r.end("")
	l.o.Broadcasts.ClearWarning(s.RoomID, warnStopped)
	l.o.Broadcasts.ClearWarning(s.RoomID, warnSkipped)
}

// recorder records one show, into one file after the other.
type recorder struct {
	l    *Library
	show live.Show

	movie *movie // nil when nothing is recorded
	asset rooms.Asset
	room  int64        // bytes that the file may have
	full  *rooms.Error // why it may not have more
	saved time.Time
	files int
	lost  uint64

	refused *media.Format // cannot be recorded
	pause   time.Time     // nothing is recorded before
	over    bool          // nor ever again in this show
}

func (r *recorder) skipped(lost uint64) {
	r.lost += lost
	r.l.o.Log.Warn("the recording fell behind", "room", r.show.RoomID, "lost_units", lost)
	r.l.o.Broadcasts.SetWarning(r.show.RoomID, warnSkipped,
		fmt.Sprintf("The disk is too slow: %d pictures and sounds are missing in the recording.", r.lost))
}

// take records a unit.
func (r *recorder) take(u *media.Unit) {
	if u.Format.Slate || r.over || u.Format == r.refused {
		return
	}
	if r.movie != nil && u.Format != r.movie.format && !r.movie.continues(u.Format) {
		r.end("")
	}
	if r.movie == nil {
		if !u.RandomAccess() || u.NTP.Before(r.pause) || !r.begin(u) {
			return
		}
	}
	written := r.movie.number
	if err := r.movie.write(u); err != nil {
		r.stop(err)
		return
	}
	if r.movie.number != written {
		r.grown(u.NTP)
	}
}

// begin makes a file for what comes from u on.
func (r *recorder) begin(u *media.Unit) bool {
	if r.files++; r.files > maxFiles {
		r.over = true
		r.warn("The encoder changes its format all the time: recording has stopped.")
		return false
	}
	ctx, cancel := context.WithTimeout(context.Background(), storeTimeout)
	defer cancel()
	err := r.allow(ctx)
	if err == nil && r.room <= 0 {
		err = r.full
	}
	if err != nil {
		r.stop(err)
		return false
	}
	if _, _, err := header(u.Format); err != nil {
		r.refused = u.Format
		r.stop(err)
		return false
	}
	a, err := r.l.o.Assets.NewAsset(ctx, rooms.Asset{
		RoomID: r.show.RoomID, Kind: rooms.AssetRecording, State: rooms.AssetInMaking,
		Title: "Recording of " + u.NTP.UTC().Format("2006-01-02 15:04"), StartedAt: u.NTP,
	})
	if err != nil {
		r.stop(err)
		return false
	}
	r.asset = a
	if err = os.MkdirAll(r.l.dir(a.RoomID), 0o700); err == nil {
		r.movie, err = createMovie(r.l.path(a), u.Format)
	}
	if err != nil {
		r.drop()
		r.stop(err)
		return false
	}
	r.saved = u.NTP
	r.l.o.Broadcasts.ClearWarning(r.show.RoomID, warnStopped)
	r.l.o.Log.Info("recording", "room", a.RoomID, "asset", a.ID)
	return true
}

// allow finds out how large the file may become.
func (r *recorder) allow(ctx context.Context) (err error) {
	r.room, r.full, err = r.l.space(ctx, r.show.RoomID)
	if err == nil && r.movie != nil {
		r.room += r.asset.Size // as it is stored
	}
	return err
}

// grown looks after a file that has one more fragment.
func (r *recorder) grown(now time.Time) {
	if r.movie.size > r.room {
		r.stop(r.full)
		return
	}
	if now.Sub(r.saved) < saveEvery {
		return
	}
	r.saved = now
	ctx, cancel := context.WithTimeout(context.Background(), storeTimeout)
	defer cancel()
	r.asset.Size, r.asset.Duration = r.movie.size, r.movie.end
	err := r.movie.file.Sync()
	if err == nil {
		err = r.l.o.Assets.SetAsset(ctx, r.asset)
	}
	if err == nil {
		err = r.allow(ctx)
	}
	if err != nil {
		r.stop(err)
	}
}

// stop ends the file because of an error, and says so; recording is tried again
// after a while.
func (r *recorder) stop(err error) {
	r.pause = time.Now().Add(retryAfter)
	var refusal *rooms.Error
	switch {
	case rooms.CodeOf(err) == rooms.CodeNotFound: // the room was deleted
		r.over = true
		r.drop()
		return
	case errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT):
		err = errDiskFull
	}
	detail := "Recording has stopped: the file cannot be written. It is tried again."
	if errors.As(err, &refusal) {
		detail = "Recording has stopped: " + refusal.Detail + ". It goes on when there is room."
	} else if r.refused != nil {
		detail = "This broadcast cannot be recorded: its codec does not fit into the file."
	}
	r.l.o.Log.Error("recording stopped", "room", r.show.RoomID, "error", err)
	r.warn(detail)
	r.end(detail)
}

func (r *recorder) warn(detail string) {
	r.l.o.Broadcasts.SetWarning(r.show.RoomID, warnStopped, detail)
}

// drop throws the file away.
func (r *recorder) drop() {
	if r.movie != nil {
		_ = r.movie.file.Close() // it is thrown away
		r.movie = nil
	}
	if r.asset.ID == "" {
		return
	}
	r.l.discard(r.asset)
	r.asset = rooms.Asset{}
}

// end completes the file; fault says why it is shorter than the show, if it is.
func (r *recorder) end(fault string) {
	m := r.movie
	if m == nil {
		return
	}
	duration, err := m.finish()
	if err != nil {
		r.l.o.Log.Error("complete a recording", "room", r.asset.RoomID, "asset", r.asset.ID, "error", err)
	}
	if m.number == 0 {
		r.movie = nil
		r.drop()
		return
	}
	a := r.asset
	r.movie, r.asset = nil, rooms.Asset{}
	a.State, a.Fault, a.Size, a.Duration = rooms.AssetReady, fault, m.size, duration
	if err := r.l.keep(context.Background(), a); err != nil {
		r.l.o.Log.Error("keep a recording: it is tried again", "room", a.RoomID, "asset", a.ID, "error", err)
		r.l.owe(a, r.l.keep)
		return
	}
	r.l.o.Log.Info("recorded", "room", a.RoomID, "asset", a.ID, "duration", a.Duration, "bytes", a.Size)
}
