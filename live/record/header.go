package record

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4/seekablebuffer"

	"roomcast/media"
)

// movieScale is the ticks per second of the movie header, which mediacommon sets.
const movieScale = 1000

// header makes the beginning of a file: ftyp and moov. duration is where the
// movie's duration stands in it, in eight bytes, to be written when it is known.
func header(f *media.Format) (b []byte, duration int64, err error) {
	init := fmp4.Init{}
	for i, t := range f.Tracks {
		c, err := t.MP4()
		if err != nil {
			return nil, 0, err
		}
		init.Tracks = append(init.Tracks, &fmp4.InitTrack{ID: i + 1, TimeScale: uint32(t.ClockRate), Codec: c})
	}
	var buffer seekablebuffer.Buffer
	if err := init.Marshal(&buffer); err != nil {
		return nil, 0, fmt.Errorf("write a movie's header: %w", err)
	}
	return insertDuration(buffer.Bytes())
}

var errBoxes = errors.New("malformed MP4: boxes are missing or do not fit into one another")

// insertDuration puts a movie extends header (ISO 14496-12, 8.8.2) of 0 into the
// mvex box, from which players learn how long a fragmented movie is.
func insertDuration(b []byte) (out []byte, duration int64, err error) {
	moov, err := findBox(b, 0, len(b), "moov")
	if err != nil {
		return nil, 0, err
	}
	mvex, err := findBox(b, moov.body, moov.end, "mvex")
	if err != nil {
		return nil, 0, err
	}
	const size = 20
	mehd := make([]byte, size)
	binary.BigEndian.PutUint32(mehd, size)
	copy(mehd[4:], "mehd")
	mehd[8] = 1 // version: eight bytes of duration
	out = append(append(append(make([]byte, 0, len(b)+size), b[:mvex.body]...), mehd...), b[mvex.body:]...)
	for _, box := range []box{moov, mvex} {
		at := out[box.start:]
		binary.BigEndian.PutUint32(at, binary.BigEndian.Uint32(at)+size)
	}
	return out, int64(mvex.body + 12), nil
}

// box is where a box (ISO 14496-12, 4.2) lies.
type box struct {
	kind             string
	start, body, end int
}

// readBox reads the head of the box at a place; it lies before limit.
func readBox(b []byte, at, limit int) (box, error) {
	if limit > len(b) || at < 0 || limit-at < 8 {
		return box{}, errBoxes
	}
	x := box{kind: string(b[at+4 : at+8]), start: at, body: at + 8}
	size := uint64(binary.BigEndian.Uint32(b[at:]))
	if size == 1 {
		if limit-at < 16 {
			return box{}, errBoxes
		}
		size, x.body = binary.BigEndian.Uint64(b[at+8:]), at+16
	}
	if size < uint64(x.body-at) || size > uint64(limit-at) {
		return box{}, errBoxes
	}
	x.end = at + int(size)
	return x, nil
}

// findBox finds the first box of a kind between two places.
func findBox(b []byte, at, limit int, kind string) (box, error) {
	for at < limit {
		x, err := readBox(b, at, limit)
		if err != nil {
			return box{}, err
		}
		if x.kind == kind {
			return x, nil
		}
		at = x.end
	}
	return box{}, errBoxes
}
