package record

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/bits"
	"os"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4/seekablebuffer"

	"roomcast/media"
)

const (
	// A fragment ends before a key frame when it is this long, ...
	fragmentTime = time.Second
	// ... and anywhere when it is this long, or large: so much does a crash cost.
	fragmentLimit = 2 * time.Second
	fragmentBytes = 8 << 20
	// maxGap is how long a hole within a movie may be; what is longer is cut out.
	maxGap = 5 * time.Second
)

// movie writes one fragmented MP4 file. Each fragment is written whole, by one
// call, so that the file can be played at any time up to its last one.
type movie struct {
	file     *os.File
	duration int64 // where the header's duration stands
	tracks   []movieTrack
	main     int // index of the video track, else 0

	format  *media.Format
	started bool
	origin  time.Duration // time of the stream at the movie's 0
	number  uint32

	latest  time.Duration // where the newest unit begins
	since   time.Duration // where the fragment in making begins
	pending int           // its bytes
	size    int64         // of the file
	end     time.Duration // where what is in the file ends
	keys    []keyPoint    // fragments that begin with a key frame
	keyed   bool          // the fragment in making does
}

// keyPoint is an entry of the index at the file's end.
type keyPoint struct {
	at     uint64 // presentation time, in ticks of the main track
	offset int64  // of the moof
}

// movieTrack is one track on its way into the file.
type movieTrack struct {
	*media.Track
	last    *media.Unit // whose duration is not known before the next one comes
	at      uint64      // where last begins, in ticks
	step    uint64      // how long the one before it was
	base    uint64      // where samples begin
	samples []*fmp4.Sample
}

// createMovie makes a file for units of a format.
func createMovie(path string, f *media.Format) (*movie, error) {
	head, duration, err := header(f)
	if err != nil {
		return nil, err
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, fmt.Errorf("make a recording's file: %w", err)
	}
	m := &movie{file: file, duration: duration, format: f}
	for i, t := range f.Tracks {
		m.tracks = append(m.tracks, movieTrack{Track: t})
		if t.Kind == media.Video {
			m.main = i
		}
	}
	if err := m.append(head); err != nil {
		return nil, errors.Join(err, file.Close(), os.Remove(path))
	}
	return m, nil
}

// append writes at the end of the file, all or nothing.
func (m *movie) append(b []byte) error {
	n, err := m.file.WriteAt(b, m.size)
	if err != nil {
		if n > 0 {
			err = errors.Join(err, m.file.Truncate(m.size))
		}
		return fmt.Errorf("write a recording: %w", err)
	}
	m.size += int64(len(b))
	return nil
}

// continues reports whether units of another format fit into this movie.
func (m *movie) continues(f *media.Format) bool {
	if len(f.Tracks) != len(m.tracks) {
		return false
	}
	for i, t := range f.Tracks {
		if !m.tracks[i].SameConfig(t) {
			return false
		}
	}
	return true
}

// write adds a unit. One of another format than the one before, which the movie
// continues with, follows without a hole.
func (m *movie) write(u *media.Unit) error {
	if u.Format != m.format {
		if err := m.cut(); err != nil {
			return err
		}
		m.format = u.Format
	}
	i := m.index(u.Track)
	if i < 0 {
		return nil
	}
	if !m.started {
		if !u.RandomAccess() {
			return nil
		}
		m.started, m.origin, m.latest = true, u.DTS-m.end, m.end
	}
	at := u.DTS - m.origin
	switch t := &m.tracks[i]; {
	case at < 0 || t.last == nil && at < m.since:
		return nil // sound from before the first picture
	case at-m.latest > maxGap:
		// A hole: what came before ends here, and this follows it at once.
		if err := m.cut(); err != nil {
			return err
		}
		return m.write(u)
	case i == m.main:
		if err := m.turn(u, at); err != nil {
			return err
		}
	case at-m.since >= 2*fragmentLimit || m.pending >= 2*fragmentBytes:
		// The picture stands still, the sound goes on.
		if err := m.flush(at); err != nil {
			return err
		}
		m.keyed = false
	}
	m.latest = max(m.latest, at)
	m.tracks[i].add(u, at)
	m.pending += len(u.Payload)
	return nil
}

func (m *movie) index(t *media.Track) int {
	for i, o := range m.format.Tracks {
		if o == t {
			return i
		}
	}
	return -1
}

// turn ends the fragment before a unit of the main track, if it is time to.
func (m *movie) turn(u *media.Unit, at time.Duration) error {
	long := at - m.since
	key := u.RandomAccess()
	full := long >= fragmentLimit || m.pending >= fragmentBytes
	if !full && (!key || long < fragmentTime) {
		if m.tracks[m.main].last == nil {
			m.keyed = key
		}
		return nil
	}
	m.tracks[m.main].settle(ticks(at, m.tracks[m.main].ClockRate))
	if err := m.flush(at); err != nil {
		return err
	}
	m.keyed = key
	return nil
}

// cut completes everything: what comes next does not continue it.
func (m *movie) cut() error {
	if !m.started {
		return nil
	}
	var end time.Duration
	for i := range m.tracks {
		t := &m.tracks[i]
		if t.last == nil {
			continue
		}
		t.settle(t.at + t.guess())
		t.last = nil
		end = max(end, seconds(t.at, t.ClockRate))
	}
	end = max(end, m.end)
	if err := m.flush(end); err != nil {
		return err
	}
	m.started = false
	return nil
}

// flush writes the fragment in making; the next one begins at a time.
func (m *movie) flush(at time.Duration) error {
	part := fmp4.Part{SequenceNumber: m.number}
	for i := range m.tracks {
		t := &m.tracks[i]
		if len(t.samples) > 0 {
			part.Tracks = append(part.Tracks, &fmp4.PartTrack{ID: i + 1, BaseTime: t.base, Samples: t.samples})
		}
		t.samples = nil
	}
	m.since, m.pending = at, 0
	if len(part.Tracks) == 0 {
		return nil
	}
	var b seekablebuffer.Buffer
	if err := part.Marshal(&b); err != nil {
		return fmt.Errorf("write a fragment: %w", err)
	}
	if m.keyed && part.Tracks[0].ID == m.main+1 {
		first := part.Tracks[0]
		m.keys = append(m.keys, keyPoint{first.BaseTime + uint64(max(first.Samples[0].PTSOffset, 0)), m.size})
	}
	if err := m.append(b.Bytes()); err != nil {
		return err
	}
	m.number++
	m.end = max(m.end, at)
	return nil
}

// add puts a unit behind the last one, whose duration is known now.
func (t *movieTrack) add(u *media.Unit, at time.Duration) {
	start := max(ticks(at, t.ClockRate), t.at)
	if t.last != nil {
		frame := t.guess()
		if due := t.at + frame; t.Kind == media.Audio && start < due+frame && due < start+frame {
			start = due // sound has no holes; clocks in milliseconds only look like it
		}
		start = max(start, t.at+1)
		t.settle(start)
	}
	t.last, t.at = u, start
	if len(t.samples) == 0 {
		t.base = start
	}
}

// settle makes a sample of the last unit, which ends at a tick.
func (t *movieTrack) settle(end uint64) {
	u := t.last
	if u == nil {
		return
	}
	end = max(end, t.at+1)
	payload := u.Payload
	if u.Key && len(t.ExtraPPS) > 0 {
		// The sample description has room for one set; the others go along.
		payload = nil
		for _, nal := range t.ExtraPPS {
			payload = media.AppendNAL(payload, nal)
		}
		payload = append(payload, u.Payload...)
	}
	if len(t.samples) == 0 {
		t.base = t.at
	}
	t.samples = append(t.samples, &fmp4.Sample{
		Duration: uint32(end - t.at), PTSOffset: offset(u, t.ClockRate),
		IsNonSyncSample: !u.Key, Payload: payload,
	})
	t.step, t.at, t.last = end-t.at, end, nil
}

// guess is how long the last unit is, as far as it can tell.
func (t *movieTrack) guess() uint64 {
	switch {
	case t.Codec == media.Opus && t.last != nil:
		if d := media.OpusDuration(t.last.Payload); d > 0 {
			return ticks(d, t.ClockRate)
		}
	case t.Kind == media.Audio && t.FrameSamples > 0:
		return uint64(t.FrameSamples)
	}
	if t.step > 0 {
		return t.step
	}
	return ticks(40*time.Millisecond, t.ClockRate)
}

func offset(u *media.Unit, rate int) int32 {
	if u.PTS < u.DTS {
		return -int32(ticks(u.DTS-u.PTS, rate))
	}
	return int32(ticks(u.PTS-u.DTS, rate))
}

// finish completes the file and says how long it is. It is complete on disk
// when finish returns.
func (m *movie) finish() (time.Duration, error) {
	err := m.cut()
	if err == nil {
		err = m.append(m.randomAccess())
	}
	if writing := writeDuration(m.file, m.duration, m.end); err == nil {
		err = writing
	}
	return m.end, errors.Join(err, m.close())
}

func (m *movie) close() error {
	if err := errors.Join(m.file.Sync(), m.file.Close()); err != nil {
		return fmt.Errorf("close a recording: %w", err)
	}
	return nil
}

// writeDuration tells the header how long the movie is.
func writeDuration(f *os.File, offset int64, d time.Duration) error {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(d.Milliseconds()*movieScale/1000))
	if _, err := f.WriteAt(b[:], offset); err != nil {
		return fmt.Errorf("write a recording's duration: %w", err)
	}
	return nil
}

// randomAccess is the index of key frames: mfra (ISO 14496-12, 8.8.9 to 8.8.11).
func (m *movie) randomAccess() []byte { return randomAccess(m.main+1, m.keys) }

func randomAccess(track int, keys []keyPoint) []byte {
	const head, entry, tail = 8, 19, 16
	tfra := 24 + entry*len(keys)
	b := make([]byte, 0, head+tfra+tail)
	u32 := func(v int) { b = binary.BigEndian.AppendUint32(b, uint32(v)) }
	u32(head + tfra + tail)
	b = append(b, "mfra"...)
	u32(tfra)
	b = append(b, "tfra\x01\x00\x00\x00"...)
	u32(track)
	u32(0) // one byte each for the numbers of traf, trun and sample
	u32(len(keys))
	for _, k := range keys {
		b = binary.BigEndian.AppendUint64(b, k.at)
		b = binary.BigEndian.AppendUint64(b, uint64(k.offset))
		b = append(b, 1, 1, 1)
	}
	u32(tail)
	b = append(b, "mfro\x00\x00\x00\x00"...)
	u32(head + tfra + tail)
	return b
}

// ticks is d on a clock of rate ticks per second, rounded; d is not negative.
func ticks(d time.Duration, rate int) uint64 {
	hi, lo := bits.Mul64(uint64(max(d, 0)), uint64(rate))
	lo, carry := bits.Add64(lo, uint64(time.Second/2), 0)
	q, _ := bits.Div64(hi+carry, lo, uint64(time.Second))
	return q
}

// seconds is the time of a number of ticks; a time beyond all is the longest
// there is.
func seconds(n uint64, rate int) time.Duration {
	hi, lo := bits.Mul64(n, uint64(time.Second))
	if hi >= uint64(rate) {
		return math.MaxInt64
	}
	q, _ := bits.Div64(hi, lo, uint64(rate))
	return time.Duration(min(q, math.MaxInt64))
}
