package live

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"roomcast/live/hls"
	"roomcast/media"
	"roomcast/transcode"
)

// program carries one show from its stream to its packager. Sound that HLS
// players do not take is transcoded on the way; everything else passes as it is.
// Its fields are used by its own goroutine.
type program struct {
	room     *room
	packager *hls.Packager
	log      *slog.Logger

	source  *media.Format // as it comes
	sent    *media.Format // as the packager gets it; source if nothing is transcoded
	sounds  []*sound      // of the tracks in source, nil for those that pass
	refused *media.Format
	group   sync.WaitGroup
}

// run ends when the reader does.
func (p *program) run(reader *media.Reader) {
	defer p.group.Wait()
	defer func() { p.mute() }()
	defer reader.Close()
	for {
		u, lost, err := reader.Read()
		if err != nil {
			return
		}
		if lost > 0 {
			p.log.Warn("packager fell behind", "room", p.room.id, "lost_units", lost)
			p.packager.Break()
		}
		if u.Format != p.source {
			p.setFormat(u.Format)
		}
		if p.sent != p.source {
			if u = p.translate(u); u == nil {
				continue
			}
		}
		p.write(u)
	}
}

func (p *program) write(u *media.Unit) {
	if u.Format == p.refused {
		return
	}
	if err := p.packager.Write(u); err != nil {
		p.refused = u.Format
		p.log.Error("package broadcast", "room", p.room.id, "error", fmt.Errorf("write unit: %w", err))
	}
}

// setFormat prepares for what is coming.
func (p *program) setFormat(f *media.Format) {
	p.mute()
	p.source, p.sent = f, f
	opus := func(t *media.Track) bool { return t.Codec == media.Opus }
	if !slices.ContainsFunc(f.Tracks, opus) {
		p.room.hub.ClearWarning(p.room.id, "ffmpeg_missing")
		return
	}
	sent := &media.Format{Tracks: slices.Clone(f.Tracks)}
	sounds := make([]*sound, len(f.Tracks))
	for i, t := range f.Tracks {
		if !opus(t) {
			continue
		}
		s, err := p.listen(sent, t)
		if err != nil {
			p.log.Warn("sound is passed through as Opus", "room", p.room.id, "error", err)
			p.room.hub.SetWarning(p.room.id, "ffmpeg_missing",
				"The sound is Opus, and this server has no ffmpeg to make AAC of it: some players, Safari above all, stay silent. Send AAC, or have ffmpeg installed.")
			continue
		}
		sounds[i], sent.Tracks[i] = s, s.audio.Track()
	}
	if slices.Equal(sent.Tracks, f.Tracks) {
		return
	}
	p.sent, p.sounds = sent, sounds
	for _, s := range sounds {
		if s != nil {
			s.start(&p.group)
		}
	}
}

// translate is a unit as the packager takes it, nil if something else comes of it.
func (p *program) translate(u *media.Unit) *media.Unit {
	for i, t := range p.source.Tracks {
		if t == u.Track && p.sounds[i] != nil {
			p.sounds[i].audio.Write(u.PTS, u.Payload)
			return nil
		}
	}
	for _, s := range p.sounds {
		if s != nil {
			s.await()
		}
	}
	c := *u
	c.Format = p.sent
	return &c
}

// mute ends the transcoding of sound, at once.
func (p *program) mute() {
	for _, s := range p.sounds {
		if s != nil {
			s.end()
		}
	}
	p.sounds = nil
}

// sound is one track being transcoded.
type sound struct {
	room     *room
	audio    *transcode.Audio
	packager *hls.Packager
	format   *media.Format
	ctx      context.Context //nolint:containedctx // of the process, from listen to start
	cancel   context.CancelFunc

	progress chan struct{} // one is waiting when something came out
	late     bool          // it was waited for in vain; by the program's goroutine alone

	mu   sync.Mutex
	over bool // what still comes is of a format that is gone
}

const (
	// soundBehind is how far sound may be behind what was put in before pictures wait for it.
	soundBehind = 400 * time.Millisecond
	// soundPatience is how long they wait at most: a broadcast does not stop for a stuck ffmpeg.
	soundPatience = 500 * time.Millisecond
)

// await keeps pictures from running ahead of their sound when both come in a
// burst, as a show that begins with a cached group of pictures does.
func (s *sound) await() {
	if s.audio.Behind() <= soundBehind {
		s.late = false
		return
	}
	if s.late {
		return
	}
	t := time.NewTimer(soundPatience)
	defer t.Stop()
	for s.audio.Behind() > soundBehind {
		select {
		case <-s.progress:
		case <-t.C:
			s.late = true
			return
		}
	}
}

// listen prepares the transcoding of a track, as part of the format f.
func (p *program) listen(f *media.Format, t *media.Track) (*sound, error) {
	s := &sound{room: p.room, packager: p.packager, format: f, progress: make(chan struct{}, 1)}
	hub, id := p.room.hub, p.room.id
	audio, err := transcode.NewAudio(transcode.AudioOptions{
		Tool: hub.o.FFmpeg, Source: t, Emit: s.emit, Log: p.log.With("room", id),
		Trouble: func(err error) {
			if err == nil {
				hub.ClearWarning(id, "transcode_failed")
				return
			}
			hub.SetWarning(id, "transcode_failed", "The sound could not be converted for a moment: viewers hear a gap. It is being started again.")
		},
	})
	if err != nil {
		return nil, err
	}
	s.audio = audio
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s, nil
}

func (s *sound) start(group *sync.WaitGroup) {
	group.Go(func() { s.audio.Run(s.ctx) })
}

func (s *sound) end() {
	s.mu.Lock()
	s.over = true
	s.mu.Unlock()
	s.cancel()
}

// emit gives the packager what was made.
func (s *sound) emit(pts time.Duration, payload []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over || pts < 0 {
		return
	}
	err := s.packager.Write(&media.Unit{
		Format: s.format, Track: s.audio.Track(), NTP: time.Now(), DTS: pts, PTS: pts, Key: true, Payload: payload,
	})
	if err != nil {
		s.over = true
		s.room.hub.o.Log.Error("package broadcast", "room", s.room.id, "error", fmt.Errorf("write sound: %w", err))
	}
	select {
	case s.progress <- struct{}{}:
	default:
	}
}
