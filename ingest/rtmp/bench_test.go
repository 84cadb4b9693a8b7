package rtmp

import (
	"testing"
	"time"

	"github.com/bluenviron/gortmplib/pkg/message"

	"roomcast/ingest"
	"roomcast/media"
)

// nothing is a sink that forgets.
type nothing struct{}

func (nothing) SetTracks([]*media.Track) error { return nil }
func (nothing) Write(ingest.Sample) error      { return nil }
func (nothing) Close()                         {}

// BenchmarkDemuxer measures what is ours of a message's way to the sink: a
// picture and the sound beside it. The library has made the message.
func BenchmarkDemuxer(b *testing.B) {
	d := newDemuxer(nothing{})
	for _, m := range []message.Message{videoConfig(avc(sps, pps)), audioConfig(), video(0, idr), audio(0)} {
		if err := d.handle(m); err != nil {
			b.Fatal(err)
		}
	}
	picture := video(0, append([]byte{0x41}, make([]byte, 10_000)...)).(*message.Video)
	sound := audio(0).(*message.Audio)
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		picture.DTS = time.Duration(n) * 20 * time.Millisecond
		sound.DTS = picture.DTS
		if err := d.handle(picture); err != nil {
			b.Fatal(err)
		}
		if err := d.handle(sound); err != nil {
			b.Fatal(err)
		}
	}
}
