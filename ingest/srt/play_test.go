package srt

import (
	"errors"
	"strings"
	"testing"
	"time"

	"roomcast/ingest/ingesttest"
	"roomcast/ingest/mpegts"
	"roomcast/media"
)

// onAir makes a house with a broadcast going on.
func onAir(t *testing.T, video media.Codec, audio ...media.Codec) *house {
	t.Helper()
	film := ingesttest.Make(t, 2*time.Second, video, audio...)
	return &house{stream: ingesttest.Broadcast(t, film, 1), format: film.Format}
}

func TestFFmpegWatches(t *testing.T) {
	t.Parallel()
	for name, codecs := range map[string][]media.Codec{
		"H.264 and AAC":           {media.H264, media.AAC},
		"H.265, Opus and AAC":     {media.H265, media.Opus, media.AAC},
		"sound without a picture": {"", media.AAC},
	} {
		t.Run(name, func(t *testing.T) {
			h := onAir(t, codecs[0], codecs[1:]...)
			address := serve(t, h, Options{})
			streams := ingesttest.Probe(t, "srt://"+address+"?streamid=play:"+ticket, "-read_intervals", "%+2")
			if len(streams) != len(h.format.Tracks) {
				t.Fatalf("streams %+v", streams)
			}
			for _, s := range streams {
				if s.Count() < 30 {
					t.Errorf("%s: %d frames were decoded", s.Codec, s.Count())
				}
			}
			eventually(t, "the seat is given back", func() bool {
				h.mu.Lock()
				defer h.mu.Unlock()
				return h.released == 1
			})
		})
	}
}

func TestAPlayerMayBeSentAway(t *testing.T) {
	h := onAir(t, media.H264, media.AAC)
	c, err := dial(t, serve(t, h, Options{}), "play:"+ticket, "")
	if err != nil {
		t.Fatal(err)
	}
	r := &ingesttest.Recorder{}
	d := mpegts.NewDemuxer(r)
	buf := make([]byte, 1500)
	read := func() error {
		n, err := c.Read(buf)
		if err != nil {
			return err
		}
		_, err = d.Write(buf[:n])
		return err
	}
	for len(r.Samples(nil)) < 10 {
		if err := read(); err != nil {
			t.Fatal(err)
		}
	}
	if s := r.Samples(r.Tracks()[0][0]); !s[0].Key {
		t.Error("it does not begin with a key frame")
	}
	h.spectators[0].Close(errors.New("removed by a moderator"))
	for err = read(); err == nil; err = read() {
	}
	eventually(t, "it is gone", func() bool {
		return strings.Contains(h.log(), "removed by a moderator") && !strings.Contains(h.log(), "panicked")
	})
}

func TestAnotherFormatEndsThePlaying(t *testing.T) {
	h := onAir(t, media.H264)
	c, err := dial(t, serve(t, h, Options{}), "play:"+ticket, "")
	if err != nil {
		t.Fatal(err)
	}
	opus, err := media.NewOpus(2)
	if err != nil {
		t.Fatal(err)
	}
	f := &media.Format{Tracks: []*media.Track{opus}}
	go h.stream.Write(&media.Unit{Format: f, Track: opus, NTP: time.Now(), Key: true, Payload: []byte{0xfc, 1}})
	for err == nil {
		_, err = c.Read(make([]byte, 1500))
	}
	eventually(t, "it is told", func() bool { return strings.Contains(h.log(), errChanged.Error()) })
}

func TestWhatATransportStreamCannotCarryIsRefused(t *testing.T) {
	h := onAir(t, media.VP9)
	_, err := dial(t, serve(t, h, Options{}), "play:"+ticket, "")
	if err == nil {
		t.Error("it was let in")
	}
	eventually(t, "it is told", func() bool { return strings.Contains(h.log(), "code=codec_not_supported") })
	if h.released != 1 {
		t.Error("the seat is kept")
	}
}
