package live

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"roomcast/media"
	"roomcast/transcode"
)

const (
	// maxSlates and maxSlateBytes bound the slates that are kept, for all rooms.
	maxSlates     = 64
	maxSlateBytes = 64 << 20
	// slatesAtOnce are made at the same time.
	slatesAtOnce = 2
	// rateKnown is how long a frame rate is measured that is not declared.
	rateKnown = 3 * time.Second
)

// slateKey tells apart the slates of different sources.
type slateKey [sha256.Size]byte

func keyOfSlate(tracks []*media.Track, picture string) slateKey {
	h := sha256.New()
	fmt.Fprintf(h, "%q", picture)
	for _, t := range tracks {
		fmt.Fprintf(h, "|%s %x %x %x %x %v %d %d %d", t.Codec, t.SPS, t.PPS, t.SequenceHeader, t.AudioConfig, t.FrameRate, t.Width, t.Height, t.Channels)
	}
	return slateKey(h.Sum(nil))
}

// slates keeps the slates that were made lately, by what they are like. The
// zero value makes none.
type slates struct {
	make func(context.Context, transcode.SlateSpec) (*transcode.Slate, error)
	turn chan struct{} // holds one for each that is being made

	mu    sync.Mutex
	kept  map[slateKey]*transcode.Slate
	order []slateKey // the one used longest ago first
	bytes int
}

// find returns a slate that is there, or nil.
func (c *slates) find(key slateKey) *transcode.Slate {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.kept[key]
	if s != nil {
		i := slices.Index(c.order, key)
		c.order = append(slices.Delete(c.order, i, i+1), key)
	}
	return s
}

// add keeps a slate, and lets go of old ones that are too many.
func (c *slates) add(key slateKey, s *transcode.Slate) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.kept[key] != nil {
		return
	}
	if c.kept == nil {
		c.kept = make(map[slateKey]*transcode.Slate)
	}
	c.kept[key], c.order = s, append(c.order, key)
	c.bytes += s.Bytes()
	for len(c.order) > 1 && (len(c.order) > maxSlates || c.bytes > maxSlateBytes) {
		old := c.order[0]
		c.bytes -= c.kept[old].Bytes()
		delete(c.kept, old)
		c.order = slices.Delete(c.order, 0, 1)
	}
}

// prepareSlate has the slate of a publisher that is on air made, unless it is
// there. Held under the room's lock.
func (r *room) prepareSlate(s *Session) {
	if r.hub.slates.make == nil || s.format == nil {
		return
	}
	image := ""
	if p := s.publication.Room.Settings.Features.OfflineImage; p != nil {
		image = *p
	}
	tracks := s.format.Tracks
	key := keyOfSlate(tracks, image)
	if r.bridge.key == key {
		return
	}
	r.bridge.key, r.bridge.slate = key, r.hub.slates.find(key)
	if r.bridge.slate == nil {
		r.hub.shows.Go(func() { r.makeSlate(s, tracks, key, image) })
	}
}

func (r *room) makeSlate(s *Session, tracks []*media.Track, key slateKey, image string) {
	h := r.hub
	spec := transcode.SlateSpec{Tracks: tracks}
	for _, t := range tracks {
		if t.Kind == media.Video && t.FrameRate == 0 {
			spec.FrameRate = r.measuredRate(s, t)
		}
	}
	// Whose picture is slow in coming holds up nobody else.
	var err error
	if spec.Picture, err = h.picture(image); err != nil {
		h.o.Log.Warn("the slate gets a plain card", "room", r.id, "error", err)
	}
	select {
	case h.slates.turn <- struct{}{}:
		defer func() { <-h.slates.turn }()
	case <-h.ctx.Done():
		return
	}
	slate := h.slates.find(key)
	if slate == nil {
		slate, err = h.slates.make(h.ctx, spec)
		if err != nil && spec.Picture != nil && h.ctx.Err() == nil {
			h.o.Log.Warn("the slate gets a plain card", "room", r.id, "error", err)
			spec.Picture = nil
			slate, err = h.slates.make(h.ctx, spec)
		}
		if err != nil {
			if h.ctx.Err() == nil {
				h.o.Log.Warn("no slate for this broadcast: silence will be a gap", "room", r.id, "error", err)
			}
			return
		}
		h.slates.add(key, slate)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.bridge.key == key {
		r.bridge.slate = slate
	}
}

// measuredRate waits a moment and tells how many pictures a second came.
func (r *room) measuredRate(s *Session, t *media.Track) (rate float64) {
	timer := time.NewTimer(rateKnown)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-r.hub.ctx.Done():
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if m := s.meters[t]; m != nil {
		_, rate, _ = m.rate(s.age(time.Now()))
	}
	return rate
}

var errNoPicture = errors.New("pictures are not fetched here")

// picture reads offline_image: a data URL, or one that Options.Picture fetches.
func (h *Hub) picture(url string) ([]byte, error) {
	if url == "" {
		return nil, nil
	}
	if data, ok := strings.CutPrefix(url, "data:"); ok {
		head, body, _ := strings.Cut(data, ",")
		if !strings.HasSuffix(head, ";base64") {
			return nil, errors.New("read offline_image: a data URL is to be in base64")
		}
		b, err := base64.StdEncoding.DecodeString(body)
		if err != nil {
			return nil, fmt.Errorf("read offline_image: %w", err)
		}
		return b, nil
	}
	if h.o.Picture == nil {
		return nil, errNoPicture
	}
	b, err := h.o.Picture(h.ctx, url)
	if err != nil {
		return nil, fmt.Errorf("read offline_image: %w", err)
	}
	return b, nil
}
