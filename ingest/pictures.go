package ingest

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"roomcast/media"
	"roomcast/rooms"
)

// Pictures turns the access units of one video track, as any protocol carries
// them, into what media.Unit holds: parameter sets and delimiters go out of
// them and, when they are new, make a new track. It is used by one goroutine.
type Pictures struct {
	codec media.Codec
	fps   float64
	track *media.Track
	// Parameter sets that came in band and are not (yet) the track's.
	vps, sps []byte
	pps      [][]byte
	// header is AV1's sequence header as it was suggested, and not seen in band.
	header []byte
	pieces [][]byte // of the access unit at hand
}

// maxPieces bounds the NAL units or OBUs of one access unit; the largest
// pictures of real encoders have some hundreds.
const maxPieces = 4096

var errPieces = errors.New("malformed access unit: too many pieces")

// NewPictures begins a track of a codec. frameRate is what the protocol says
// of it, 0 for nothing.
func NewPictures(codec media.Codec, frameRate float64) *Pictures {
	return &Pictures{codec: codec, fps: frameRate}
}

// Track is the track as the last unit had it; nil while its parameter sets are
// not known.
func (p *Pictures) Track() *media.Track { return p.track }

// Configure takes a track that the protocol described beside the pictures. One
// that says the same as the present one changes nothing.
func (p *Pictures) Configure(t *media.Track) {
	if p.track == nil || !p.track.SameConfig(t) {
		p.track = t
	}
}

// Suggest takes an AV1 sequence header that the protocol carries beside the
// pictures. It counts only when the first key frame comes without one: some
// senders make up theirs before they have encoded anything.
func (p *Pictures) Suggest(sequenceHeader []byte) error {
	t, err := media.NewAV1(sequenceHeader, p.fps)
	if err != nil {
		return Unsupported("%v", err)
	}
	p.header = t.SequenceHeader
	return nil
}

// Whole takes an access unit in one piece: H.264 and H.265 with lengths of four
// bytes, AV1 as a stream of OBUs, VP9 as a frame. payload is nil when there is
// nothing to show, or the track is not known yet. It is b itself if that can be
// passed on as it is.
func (p *Pictures) Whole(b []byte) (payload []byte, key bool, err error) {
	p.pieces = p.pieces[:0]
	switch p.codec {
	case media.H264, media.H265:
		if err := media.CheckAVCC(b); err != nil {
			return nil, false, err
		}
		for nal := range media.NALs(b) {
			p.pieces = append(p.pieces, nal)
			if len(p.pieces) > maxPieces {
				return nil, false, errPieces
			}
		}
		return p.nals(p.pieces, b)
	case media.AV1:
		if err := media.CheckOBUs(b); err != nil {
			return nil, false, err
		}
		for obu := range media.OBUs(b) {
			p.pieces = append(p.pieces, obu)
			if len(p.pieces) > maxPieces {
				return nil, false, errPieces
			}
		}
		return p.obus(p.pieces, b)
	default:
		return p.frame(b)
	}
}

// Units takes an access unit in its pieces: NAL units, OBUs with or without
// size fields, or one VP9 frame.
func (p *Pictures) Units(units [][]byte) (payload []byte, key bool, err error) {
	if len(units) > maxPieces {
		return nil, false, errPieces
	}
	switch p.codec {
	case media.H264, media.H265:
		return p.nals(units, nil)
	case media.AV1:
		for _, obu := range units {
			if err := media.CheckOBUs(obu); err != nil {
				return nil, false, err
			}
		}
		return p.obus(units, nil)
	default:
		if len(units) != 1 {
			return nil, false, errors.New("malformed VP9 frame: not in one piece")
		}
		return p.frame(units[0])
	}
}

// nalUse is what becomes of a NAL unit.
type nalUse byte

const (
	useKeep nalUse = iota
	useKey
	useVPS
	useSPS
	usePPS
	useDrop
)

func (p *Pictures) use(nal []byte) nalUse {
	if p.codec == media.H264 {
		switch t := media.NALType(nal); {
		case t == media.NALIDR:
			return useKey
		case t == media.NALSPS:
			return useSPS
		case t == media.NALPPS:
			return usePPS
		case t == 0, t >= media.NALDelimiter && t <= media.NALFiller:
			return useDrop
		}
		return useKeep
	}
	switch t := media.HEVCType(nal); {
	case t >= media.HEVCFirstIRAP && t <= media.HEVCLastIRAP:
		return useKey
	case t == media.HEVCVPS:
		return useVPS
	case t == media.HEVCSPS:
		return useSPS
	case t == media.HEVCPPS:
		return usePPS
	case t >= media.HEVCDelimiter && t <= media.HEVCFiller, t >= media.HEVCUnspecified:
		return useDrop
	}
	return useKeep
}

// nals cleans an access unit of H.264 or H.265. whole is the unit with lengths,
// nil if there is none.
func (p *Pictures) nals(units [][]byte, whole []byte) (payload []byte, key bool, err error) {
	clean, size := whole != nil, 0
	var pps [][]byte
	for _, nal := range units {
		size += 4 + len(nal)
		switch p.use(nal) {
		case useKeep:
			continue
		case useKey:
			key = true
			continue
		case useVPS:
			p.vps = nal
		case useSPS:
			p.sps = nal
		case usePPS:
			if !slices.ContainsFunc(pps, func(o []byte) bool { return bytes.Equal(o, nal) }) {
				pps = append(pps, nal)
			}
		case useDrop:
		}
		clean = false
	}
	if pps != nil {
		p.pps = pps
	}
	if key {
		err = p.parameterSets()
	} else {
		p.keepSets()
	}
	if err != nil {
		return nil, false, err
	}
	if p.track == nil {
		return nil, false, nil
	}
	extra := p.track.ExtraPPS
	if clean && (!key || len(extra) == 0) {
		return whole, key, nil
	}
	out := make([]byte, 0, size)
	if key {
		for _, x := range extra {
			out = media.AppendNAL(out, x)
		}
	}
	for _, nal := range units {
		if u := p.use(nal); u == useKeep || u == useKey {
			out = media.AppendNAL(out, nal)
		}
	}
	if len(out) == 0 {
		return nil, false, nil
	}
	return out, key, nil
}

// keepSets keeps parameter sets that came without a key frame for the next one,
// but not the access unit around them.
func (p *Pictures) keepSets() {
	p.vps, p.sps = bytes.Clone(p.vps), bytes.Clone(p.sps)
	for i := range p.pps {
		p.pps[i] = bytes.Clone(p.pps[i])
	}
}

// parameterSets makes the track of the parameter sets that came last, if they are new.
func (p *Pictures) parameterSets() error {
	if p.sps == nil && p.pps == nil && p.vps == nil {
		return nil
	}
	vps, sps, pps := p.vps, p.sps, p.pps
	if t := p.track; t != nil { // what was not sent again stays
		if vps == nil {
			vps = t.VPS
		}
		if sps == nil {
			sps = t.SPS
		}
		if pps == nil {
			pps = append([][]byte{t.PPS}, t.ExtraPPS...)
		}
	}
	if sps == nil || pps == nil || p.codec == media.H265 && vps == nil {
		return nil // the rest is still to come
	}
	p.vps, p.sps, p.pps = nil, nil, nil
	if p.same(vps, sps, pps) {
		return nil
	}
	var t *media.Track
	var err error
	if p.codec == media.H264 {
		t, err = media.NewH264(sps, pps[0], p.fps, pps[1:]...)
	} else {
		t, err = media.NewH265(vps, sps, pps[0], p.fps, pps[1:]...)
	}
	if err != nil {
		return Unsupported("%v", err)
	}
	p.Configure(t)
	return nil
}

// same reports whether the track has these parameter sets, without allocating.
func (p *Pictures) same(vps, sps []byte, pps [][]byte) bool {
	t := p.track
	return t != nil && bytes.Equal(t.VPS, vps) && bytes.Equal(t.SPS, sps) && bytes.Equal(t.PPS, pps[0]) &&
		slices.EqualFunc(t.ExtraPPS, pps[1:], bytes.Equal)
}

// obus cleans a temporal unit of AV1; whole is it in one piece, nil if there is none.
func (p *Pictures) obus(units [][]byte, whole []byte) (payload []byte, key bool, err error) {
	clean, size, first := whole != nil, 0, byte(0)
	var header []byte
	frames := false
	for _, obu := range units {
		size += len(obu) + 4
		t := media.OBUType(obu)
		if first == 0 {
			first = t
		}
		switch t {
		case media.OBUSequenceHeader:
			header = obu
		case media.OBUFrameHeader, media.OBUFrame:
			if !frames {
				key = media.KeyFrame(media.AV1, obu)
			}
			frames = true
		case media.OBUTemporalDelimiter, media.OBUPadding, media.OBUTileList, 0:
			clean = false
		}
		clean = clean && obu[0]&0x02 != 0
	}
	if header == nil && p.track == nil {
		header = p.header
	}
	if key && header != nil && (p.track == nil || !bytes.Equal(p.track.SequenceHeader, header)) {
		t, err := media.NewAV1(header, p.fps)
		if err != nil {
			return nil, false, Unsupported("%v", err)
		}
		p.Configure(t)
	}
	if p.track == nil || !frames {
		return nil, false, nil
	}
	if clean && (!key || first == media.OBUSequenceHeader) {
		return whole, key, nil
	}
	out := make([]byte, 0, size+len(p.track.SequenceHeader))
	if key {
		out = append(out, p.track.SequenceHeader...)
	}
	for _, obu := range units {
		switch media.OBUType(obu) {
		case media.OBUTemporalDelimiter, media.OBUPadding, media.OBUTileList, 0:
		case media.OBUSequenceHeader:
			if !key {
				out = media.AppendOBU(out, obu)
			}
		default:
			out = media.AppendOBU(out, obu)
		}
	}
	return out, key, nil
}

// frame takes a VP9 frame.
func (p *Pictures) frame(b []byte) (payload []byte, key bool, err error) {
	if len(b) == 0 {
		return nil, false, nil
	}
	c, key, err := media.ParseVP9(b)
	if err != nil {
		return nil, false, err
	}
	if key {
		if t := p.track; t != nil {
			c.Level = t.VP9.Level
		}
		if p.track == nil || p.track.VP9 != c {
			c.Level = 0
			t, err := media.NewVP9(c, p.fps)
			if err != nil {
				return nil, false, Unsupported("%v", err)
			}
			p.Configure(t)
		}
	}
	if p.track == nil {
		return nil, false, nil
	}
	return b, key, nil
}

// Unsupported refuses what a publisher sends: codec_not_supported, and what to
// send instead.
func Unsupported(format string, a ...any) error {
	return &rooms.Error{
		Code:   rooms.CodeCodecNotSupported,
		Detail: fmt.Sprintf(format, a...) + "; send H.264, H.265, AV1 or VP9 with AAC or Opus",
	}
}
