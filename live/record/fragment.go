package record

import (
	"encoding/binary"
	"fmt"
)

// fragment is what a moof box says, as far as we need it. Places are within the
// bytes it was read from.
type fragment struct {
	end    int // of the moof
	number int // where the sequence number stands, in four bytes
	runs   []run
}

// run is the samples of one track in a fragment.
type run struct {
	track    int // id
	baseAt   int // where base stands, in eight bytes
	base     uint64
	duration uint64 // of all samples
	offset   int32  // of the first sample's presentation time
	key      bool   // the first sample is one
	samples  int
}

// The flags of a trun box (ISO 14496-12, 8.8.8).
const (
	trunDataOffset = 1 << iota
	_
	trunFirstFlags
	trunDurations = 1 << 8
	trunSizes     = 1 << 9
	trunFlags     = 1 << 10
	trunOffsets   = 1 << 11

	sampleIsNoKey = 1 << 16
)

// parseFragment reads a moof box at a place. It reads what the packager and the
// recorder write: tfdt of eight bytes, a duration for each sample.
func parseFragment(b []byte, at int) (fragment, error) {
	moof, err := readBox(b, at, len(b))
	if err != nil || moof.kind != "moof" {
		return fragment{}, errBoxes
	}
	f := fragment{end: moof.end}
	for at := moof.body; at < moof.end; {
		x, err := readBox(b, at, moof.end)
		if err != nil {
			return fragment{}, err
		}
		switch {
		case x.kind == "mfhd" && x.end-x.body >= 8:
			f.number = x.body + 4
		case x.kind == "traf":
			r, err := parseRun(b, x)
			if err != nil {
				return fragment{}, err
			}
			f.runs = append(f.runs, r)
		}
		at = x.end
	}
	if f.number == 0 {
		return fragment{}, errBoxes
	}
	return f, nil
}

func parseRun(b []byte, traf box) (run, error) {
	var r run
	for at := traf.body; at < traf.end; {
		x, err := readBox(b, at, traf.end)
		if err != nil {
			return run{}, err
		}
		body := b[x.body:x.end]
		switch x.kind {
		case "tfhd":
			if len(body) < 8 {
				return run{}, errBoxes
			}
			r.track = int(binary.BigEndian.Uint32(body[4:]))
		case "tfdt":
			if len(body) < 12 || body[0] != 1 {
				return run{}, errBoxes
			}
			r.baseAt, r.base = x.body+4, binary.BigEndian.Uint64(body[4:])
		case "trun":
			if err := r.parseSamples(body); err != nil {
				return run{}, err
			}
		}
		at = x.end
	}
	if r.track == 0 || r.baseAt == 0 {
		return run{}, errBoxes
	}
	return r, nil
}

// parseSamples adds up the samples of a trun box.
func (r *run) parseSamples(b []byte) error {
	if len(b) < 8 {
		return errBoxes
	}
	flags := binary.BigEndian.Uint32(b) & 0xffffff
	count := int(binary.BigEndian.Uint32(b[4:]))
	b = b[8:]
	if flags&trunDurations == 0 || flags&trunFirstFlags != 0 {
		return fmt.Errorf("a fragment with defaults: %w", errBoxes)
	}
	if flags&trunDataOffset != 0 {
		if len(b) < 4 {
			return errBoxes
		}
		b = b[4:]
	}
	entry := 4
	for _, f := range []uint32{trunSizes, trunFlags, trunOffsets} {
		if flags&f != 0 {
			entry += 4
		}
	}
	if count < 0 || count > len(b)/entry {
		return errBoxes
	}
	for n := range count {
		e := b[n*entry:]
		r.duration += uint64(binary.BigEndian.Uint32(e))
		if n > 0 || r.samples > 0 {
			continue
		}
		r.key = true
		next := 4
		if flags&trunSizes != 0 {
			next += 4
		}
		if flags&trunFlags != 0 {
			r.key = binary.BigEndian.Uint32(e[next:])&sampleIsNoKey == 0
			next += 4
		}
		if flags&trunOffsets != 0 {
			r.offset = int32(binary.BigEndian.Uint32(e[next:]))
		}
	}
	r.samples += count
	return nil
}
