package rtpin

import (
	"bytes"

	"github.com/bluenviron/mediacommon/v2/pkg/bits"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h265"

	"roomcast/media"
)

const (
	// videoClock is the RTP clock of all video codecs.
	videoClock = 90000
	// jumpTicks is the step in presentation time that is no reordering.
	jumpTicks = 5 * videoClock
	// maxFailures is how often the decode time may not be found, without
	// forgiven pictures in between, before it is taken to be the presentation time.
	maxFailures = 3
	forgiven    = 250
	// maxPPS bounds the picture parameter sets that are kept.
	maxPPS = 16
)

// dtsExtractor is h264.DTSExtractor or h265.DTSExtractor.
type dtsExtractor interface {
	Extract(au [][]byte, pts int64) (int64, error)
}

// nalPictures are those of H.264 and H.265.
type nalPictures struct {
	codec    media.Codec
	vps, sps []byte
	pps      [][]byte
	changed  bool // the sets, since t was made
	t        *media.Track

	extractor dtsExtractor
	failures  int
	found     int   // decode times since the last failure
	given     bool  // a picture has gone through the extractor
	last      int64 // its presentation time
	bias      int64 // added to presentation times, so that jumps do not reach the extractor
}

func newNALPictures(codec media.Codec) *nalPictures {
	n := &nalPictures{codec: codec}
	n.reset()
	return n
}

// begin takes the parameter sets of a session description. What is wrong with
// them shows when the first key frame repeats them.
func (n *nalPictures) begin(vps, sps, pps []byte) {
	n.vps, n.sps, n.pps, n.changed = bytes.Clone(vps), bytes.Clone(sps), [][]byte{bytes.Clone(pps)}, true
	if n.make() != nil {
		n.vps, n.sps, n.pps, n.changed = nil, nil, nil, false
	}
}

func (n *nalPictures) track() *media.Track { return n.t }

// reset forgets what the decode times were derived from.
func (n *nalPictures) reset() {
	if n.codec == media.H264 {
		e := &h264.DTSExtractor{}
		e.Initialize()
		n.extractor = e
		return
	}
	e := &h265.DTSExtractor{}
	e.Initialize()
	n.extractor = e
}

// The roles of a NAL unit.
type role int

const (
	roleOther role = iota // stays in the picture
	roleSlice
	roleKey
	roleVPS
	roleSPS
	rolePPS
	roleDrop
)

// roleOf says what to do with a NAL unit (ITU-T H.264 table 7-1, H.265 table 7-1).
func (n *nalPictures) roleOf(nal []byte) role {
	if len(nal) == 0 {
		return roleDrop
	}
	if n.codec == media.H264 {
		switch t := media.NALType(nal); t {
		case 1, 2, 3, 4:
			return roleSlice
		case media.NALIDR:
			return roleKey
		case media.NALSPS:
			return roleSPS
		case media.NALPPS:
			return rolePPS
		case 0, media.NALDelimiter, 10, 11, 12: // ends of sequence and stream, filler
			return roleDrop
		}
		return roleOther
	}
	switch t := media.HEVCType(nal); {
	case t >= media.HEVCFirstIRAP && t <= media.HEVCLastIRAP:
		return roleKey
	case t < 32:
		return roleSlice
	case t == media.HEVCVPS:
		return roleVPS
	case t == media.HEVCSPS:
		return roleSPS
	case t == media.HEVCPPS:
		return rolePPS
	case t == media.HEVCDelimiter, t == 36, t == 37, t == 38, t == 0xff: // ends of sequence and bitstream, filler, no header
		return roleDrop
	}
	return roleOther
}

func (n *nalPictures) assemble(parts [][]byte, pts int64) (p picture, err error) {
	var pps [][]byte
	size, slices, newSPS := 0, false, false
	for _, nal := range parts {
		switch n.roleOf(nal) {
		case roleVPS:
			n.changed = n.changed || !bytes.Equal(n.vps, nal)
			n.vps = nal
		case roleSPS:
			n.changed = n.changed || !bytes.Equal(n.sps, nal)
			n.sps, newSPS = nal, true
		case rolePPS:
			pps = append(pps, nal)
		case roleKey:
			p.key, slices = true, true
			size += 4 + len(nal)
		case roleSlice:
			slices = true
			size += 4 + len(nal)
		case roleOther:
			size += 4 + len(nal)
		case roleDrop:
		}
	}
	n.takePPS(pps, newSPS)
	if !slices {
		return picture{}, nil
	}
	if p.key && n.changed {
		if err := n.make(); err != nil {
			return picture{}, notSupported(err)
		}
	}
	if n.t == nil {
		return picture{}, nil
	}
	if p.delay, err = n.delay(parts, pts, p.key); err != nil {
		return picture{}, err
	}
	p.payload = n.payload(parts, p.key, size)
	return p, nil
}

// payload joins the parts that belong in a picture, each after its length.
func (n *nalPictures) payload(parts [][]byte, key bool, size int) []byte {
	extra := n.t.ExtraPPS
	if !key {
		extra = nil
	}
	for _, p := range extra {
		size += 4 + len(p)
	}
	out := make([]byte, 0, size)
	for _, p := range extra {
		out = media.AppendNAL(out, p)
	}
	for _, nal := range parts {
		switch n.roleOf(nal) {
		case roleSlice, roleKey, roleOther:
			out = media.AppendNAL(out, nal)
		case roleVPS, roleSPS, rolePPS, roleDrop:
		}
	}
	return out
}

// takePPS keeps picture parameter sets. With a sequence parameter set they are
// all there are; without one each replaces the one of its id.
func (n *nalPictures) takePPS(pps [][]byte, all bool) {
	switch {
	case len(pps) == 0 || len(pps) > maxPPS:
		return
	case all:
		if len(pps) != len(n.pps) {
			n.changed = true
		}
		for i := range pps {
			n.changed = n.changed || !bytes.Equal(pps[i], n.pps[i])
		}
		n.pps = pps
		return
	}
	for _, p := range pps {
		n.replacePPS(p)
	}
}

func (n *nalPictures) replacePPS(p []byte) {
	list := make([][]byte, 0, len(n.pps)+1)
	found := false
	for _, old := range n.pps {
		if n.ppsID(old) == n.ppsID(p) {
			if bytes.Equal(old, p) {
				return
			}
			old, found = p, true
		}
		list = append(list, old)
	}
	if !found {
		if list = append(list, p); len(list) > maxPPS {
			return
		}
	}
	n.pps, n.changed = list, true
}

// ppsID is pic_parameter_set_id, the first field after the header.
func (n *nalPictures) ppsID(pps []byte) uint32 {
	header := 1
	if n.codec == media.H265 {
		header = 2
	}
	if len(pps) <= header {
		return 0
	}
	pos := 0
	id, err := bits.ReadGolombUnsigned(pps[header:], &pos)
	if err != nil {
		return 0
	}
	return id
}

// make makes the track of the parameter sets, if they are complete.
func (n *nalPictures) make() (err error) {
	if len(n.sps) == 0 || len(n.pps) == 0 || n.codec == media.H265 && len(n.vps) == 0 {
		return nil
	}
	var t *media.Track
	if n.codec == media.H264 {
		t, err = media.NewH264(n.sps, n.pps[0], 0, n.pps[1:]...)
	} else {
		t, err = media.NewH265(n.vps, n.sps, n.pps[0], 0, n.pps[1:]...)
	}
	if err != nil {
		return err
	}
	n.t, n.changed = t, false
	return nil
}

// delay is how many ticks before its presentation a picture is to be decoded.
func (n *nalPictures) delay(parts [][]byte, pts int64, key bool) (int64, error) {
	if n.failures > maxFailures {
		return 0, nil
	}
	pts += n.bias
	if d := pts - n.last; n.given && (d > jumpTicks || d < -jumpTicks) {
		// A jump: for the extractor time goes on as if nothing had happened.
		step := n.last + videoClock/25 - pts
		n.bias += step
		pts += step
	}
	n.last, n.given = pts, true
	au := make([][]byte, 0, len(parts)+4)
	if key {
		if n.codec == media.H265 {
			au = append(au, n.vps)
		}
		// Of several picture parameter sets the first is the one that slices usually name.
		au = append(au, n.sps, n.pps[0])
	}
	for _, nal := range parts {
		switch n.roleOf(nal) {
		case roleSlice, roleKey:
			au = append(au, nal)
		case roleOther, roleVPS, roleSPS, rolePPS, roleDrop:
		}
	}
	dts, err := n.extractor.Extract(au, pts)
	if err == nil {
		if n.found++; n.found > forgiven {
			n.failures = 0
		}
		return max(0, pts-dts), nil
	}
	n.failures, n.found = n.failures+1, 0
	n.reset()
	if !key {
		return 0, err
	}
	// Another extractor, from this key frame on.
	if dts, err = n.extractor.Extract(au, pts); err != nil {
		n.reset()
		return 0, nil //nolint:nilerr // a picture whose decode time cannot be told is shown all the same
	}
	return max(0, pts-dts), nil
}
