package record

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4/seekablebuffer"

	"roomcast/live"
	"roomcast/live/hls"
	"roomcast/media"
	"roomcast/rooms"
	"roomcast/transcode"
)

const (
	// posterEvery is how often a poster is drawn anew.
	posterEvery = 10 * time.Second
	// posterTimeout bounds the drawing, keyTimeout the wait for a key frame.
	posterTimeout = 5 * time.Second
	keyTimeout    = 30 * time.Second
	maxPoster     = 2 << 20
	// postersAtOnce are drawn at the same time, in all rooms.
	postersAtOnce = 2
	// posterWidth is the most pixels a poster is wide.
	posterWidth = "1280"
)

// Posters keeps a picture of each show: its last key frame as a JPEG, drawn by a
// short run of ffmpeg.
type Posters struct {
	tool *transcode.Tool
	log  *slog.Logger
	turn chan struct{}

	mu     sync.RWMutex
	byRoom map[string]poster
}

// NewPosters makes posters with a tool; a nil one makes none.
func NewPosters(tool *transcode.Tool, log *slog.Logger) *Posters {
	return &Posters{tool: tool, log: log, turn: make(chan struct{}, postersAtOnce), byRoom: make(map[string]poster)}
}

// poster is a picture and the show it is of.
type poster struct {
	of      *media.Stream
	picture hls.Blob
}

// Poster is the newest picture of a room's show; not_found when there is none.
func (p *Posters) Poster(roomID string) (hls.Blob, error) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	drawn, ok := p.byRoom[roomID]
	if !ok {
		return hls.Blob{}, &rooms.Error{Code: rooms.CodeNotFound, Detail: "there is no picture of the broadcast, or not yet"}
	}
	return drawn.picture, nil
}

// Follow draws a show until ctx ends: it is one of live.Options.Follow.
func (p *Posters) Follow(ctx context.Context, s live.Show) {
	if p.tool == nil {
		return
	}
	defer func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.byRoom[s.RoomID].of == s.Stream { // else the next show has drawn its own
			delete(p.byRoom, s.RoomID)
		}
	}()
	t := time.NewTicker(posterEvery)
	defer t.Stop()
	failed := false
	for {
		err := p.renew(ctx, s)
		if err != nil && ctx.Err() == nil && !failed {
			failed = true // once a show is enough
			p.log.Warn("no poster", "room", s.RoomID, "error", err)
		}
		select {
		case <-t.C:
		case <-ctx.Done():
			return
		}
	}
}

// renew draws the newest key frame.
func (p *Posters) renew(ctx context.Context, s live.Show) error {
	u, err := keyFrame(ctx, s.Stream)
	if err != nil || u == nil {
		return err
	}
	select {
	case p.turn <- struct{}{}:
		defer func() { <-p.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	body, err := draw(ctx, p.tool, u, p.log)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(body)
	tag := `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`
	p.mu.Lock()
	p.byRoom[s.RoomID] = poster{of: s.Stream, picture: hls.Blob{Body: body, ContentType: "image/jpeg", ETag: []string{tag}}}
	p.mu.Unlock()
	return nil
}

// keyFrame is the newest key frame of a stream, or the next one; nil when none
// comes soon, or only one of a slate.
func keyFrame(ctx context.Context, s *media.Stream) (*media.Unit, error) {
	ctx, cancel := context.WithTimeout(ctx, keyTimeout)
	defer cancel()
	r := s.NewReader(ctx, media.ReaderLimits{})
	defer r.Close()
	for {
		u, _, err := r.Read()
		if errors.Is(err, media.ErrClosed) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		if u.Track.Kind == media.Video && u.Key && !u.Format.Slate {
			return u, nil
		}
	}
}

// draw makes a JPEG of a key frame.
func draw(ctx context.Context, tool *transcode.Tool, u *media.Unit, log *slog.Logger) ([]byte, error) {
	movie, err := stillMovie(u)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, posterTimeout)
	defer cancel()
	process, err := tool.Start(ctx, transcode.Job{
		Name: "poster", Outputs: 1, Log: log,
		Args: []string{
			"-threads", "1", "-f", "mp4", "-i", "pipe:0", "-frames:v", "1",
			"-vf", "scale='min(" + posterWidth + ",iw)':-2", "-q:v", "4", "-f", "mjpeg", transcode.OutputPipe(0),
		},
	})
	if err != nil {
		return nil, err
	}
	var feeding sync.WaitGroup
	feeding.Go(func() {
		_, _ = process.Write(movie) // why it takes no more, it says by itself
		process.CloseInput()
	})
	body, err := io.ReadAll(io.LimitReader(process.Output(0), maxPoster+1))
	if err == nil && len(body) > maxPoster {
		err = fmt.Errorf("the picture has more than %d bytes", maxPoster)
		process.Kill()
	}
	ended := process.Wait()
	feeding.Wait()
	switch {
	case err != nil:
		return nil, fmt.Errorf("draw a poster: %w", err)
	case ended != nil:
		return nil, fmt.Errorf("draw a poster: %w", ended)
	case !bytes.HasPrefix(body, []byte("\xff\xd8\xff")):
		return nil, errors.New("draw a poster: no picture came of the key frame")
	}
	return body, nil
}

// stillMovie is a movie of one picture.
func stillMovie(u *media.Unit) ([]byte, error) {
	head, _, err := header(&media.Format{Tracks: []*media.Track{u.Track}})
	if err != nil {
		return nil, err
	}
	t := movieTrack{Track: u.Track, last: u}
	t.settle(ticks(time.Second, u.Track.ClockRate))
	part := fmp4.Part{Tracks: []*fmp4.PartTrack{{ID: 1, Samples: t.samples}}}
	var b seekablebuffer.Buffer
	if err := part.Marshal(&b); err != nil {
		return nil, fmt.Errorf("write a key frame: %w", err)
	}
	return append(head, b.Bytes()...), nil
}
