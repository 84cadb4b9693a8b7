package rtpin

import (
	"github.com/bluenviron/gortsplib/v5/pkg/format"

	"roomcast/ingest"
	"roomcast/media"
)

// newVideo makes the track of a video format; nil for a codec that is not taken.
// What is wrong with the parameter sets of a session description shows when the
// first key frame repeats them.
func newVideo(f format.Format) (*track, error) {
	var p *ingest.Pictures
	var o *order
	var open func() (depacketizer, error)
	switch f := f.(type) {
	case *format.H264:
		p, o = ingest.NewPictures(media.H264, 0), newOrder(media.H264)
		if t, err := media.NewH264(f.SPS, f.PPS, 0); err == nil {
			p.Configure(t)
		}
		open = func() (depacketizer, error) {
			d, err := f.CreateDecoder()
			return decoder(d.Decode), err
		}
	case *format.H265:
		p, o = ingest.NewPictures(media.H265, 0), newOrder(media.H265)
		if t, err := media.NewH265(f.VPS, f.SPS, f.PPS, 0); err == nil {
			p.Configure(t)
		}
		open = func() (depacketizer, error) {
			d, err := f.CreateDecoder()
			return decoder(d.Decode), err
		}
	case *format.AV1:
		p = ingest.NewPictures(media.AV1, 0)
		open = func() (depacketizer, error) {
			d, err := f.CreateDecoder()
			return decoder(d.Decode), err
		}
	case *format.VP9:
		p = ingest.NewPictures(media.VP9, 0)
		open = func() (depacketizer, error) {
			d, err := f.CreateDecoder()
			return single(d.Decode), err
		}
	default:
		return nil, nil //nolint:nilnil // a codec that is not taken is no error yet
	}
	t, err := newTrack(f, nil, open)
	if err != nil {
		return nil, err
	}
	t.video, t.order, t.damaged = p, o, true // until the first key frame
	return t, nil
}
