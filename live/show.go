package live

import (
	"context"
	"sync"
	"time"

	"roomcast/live/hls"
	"roomcast/media"
	"roomcast/rooms"
)

// openShow starts packaging what comes in, from the next key frame on: what was
// before is not of the show.
func (r *room) openShow() {
	r.renewStream()
	r.stopTimer(&r.rest)
	now := time.Now()
	if !r.resumed {
		r.startedAt = now
	}
	r.resumed = false
	r.hub.enterLedger(r.id, ledger{StartedAt: r.startedAt})
	r.bytesIn = 0
	options := hls.Options{
		BasePath: r.hub.o.HLSPath + r.id + "/o/", Epoch: r.epoch,
		LowLatency: r.settings.Features.LowLatency,
	}
	if wantsLadder(r.settings) {
		options.RungLag = MaxRungLag
	}
	archive, newest := r.openArchive(now), &recent{}
	options.Archive = newest.add
	if archive != nil {
		options.Archive = archive.Add
	}
	r.recent.Store(newest)
	p := hls.New(options)
	r.packager.Store(p)
	reader := r.stream.NewReader(context.Background(), media.ReaderLimits{})
	following, over := context.WithCancel(context.Background())
	r.endShow = over
	show := Show{RoomID: r.id, Settings: r.settings, StartedAt: now, Stream: r.stream, Packager: p}
	for _, follow := range r.hub.o.Follow {
		r.hub.shows.Go(func() { follow(following, show) })
	}
	r.startLadder(following, show)
	r.pack(p, reader, func() {
		if archive != nil {
			archive.End()
		}
	})
}

// pack carries what a reader of the room's stream gets to a packager, until the
// reader ends.
func (r *room) pack(p *hls.Packager, reader *media.Reader, then func()) {
	r.hub.shows.Go(func() {
		ctx, cancel := context.WithCancel(context.Background())
		var ticking sync.WaitGroup
		ticking.Go(func() { r.tick(ctx, p) })
		(&program{room: r, packager: p, log: r.hub.o.Log}).run(reader)
		cancel()
		ticking.Wait()
		p.End()
		then()
	})
}

// renewStream gives what comes from here on a stream of its own, so that no
// reader of it gets what came before.
func (r *room) renewStream() {
	r.stream.Close()
	r.stream = media.NewStream(media.Limits{})
}

// closeShow ends the stream, and with it the packager and the playlist.
func (r *room) closeShow() {
	if r.endShow != nil {
		r.stream.Close()
		r.endShow()
		r.endShow = nil
		r.hub.ClearWarning(r.id, "no_ladder")
	}
}

// wantsLadder reports whether a room is to have lower renditions.
func wantsLadder(s rooms.Settings) bool {
	t := s.Features.Transcode
	return t.Mode == transcodeAuto || len(t.Heights) > 0
}

// startLadder has the lower renditions of a show made, if its room wants them.
func (r *room) startLadder(ctx context.Context, show Show) {
	if !wantsLadder(show.Settings) {
		return
	}
	if _, ok := r.hub.o.FFmpeg.Has("libx264"); !ok {
		r.hub.SetWarning(r.id, "no_ladder",
			"Lower qualities are switched on for this room, but this server has no ffmpeg with libx264 to make them. Have it installed, or send a bitrate that all viewers can take.")
		return
	}
	l := &ladder{
		hub: r.hub, show: show, times: usualLadder, log: r.hub.o.Log,
		addRung: func(name string) rungWriter {
			return show.Packager.AddRung(hls.RungOptions{Name: name, MaxLag: MaxRungLag})
		},
		edge: func() time.Duration {
			r.mu.Lock()
			defer r.mu.Unlock()
			return r.edge
		},
		longest: show.Packager.LongestSegment, setBeat: show.Packager.SetBeat,
	}
	r.hub.shows.Go(func() { l.climb(ctx) })
}
