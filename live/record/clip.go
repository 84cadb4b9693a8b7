package record

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4"

	"roomcast/live/dvr"
	"roomcast/rooms"
)

// The lengths of clips.
const (
	MinClip = 5 * time.Second
	MaxClip = 300 * time.Second
)

// Clip makes a file of the last part of a room's show, at least d long if there
// is so much, cut where segments begin. It ends before a change of codecs when
// it looks back. not_ready when there is nothing, limit_exceeded when the room's
// storage is full.
func (l *Library) Clip(ctx context.Context, roomID string, d time.Duration, title string) (rooms.Asset, error) {
	done, err := l.clips.begin(ctx, roomID)
	if err != nil {
		return rooms.Asset{}, err
	}
	defer done()
	segments, err := l.o.Broadcasts.Last(roomID, d)
	if err != nil {
		return rooms.Asset{}, err
	}
	room, why, err := l.space(ctx, roomID)
	if err != nil {
		return rooms.Asset{}, err
	}
	if title == "" {
		title = "Clip of " + segments[0].Start.UTC().Format("2006-01-02 15:04:05")
	}
	a, err := l.o.Assets.NewAsset(ctx, rooms.Asset{
		RoomID: roomID, Kind: rooms.AssetClip, State: rooms.AssetInMaking, Title: title, StartedAt: segments[0].Start,
	})
	if err != nil {
		return rooms.Asset{}, err
	}
	m, err := l.cutClip(ctx, a, segments, room, why)
	if err == nil {
		a.State, a.Size, a.Duration, a.StartedAt = rooms.AssetReady, m.size, m.end, m.began.UTC().Truncate(time.Microsecond)
		// What was begun is finished or taken back, also when the caller has gone.
		err = l.o.Assets.SetAsset(context.WithoutCancel(ctx), a)
	}
	if err != nil {
		l.discard(a)
		return rooms.Asset{}, err
	}
	return a, nil
}

// cutting lets clips be made one after the other in a room, for each must know
// how much space the one before took, and only so many at once in all.
type cutting struct {
	turns chan struct{} // as many as are made at once
	mu    sync.Mutex
	rooms map[string]chan struct{} // closed when the room's clip is made
}

// begin waits for a room's turn, which lasts until done.
func (c *cutting) begin(ctx context.Context, roomID string) (done func(), err error) {
	mine := make(chan struct{})
	for {
		c.mu.Lock()
		other := c.rooms[roomID]
		if other == nil {
			c.rooms[roomID] = mine
		}
		c.mu.Unlock()
		if other == nil {
			break
		}
		select {
		case <-other:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	leave := func() {
		c.mu.Lock()
		delete(c.rooms, roomID)
		c.mu.Unlock()
		close(mine)
	}
	// The room comes first: one that waits for itself keeps no other from its turn.
	select {
	case c.turns <- struct{}{}:
		return func() { <-c.turns; leave() }, nil
	case <-ctx.Done():
		leave()
		return nil, ctx.Err()
	}
}

// cutClip writes the file of a clip, of at most room bytes.
func (l *Library) cutClip(ctx context.Context, a rooms.Asset, segments []dvr.Segment, room int64, full error) (*clip, error) {
	if err := os.MkdirAll(l.dir(a.RoomID), 0o700); err != nil {
		return nil, fmt.Errorf("make the directory of clips: %w", err)
	}
	f, err := os.OpenFile(l.path(a), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, fmt.Errorf("make a clip's file: %w", err)
	}
	c := &clip{file: f}
	err = l.fillClip(ctx, c, a.RoomID, segments, room, full)
	if err == nil {
		err = c.finish()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		var refusal *rooms.Error
		if errors.As(err, &refusal) {
			return nil, refusal
		}
		return nil, fmt.Errorf("write a clip: %w", err)
	}
	return c, nil
}

func (l *Library) fillClip(ctx context.Context, c *clip, roomID string, segments []dvr.Segment, room int64, full error) error {
	segments, init, err := l.sameCodecs(roomID, segments)
	if err != nil {
		return err
	}
	if err := c.begin(init); err != nil {
		return err
	}
	for i, s := range segments {
		if err := ctx.Err(); err != nil {
			return err
		}
		body, err := l.o.Broadcasts.Bytes(roomID, s.Name)
		if rooms.CodeOf(err) == rooms.CodeNotFound && c.fragments == 0 {
			continue // it has just left the window
		}
		if err != nil {
			return err
		}
		if c.size+int64(len(body)) > room {
			return full
		}
		follows := i > 0 && s.Init == segments[i-1].Init && s.Start.Sub(segments[i-1].Start)-segments[i-1].Duration < time.Second
		if c.fragments == 0 {
			c.began = s.Start
		}
		if err := c.add(body, follows); err != nil {
			return err
		}
	}
	if c.fragments == 0 {
		return &rooms.Error{Code: rooms.CodeNotReady, Detail: "no media yet", RetryAfter: time.Second}
	}
	return nil
}

// sameCodecs leaves out what comes before a change of codecs.
func (l *Library) sameCodecs(roomID string, segments []dvr.Segment) (same []dvr.Segment, init []byte, err error) {
	last := segments[len(segments)-1]
	if init, err = l.o.Broadcasts.Bytes(roomID, last.Init); err != nil {
		return nil, nil, err
	}
	for i := len(segments) - 2; i >= 0; i-- {
		if segments[i].Init == segments[i+1].Init {
			continue
		}
		switch other, err := l.o.Broadcasts.Bytes(roomID, segments[i].Init); {
		case rooms.CodeOf(err) == rooms.CodeNotFound, err == nil && !bytes.Equal(init, other):
			return segments[i+1:], init, nil
		case err != nil:
			return nil, nil, err
		}
	}
	return segments, init, nil
}

// clip is a movie made of segments: their timestamps are moved, their samples
// left as they are.
type clip struct {
	file      *os.File
	size      int64
	duration  int64 // where the header's duration stands
	rates     map[int]int
	main      int
	began     time.Time     // wall clock at 0
	origin    time.Duration // time of the show at 0
	shifts    map[int]int64 // the same in ticks, by track
	fragments uint32
	end       time.Duration
	keys      []keyPoint
}

// begin writes the header.
func (c *clip) begin(init []byte) error {
	var in fmp4.Init
	if err := in.Unmarshal(bytes.NewReader(init)); err != nil {
		return fmt.Errorf("read an init segment: %w", err)
	}
	c.rates = make(map[int]int, len(in.Tracks))
	for _, t := range in.Tracks {
		c.rates[t.ID] = int(t.TimeScale)
		if c.main == 0 || t.Codec.IsVideo() {
			c.main = t.ID
		}
	}
	head, duration, err := insertDuration(init)
	if err != nil {
		return err
	}
	c.duration = duration
	return c.append(head)
}

func (c *clip) append(b []byte) error {
	n, err := c.file.Write(b)
	c.size += int64(n)
	return err
}

// add appends the fragments of a segment. One that does not follow the last
// continues it all the same.
func (c *clip) add(segment []byte, follows bool) error {
	body := bytes.Clone(segment) // others read it, too
	for at := 0; at < len(body); {
		x, err := readBox(body, at, len(body))
		if err != nil {
			return err
		}
		at = x.end
		if x.kind != "moof" {
			continue
		}
		f, err := parseFragment(body, x.start)
		if err != nil {
			return err
		}
		mdat, err := readBox(body, f.end, len(body))
		if err != nil || mdat.kind != "mdat" {
			return errBoxes
		}
		if !follows {
			if err := c.rebase(f); err != nil {
				return err
			}
			follows = true
		}
		if err := c.move(body, f); err != nil {
			return err
		}
		if err := c.append(body[x.start:mdat.end]); err != nil {
			return err
		}
		at = mdat.end
	}
	return nil
}

// rebase makes a fragment begin where the clip ends.
func (c *clip) rebase(f fragment) error {
	if len(f.runs) == 0 {
		return errBoxes
	}
	first := time.Duration(-1)
	for _, r := range f.runs {
		rate := c.rates[r.track]
		if rate == 0 {
			return errBoxes
		}
		if start := seconds(r.base, rate); first < 0 || start < first {
			first = start
		}
	}
	// It may be negative: a clip goes on although the broadcast begins anew.
	c.origin, c.shifts = first-c.end, make(map[int]int64, len(c.rates))
	return nil
}

// move gives a fragment its place in the clip.
func (c *clip) move(body []byte, f fragment) error {
	binary.BigEndian.PutUint32(body[f.number:], c.fragments)
	c.fragments++
	for _, r := range f.runs {
		rate := c.rates[r.track]
		if rate == 0 {
			return errBoxes
		}
		shift, known := c.shifts[r.track]
		if !known {
			shift = int64(r.base) - int64(ticks(seconds(r.base, rate)-c.origin, rate))
			c.shifts[r.track] = shift
		}
		at := uint64(max(int64(r.base)-shift, 0))
		binary.BigEndian.PutUint64(body[r.baseAt:], at)
		c.end = max(c.end, seconds(at+r.duration, rate))
		if r.track == c.main && r.key && r.samples > 0 {
			c.keys = append(c.keys, keyPoint{at + uint64(max(r.offset, 0)), c.size})
		}
	}
	return nil
}

// finish completes the file.
func (c *clip) finish() error {
	if err := c.append(randomAccess(c.main, c.keys)); err != nil {
		return err
	}
	if err := writeDuration(c.file, c.duration, c.end); err != nil {
		return err
	}
	return c.file.Sync()
}
