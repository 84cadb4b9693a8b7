package rtpin

import (
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
)

// dtsExtractor is h264.DTSExtractor or h265.DTSExtractor.
type dtsExtractor interface {
	Extract(au [][]byte, pts int64) (int64, error)
}

// order finds out when the pictures of H.264 and H.265 are decoded, which RTP
// does not say, from the picture order counts in them.
type order struct {
	codec     media.Codec
	extractor dtsExtractor
	failures  int
	found     int   // decode times since the last failure
	given     bool  // a picture has gone through the extractor
	last      int64 // its presentation time
	bias      int64 // added to presentation times, so that jumps do not reach the extractor
	unit      [][]byte
}

func newOrder(codec media.Codec) *order {
	o := &order{codec: codec}
	o.reset()
	return o
}

// reset forgets what the decode times were derived from.
func (o *order) reset() {
	if o.codec == media.H264 {
		e := &h264.DTSExtractor{}
		e.Initialize()
		o.extractor = e
		return
	}
	e := &h265.DTSExtractor{}
	e.Initialize()
	o.extractor = e
}

// slice reports whether a NAL unit is a part of a picture (ITU-T H.264 table
// 7-1, H.265 table 7-1).
func (o *order) slice(nal []byte) bool {
	if o.codec == media.H264 {
		t := media.NALType(nal)
		return t >= 1 && t <= media.NALIDR
	}
	return media.HEVCType(nal) < 32
}

// picture reports whether there is a picture in an access unit.
func (o *order) picture(parts [][]byte) bool {
	for _, nal := range parts {
		if o.slice(nal) {
			return true
		}
	}
	return false
}

// delay is how many ticks before its presentation a picture is to be decoded.
func (o *order) delay(t *media.Track, parts [][]byte, pts int64, key bool) (int64, error) {
	if o.failures > maxFailures {
		return 0, nil
	}
	pts += o.bias
	if d := pts - o.last; o.given && (d > jumpTicks || d < -jumpTicks) {
		// A jump: for the extractor time goes on as if nothing had happened.
		step := o.last + videoClock/25 - pts
		o.bias += step
		pts += step
	}
	o.last, o.given = pts, true
	o.unit = o.unit[:0]
	if key {
		if len(t.VPS) > 0 {
			o.unit = append(o.unit, t.VPS)
		}
		// Of several picture parameter sets the first is the one that slices usually name.
		o.unit = append(o.unit, t.SPS, t.PPS)
	}
	for _, nal := range parts {
		if o.slice(nal) {
			o.unit = append(o.unit, nal)
		}
	}
	dts, err := o.extractor.Extract(o.unit, pts)
	if err == nil {
		if o.found++; o.found > forgiven {
			o.failures = 0
		}
		return max(0, pts-dts), nil
	}
	o.failures, o.found = o.failures+1, 0
	o.reset()
	if !key {
		return 0, err
	}
	// Another extractor, from this key frame on.
	if dts, err = o.extractor.Extract(o.unit, pts); err != nil {
		o.reset()
		return 0, nil //nolint:nilerr // a picture whose decode time cannot be told is shown all the same
	}
	return max(0, pts-dts), nil
}
