package hls

import "encoding/binary"

// sample is one sample of a fragment, as its trun box has it.
type sample struct {
	payload  []byte
	duration uint32 // in ticks of its track
	offset   int32  // from decode to presentation time
	nonSync  bool
}

// Flags of the boxes that are written (ISO 14496-12, 8.8.7 and 8.8.8).
const (
	tfhdDefaultBaseIsMoof = 0x020000

	trunDataOffset  = 0x000001
	trunDuration    = 0x000100
	trunSize        = 0x000200
	trunFlags       = 0x000400
	trunComposition = 0x000800

	sampleNonSync = 0x00010000
)

// Sizes of boxes, headers included.
const (
	mfhdSize = 16
	tfhdSize = 16
	tfdtSize = 20
	trunHead = 20
)

// trunLayout is which fields the samples of a run need, and how many bytes they take.
func trunLayout(samples []sample) (flags uint32, entry int) {
	flags, entry = trunDataOffset|trunDuration|trunSize, 8
	for i := range samples {
		if samples[i].nonSync {
			flags |= trunFlags
		}
		if samples[i].offset != 0 {
			flags |= trunComposition
		}
	}
	if flags&trunFlags != 0 {
		entry += 4
	}
	if flags&trunComposition != 0 {
		entry += 4
	}
	return flags, entry
}

// appendFragment appends a moof box of some track runs and the mdat box with
// their payloads, one run after the other (ISO 14496-12, 8.8.4; each run's data
// offset counts from the moof box). Runs without samples are left out; track
// ids are places in the list, from 1. It allocates nothing but what dst lacks.
func appendFragment(dst []byte, number uint32, runs []trackRun) []byte {
	moof, mdat := 8+mfhdSize, 8
	for i := range runs {
		if n := len(runs[i].samples); n > 0 {
			_, entry := trunLayout(runs[i].samples)
			moof += 8 + tfhdSize + tfdtSize + trunHead + n*entry
			mdat += runs[i].size
		}
	}
	if need := moof + mdat; cap(dst)-len(dst) < need {
		dst = append(make([]byte, 0, len(dst)+need), dst...)
	}
	be := binary.BigEndian
	b := appendBox(dst, moof, "moof")
	b = appendBox(b, mfhdSize, "mfhd")
	b = be.AppendUint32(be.AppendUint32(b, 0), number)
	data := moof + 8
	for i := range runs {
		if r := &runs[i]; len(r.samples) > 0 {
			b = appendTraf(b, uint32(i+1), r, data)
			data += r.size
		}
	}
	b = appendBox(b, mdat, "mdat")
	for i := range runs {
		for k := range runs[i].samples {
			b = append(b, runs[i].samples[k].payload...)
		}
	}
	return b
}

// appendTraf appends a track fragment whose samples begin data bytes after the
// beginning of the moof box.
func appendTraf(b []byte, id uint32, r *trackRun, data int) []byte {
	be := binary.BigEndian
	flags, entry := trunLayout(r.samples)
	trun := trunHead + len(r.samples)*entry
	b = appendBox(b, 8+tfhdSize+tfdtSize+trun, "traf")
	b = appendBox(b, tfhdSize, "tfhd")
	b = be.AppendUint32(be.AppendUint32(b, tfhdDefaultBaseIsMoof), id)
	b = appendBox(b, tfdtSize, "tfdt")
	b = be.AppendUint64(be.AppendUint32(b, 1<<24), r.base) // version 1
	b = appendBox(b, trun, "trun")
	b = be.AppendUint32(b, 1<<24|flags) // version 1: signed composition offsets
	b = be.AppendUint32(b, uint32(len(r.samples)))
	b = be.AppendUint32(b, uint32(data))
	for i := range r.samples {
		s := &r.samples[i]
		b = be.AppendUint32(b, s.duration)
		b = be.AppendUint32(b, uint32(len(s.payload)))
		if flags&trunFlags != 0 {
			v := uint32(0)
			if s.nonSync {
				v = sampleNonSync
			}
			b = be.AppendUint32(b, v)
		}
		if flags&trunComposition != 0 {
			b = be.AppendUint32(b, uint32(s.offset))
		}
	}
	return b
}

func appendBox(b []byte, size int, name string) []byte {
	return append(binary.BigEndian.AppendUint32(b, uint32(size)), name...)
}
