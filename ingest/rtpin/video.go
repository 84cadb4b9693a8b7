package rtpin

import (
	"github.com/bluenviron/gortsplib/v5/pkg/format"

	"roomcast/media"
)

// pictures makes payloads of the access units of a video track (media.Unit),
// and finds out what the track is.
type pictures interface {
	// assemble takes the parts of an access unit and its presentation time in
	// ticks. It gives the payload, nil if there is no picture in it, and how many
	// ticks before its presentation it is to be decoded.
	assemble(parts [][]byte, pts int64) (p picture, err error)
	// track is what is known of the track: nil while a configuration is missing,
	// another one when it has changed.
	track() *media.Track
}

type picture struct {
	payload []byte
	key     bool
	delay   int64 // ticks from decoding to presentation
}

// newVideo makes the track of a video format; nil for a codec that is not taken.
func newVideo(f format.Format) (*track, error) {
	switch f := f.(type) {
	case *format.H264:
		p := newNALPictures(media.H264)
		if f.SPS != nil && f.PPS != nil {
			p.begin(nil, f.SPS, f.PPS)
		}
		return newVideoTrack(f, p, func() (depacketizer, error) {
			d, err := f.CreateDecoder()
			return decoder(d.Decode), err
		})
	case *format.H265:
		p := newNALPictures(media.H265)
		if f.VPS != nil && f.SPS != nil && f.PPS != nil {
			p.begin(f.VPS, f.SPS, f.PPS)
		}
		return newVideoTrack(f, p, func() (depacketizer, error) {
			d, err := f.CreateDecoder()
			return decoder(d.Decode), err
		})
	case *format.AV1:
		return newVideoTrack(f, &av1Pictures{}, func() (depacketizer, error) {
			d, err := f.CreateDecoder()
			return decoder(d.Decode), err
		})
	case *format.VP9:
		return newVideoTrack(f, &vp9Pictures{}, func() (depacketizer, error) {
			d, err := f.CreateDecoder()
			return single(d.Decode), err
		})
	}
	return nil, nil //nolint:nilnil // a codec that is not taken is no error yet
}

// av1Pictures are those of AV1, which has no reordering.
type av1Pictures struct{ t *media.Track }

func (a *av1Pictures) track() *media.Track { return a.t }

func (a *av1Pictures) assemble(parts [][]byte, _ int64) (p picture, err error) {
	size := 0
	for _, obu := range parts {
		size += len(obu) + 4
	}
	p.payload = make([]byte, 0, size)
	for _, obu := range parts {
		switch media.OBUType(obu) {
		case media.OBUSequenceHeader:
			t, err := media.NewAV1(obu, 0)
			if err != nil {
				return picture{}, notSupported(err)
			}
			if a.t == nil || !a.t.SameConfig(t) {
				a.t = t
			}
		case 0, media.OBUTemporalDelimiter, media.OBUPadding:
			continue
		}
		p.payload = media.AppendOBU(p.payload, obu)
	}
	p.key = media.KeyFrame(media.AV1, p.payload)
	return p, nil
}

// vp9Pictures are those of VP9, which has no reordering.
type vp9Pictures struct{ t *media.Track }

func (v *vp9Pictures) track() *media.Track { return v.t }

func (v *vp9Pictures) assemble(parts [][]byte, _ int64) (picture, error) {
	config, key, err := media.ParseVP9(parts[0])
	if err != nil {
		return picture{}, err
	}
	if key {
		t, err := media.NewVP9(config, 0)
		if err != nil {
			return picture{}, notSupported(err)
		}
		if v.t == nil || !v.t.SameConfig(t) {
			v.t = t
		}
	}
	return picture{payload: parts[0], key: key}, nil
}
