package hls

import (
	"fmt"

	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4/seekablebuffer"

	"roomcast/media"
)

// marshalInit makes the initialization segment of some tracks.
func marshalInit(tracks []*media.Track) ([]byte, error) {
	init := fmp4.Init{}
	for i, t := range tracks {
		c, err := t.MP4()
		if err != nil {
			return nil, err
		}
		init.Tracks = append(init.Tracks, &fmp4.InitTrack{ID: i + 1, TimeScale: uint32(t.ClockRate), Codec: c})
	}
	var b seekablebuffer.Buffer
	if err := init.Marshal(&b); err != nil {
		return nil, fmt.Errorf("write init segment: %w", err)
	}
	return b.Bytes(), nil
}
