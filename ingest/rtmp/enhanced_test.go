package rtmp

import (
	"bytes"
	"testing"
	"time"

	"github.com/bluenviron/gortmplib"

	"roomcast/ingest"
	"roomcast/ingest/ingesttest"
	"roomcast/media"
)

// TestEveryCodecComesThrough publishes what real encoders made, by classic and
// enhanced RTMP, to a real server, and decodes what comes out.
func TestEveryCodecComesThrough(t *testing.T) {
	tests := []struct {
		name  string
		video media.Codec
		audio []media.Codec
		codec string
	}{
		{"H.264 and AAC", media.H264, []media.Codec{media.AAC}, "avc1."},
		{"H.265 and AAC", media.H265, []media.Codec{media.AAC}, "hvc1.1.6.L"},
		{"AV1 and Opus", media.AV1, []media.Codec{media.Opus}, "av01.0.0"},
		{"VP9 and Opus", media.VP9, []media.Codec{media.Opus}, "vp09.00."},
		{"H.264 with three languages", media.H264, []media.Codec{media.AAC, media.Opus, media.AAC}, "avc1."},
		{"Opus alone", "", []media.Codec{media.Opus}, "Opus"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			film := ingesttest.Make(t, 1500*time.Millisecond, tt.video, tt.audio...)
			g, s := serve(t, Options{})
			c, err := client(t, s, "/live#"+key, true, nil)
			if err != nil {
				t.Fatal(err)
			}
			send(t, c, film)
			c.Close()
			eventually(t, "the publisher has left", func() bool {
				return g.do(func() bool { return len(g.sinks) == 1 && g.sinks[0].closed })
			})
			sink := g.sinks[0]
			if len(sink.tracks) != 1 || len(sink.tracks[0]) != len(film.Format.Tracks) {
				t.Fatalf("tracks were announced as %v", sink.tracks)
			}
			if got := sink.tracks[0][0].CodecString(); len(got) < len(tt.codec) || got[:len(tt.codec)] != tt.codec {
				t.Errorf("codec %q", got)
			}
			compare(t, film, sink.tracks[0], sink.samples)
			for i, d := range ingesttest.Decode(t, sink.tracks[0], sink.samples) {
				want := len(film.Of(film.Format.Tracks[i]))
				if film.Format.Tracks[i].Kind == media.Video && d.Count() != want || d.Count() < want-1 {
					t.Errorf("%s: %d of %d frames were decoded", d.Codec, d.Count(), want)
				}
			}
		})
	}
}

// send publishes a film as fast as it goes.
func send(t *testing.T, c *gortmplib.Client, film *ingesttest.Film) {
	t.Helper()
	m := NewMuxer(c.Write)
	for _, u := range film.Units {
		if err := m.Write(u); err != nil {
			t.Fatal(err)
		}
	}
}

// compare asserts that the samples are the film, on a clock of milliseconds.
func compare(t *testing.T, film *ingesttest.Film, tracks []*media.Track, samples []ingest.Sample) {
	t.Helper()
	for i, track := range tracks {
		sent := film.Of(film.Format.Tracks[i])
		if !track.SameConfig(film.Format.Tracks[i]) {
			t.Errorf("track %d is another than was sent: %+v", i, track)
		}
		n := 0
		for _, s := range samples {
			if s.Track != track {
				continue
			}
			if n == len(sent) {
				t.Fatalf("track %d: more than was sent", i)
			}
			u := sent[n]
			if !bytes.Equal(s.Payload, u.Payload) || s.Key != u.Key || s.Jump {
				t.Fatalf("track %d, unit %d: %d bytes key %v, want %d bytes key %v", i, n, len(s.Payload), s.Key, len(u.Payload), u.Key)
			}
			if d := (s.DTS - samples[0].DTS) - (u.DTS - film.Units[0].DTS); d < -2*time.Millisecond || d > 2*time.Millisecond {
				t.Fatalf("track %d, unit %d is off by %v", i, n, d)
			}
			if d := (s.PTS - s.DTS) - (u.PTS - u.DTS); d < -2*time.Millisecond || d > 2*time.Millisecond {
				t.Fatalf("track %d, unit %d: shown %v after decoding, want %v", i, n, s.PTS-s.DTS, u.PTS-u.DTS)
			}
			n++
		}
		if n != len(sent) {
			t.Errorf("track %d: %d of %d units came", i, n, len(sent))
		}
	}
}
