package record

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4"
)

const (
	maxHeader = 1 << 20
	maxMoof   = 16 << 20
)

var (
	// errNothing says that a file holds no fragment.
	errNothing = errors.New("nothing was recorded")
	// errUnreadable says that a file will never play.
	errUnreadable = errors.New("malformed header")
)

// repaired is what a file turned out to hold.
type repaired struct {
	duration time.Duration
	size     int64
}

// repair completes a file that its writer did not: it cuts off what was written
// of a last fragment and adds what players seek by. errNothing if there is no
// whole fragment, errUnreadable if its header makes no sense; another error may pass,
// and leaves the fragments as they are.
func repair(path string) (repaired, error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return repaired{}, fmt.Errorf("open a recording: %w", err)
	}
	r, err := repairFile(f)
	if err = errors.Join(err, f.Close()); err != nil {
		return repaired{}, fmt.Errorf("complete a recording: %w", err)
	}
	return r, nil
}

func repairFile(f *os.File) (repaired, error) {
	info, err := f.Stat()
	if err != nil {
		return repaired{}, err
	}
	s, err := newScan(f, info.Size())
	if err != nil {
		return repaired{}, err
	}
	for s.next() {
	}
	if s.err != nil {
		return repaired{}, fmt.Errorf("read a recording: %w", s.err)
	}
	if s.fragments == 0 {
		return repaired{}, errNothing
	}
	tail := randomAccess(s.main, s.keys)
	if err := f.Truncate(s.at); err != nil {
		return repaired{}, err
	}
	if _, err := f.WriteAt(tail, s.at); err != nil {
		return repaired{}, err
	}
	if err := writeDuration(f, s.durationAt, s.end); err != nil {
		return repaired{}, err
	}
	return repaired{s.end, s.at + int64(len(tail))}, f.Sync()
}

// scan walks over the fragments of a file.
type scan struct {
	r          io.ReaderAt
	size       int64
	at         int64 // end of the last whole fragment
	durationAt int64
	rates      map[int]int // ticks per second by track id
	main       int         // id of the video track, else the first
	fragments  int
	end        time.Duration
	keys       []keyPoint
	err        error // of the disk: what comes after is not known
}

// newScan reads a file's header.
func newScan(r io.ReaderAt, size int64) (*scan, error) {
	head := make([]byte, min(size, maxHeader))
	if _, err := r.ReadAt(head, 0); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read a recording's header: %w", err)
	}
	moov, err := findBox(head, 0, len(head), "moov")
	if err != nil {
		return nil, errNothing
	}
	mvex, err := findBox(head, moov.body, moov.end, "mvex")
	if err != nil {
		return nil, errNothing
	}
	mehd, err := findBox(head, mvex.body, mvex.end, "mehd")
	if err != nil || mehd.end-mehd.body != 12 {
		return nil, errNothing
	}
	var in fmp4.Init
	if err := in.Unmarshal(bytes.NewReader(head[:moov.end])); err != nil {
		return nil, fmt.Errorf("%w: %w", errUnreadable, err)
	}
	s := &scan{r: r, size: size, at: int64(moov.end), durationAt: int64(mehd.body + 4), rates: map[int]int{}}
	for _, t := range in.Tracks {
		s.rates[t.ID] = int(t.TimeScale)
		if s.main == 0 || t.Codec.IsVideo() {
			s.main = t.ID
		}
	}
	return s, nil
}

// next takes one more fragment, if there is a whole one.
func (s *scan) next() bool {
	var head [8]byte
	moof, ok := s.boxAt(s.at, "moof", head[:])
	if !ok || moof > maxMoof {
		return false
	}
	mdat, ok := s.boxAt(s.at+moof, "mdat", head[:])
	if !ok {
		return false
	}
	b := make([]byte, moof)
	if !s.read(b, s.at) {
		return false
	}
	f, err := parseFragment(b, 0)
	if err != nil {
		return false
	}
	for _, r := range f.runs {
		rate := s.rates[r.track]
		if rate == 0 {
			return false
		}
		s.end = max(s.end, seconds(r.base+r.duration, rate))
		if r.track == s.main && r.key && r.samples > 0 {
			s.keys = append(s.keys, keyPoint{r.base + uint64(max(r.offset, 0)), s.at})
		}
	}
	s.at += moof + mdat
	s.fragments++
	return true
}

func (s *scan) read(b []byte, at int64) bool {
	_, s.err = s.r.ReadAt(b, at)
	return s.err == nil
}

// boxAt gives the size of a box that lies whole in the file.
func (s *scan) boxAt(at int64, kind string, head []byte) (int64, bool) {
	if s.size-at < 8 {
		return 0, false
	}
	if !s.read(head, at) || string(head[4:8]) != kind {
		return 0, false
	}
	size := int64(uint32(head[0])<<24 | uint32(head[1])<<16 | uint32(head[2])<<8 | uint32(head[3]))
	return size, size >= 8 && size <= s.size-at
}
