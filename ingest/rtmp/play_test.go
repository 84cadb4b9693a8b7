package rtmp

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/bluenviron/gortmplib"

	"roomcast/ingest"
	"roomcast/ingest/ingesttest"
	"roomcast/media"
	"roomcast/rooms"
	"roomcast/secret"
)

const ticket = "canary-ticket"

// theatre shows one broadcast.
type theatre struct {
	gate       *gate
	stream     *media.Stream
	format     *media.Format
	limits     media.ReaderLimits
	spectators []ingest.Spectator
	playbacks  []*ingest.Playback
	released   int
}

func (h *theatre) Play(_ context.Context, t secret.Text, s ingest.Spectator) (*ingest.Playback, error) {
	if !t.Equal(ticket) {
		return nil, &rooms.Error{Code: rooms.CodeNotFound, Detail: "there is no such playback"}
	}
	h.gate.mu.Lock()
	defer h.gate.mu.Unlock()
	r := h.stream.NewReader(context.Background(), h.limits)
	p := &ingest.Playback{RoomID: "room", Format: h.format, Reader: r, Release: func() {
		r.Close()
		h.gate.mu.Lock()
		defer h.gate.mu.Unlock()
		h.released++
	}}
	h.spectators, h.playbacks = append(h.spectators, s), append(h.playbacks, p)
	return p, nil
}

// onAir serves a broadcast that goes on.
func onAir(t *testing.T, video media.Codec, audio ...media.Codec) (*theatre, *Server) {
	t.Helper()
	film := ingesttest.Make(t, 2*time.Second, video, audio...)
	h := &theatre{gate: &gate{}, stream: ingesttest.Broadcast(t, film, 1), format: film.Format}
	return h, serveAt(t, h.gate, Options{Theatre: h})
}

func TestFFmpegWatches(t *testing.T) {
	t.Parallel()
	h, s := onAir(t, media.H264, media.AAC)
	streams := ingesttest.Probe(t, "rtmp://"+s.Addr().String()+"/play/"+ticket, "-read_intervals", "%+2")
	if len(streams) != 2 {
		t.Fatalf("streams %+v", streams)
	}
	for _, d := range streams {
		if d.Count() < 30 {
			t.Errorf("%s: %d frames were decoded", d.Codec, d.Count())
		}
	}
	eventually(t, "the seat is given back", func() bool { return h.gate.do(func() bool { return h.released == 1 }) })
}

// TestEveryCodecIsPlayed reads what a player gets with the demuxer of the
// publishers' side, and decodes it: no ffmpeg on hand reads enhanced RTMP.
func TestEveryCodecIsPlayed(t *testing.T) {
	for name, codecs := range map[string][]media.Codec{
		"H.265 and Opus":          {media.H265, media.Opus},
		"AV1 and AAC":             {media.AV1, media.AAC},
		"VP9 and two languages":   {media.VP9, media.AAC, media.Opus},
		"sound without a picture": {"", media.Opus},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h, s := onAir(t, codecs[0], codecs[1:]...)
			c, err := client(t, s, "/play#"+ticket, false, nil)
			if err != nil {
				t.Fatal(err)
			}
			r := watch(t, c, 100)
			if len(r.tracks) != 1 || len(r.tracks[0]) != len(h.format.Tracks) || !r.samples[0].Key && codecs[0] != "" {
				t.Fatalf("tracks %v", r.tracks)
			}
			for i, d := range ingesttest.Decode(t, r.tracks[0], r.samples) {
				n := 0
				for _, sample := range r.samples {
					if sample.Track == r.tracks[0][i] {
						n++
					}
				}
				if d.Count() < n-1 || n < 15 {
					t.Errorf("%s: %d of %d frames are decoded", d.Codec, d.Count(), n)
				}
			}
		})
	}
}

// watch reads a number of samples.
func watch(t *testing.T, c *gortmplib.Client, samples int) *recorder {
	t.Helper()
	r := &recorder{}
	d := newDemuxer(r)
	for len(r.samples) < samples {
		_ = c.NetConn().SetReadDeadline(time.Now().Add(10 * time.Second))
		msg, err := c.Read()
		if err != nil {
			t.Fatal(err)
		}
		if err := d.handle(msg); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

func TestPlayersAreRefusedInRTMPsWords(t *testing.T) {
	h, s := onAir(t, media.H264)
	for name, path := range map[string]string{
		"a wrong ticket":      "/play#canary-wrong",
		"a publisher's key":   "/play#" + key,
		"the publishers' app": "/live#" + ticket,
		"no ticket":           "/play",
	} {
		if _, err := client(t, s, path, false, nil); err == nil {
			t.Errorf("%s is let in", name)
		}
	}
	if !strings.Contains(h.gate.log(), "player refused") {
		t.Errorf("log %s", h.gate.log())
	}
	_, off := serve(t, Options{})
	if _, err := client(t, off, "/play#"+ticket, false, nil); err == nil {
		t.Error("let in without a theatre")
	}
}

func TestAPlayerMayBeSentAway(t *testing.T) {
	h, s := onAir(t, media.H264)
	c, err := client(t, s, "/play#"+ticket, false, nil)
	if err != nil {
		t.Fatal(err)
	}
	watch(t, c, 10)
	h.spectators[0].Close(errors.New("removed"))
	for err == nil {
		_, err = c.Read()
	}
	eventually(t, "the seat is given back", func() bool { return h.gate.do(func() bool { return h.released == 1 }) })
}

func TestASlowPlayerSkipsAndDisturbsNobody(t *testing.T) {
	h, s := onAir(t, media.H264)
	h.gate.do(func() bool { h.limits = media.ReaderLimits{Age: 500 * time.Millisecond}; return true })
	slow, err := client(t, s, "/play#"+ticket, false, nil)
	if err != nil {
		t.Fatal(err)
	}
	watch(t, slow, 5)
	// It stops reading while pictures are made that no buffer of the network holds.
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		video := h.format.Tracks[0]
		for n := 0; ; n++ {
			at := time.Hour + time.Duration(n)*10*time.Millisecond
			h.stream.Write(&media.Unit{
				Format: h.format, Track: video, DTS: at, PTS: at, NTP: time.Now(), Key: n%10 == 0,
				Payload: media.AppendNAL(nil, append([]byte{0x65}, make([]byte, 200_000)...)),
			})
			select {
			case <-time.After(10 * time.Millisecond):
			case <-stop:
				return
			}
		}
	}()
	h.gate.do(func() bool { h.limits = media.ReaderLimits{}; return true })
	quick, err := client(t, s, "/play#"+ticket, false, nil)
	if err != nil {
		t.Fatal(err)
	}
	watch(t, quick, 100)
	if n := h.playbacks[1].Reader.Dropped(); n != 0 {
		t.Errorf("the quick one lost %d", n)
	}
	// Once it reads again it goes on with a key frame.
	eventually(t, "the slow one has skipped", func() bool {
		_ = slow.NetConn().SetReadDeadline(time.Now().Add(10 * time.Second))
		if _, err := slow.Read(); err != nil {
			t.Fatal(err)
		}
		return h.playbacks[0].Reader.Dropped() > 0
	})
}
