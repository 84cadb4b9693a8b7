package acceptance

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bluenviron/gortmplib"

	"roomcast/ingest/ingesttest"
	"roomcast/ingest/rtmp"
	"roomcast/media"
	"roomcast/test/harness"
)

// TestEveryCodecReachesViewers publishes each codec by a door that carries it
// and decodes what a viewer gets over HLS.
func TestEveryCodecReachesViewers(t *testing.T) {
	t.Parallel()
	s := harness.Start(t, harness.Options{})
	bySRT := func(codecs ...string) func(*testing.T, harness.Room) {
		return func(t *testing.T, r harness.Room) {
			harness.Publish(t, r.IngestURLs["srt"].URL, "", harness.Picture{Size: "320x180", Codecs: codecs})
		}
	}
	byRTMP := func(video media.Codec, audio ...media.Codec) func(*testing.T, harness.Room) {
		return func(t *testing.T, r harness.Room) {
			publishFilm(t, r, ingesttest.Make(t, 4*time.Second, video, audio...))
		}
	}
	h265 := []string{"-c:v", "libx265", "-preset", "ultrafast", "-tune", "zerolatency", "-x265-params", "log-level=none:keyint=30:min-keyint=30"}
	for _, tt := range []struct {
		name         string
		video, audio string // how the state's names of them begin
		publish      func(*testing.T, harness.Room)
	}{
		{"H.265 and AAC by SRT", "hvc1", "mp4a", bySRT(h265...)},
		{"H.264 and Opus by SRT", "avc1", "Opus", bySRT("-c:a", "libopus")},
		{"H.265 and AAC by enhanced RTMP", "hvc1", "mp4a", byRTMP(media.H265, media.AAC)},
		{"AV1 and Opus by enhanced RTMP", "av01", "Opus", byRTMP(media.AV1, media.Opus)},
		{"VP9 and AAC by enhanced RTMP", "vp09", "mp4a", byRTMP(media.VP9, media.AAC)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			room := s.CreateRoom(t, "live", harness.Fields{})
			tt.publish(t, room)
			now := awaitState(t, s, room.ID, "live", 20*time.Second)
			if len(now.Tracks) != 2 || !strings.HasPrefix(now.Tracks[0].Codec, tt.video) || !strings.HasPrefix(now.Tracks[1].Codec, tt.audio) {
				t.Errorf("tracks %+v", now.Tracks)
			}
			viewer := s.Enter(t, room.ParticipantToken, "Vi")
			got := s.Pull(t, viewer, 3*time.Second)
			if got.Frames < 80 || got.Volume < -40 {
				t.Errorf("%d frames, %.1f dB\n%s", got.Frames, got.Volume, got.Log)
			}
		})
	}
}

// TestLanguagesBecomeAnAudioGroup broadcasts two sounds and looks for them in
// the playlist, by their languages.
func TestLanguagesBecomeAnAudioGroup(t *testing.T) {
	t.Parallel()
	s := harness.Start(t, harness.Options{})
	room := s.CreateRoom(t, "live", harness.Fields{})
	harness.Publish(t, room.IngestURLs["srt"].URL, "", harness.Picture{Size: "320x180", Codecs: []string{
		"-map", "0:v", "-map", "1:a", "-map", "1:a", "-metadata:s:a:0", "language=eng", "-metadata:s:a:1", "language=deu",
	}})
	awaitState(t, s, room.ID, "live", 20*time.Second)
	viewer := s.Enter(t, room.ParticipantToken, "Vi")
	if got := s.Pull(t, viewer, 2*time.Second); got.Frames < 50 || got.Volume < -40 {
		t.Errorf("%d frames, %.1f dB\n%s", got.Frames, got.Volume, got.Log)
	}
	list := string(s.Stranger().Do(t, http.MethodGet, viewer.Endpoints["hls"], nil).Body)
	for _, language := range []string{`LANGUAGE="en"`, `LANGUAGE="de"`} {
		if !strings.Contains(list, language) {
			t.Errorf("no %s in\n%s", language, list)
		}
	}
}

// publishFilm publishes a film by enhanced RTMP in real time, over and over,
// until the test ends.
func publishFilm(t *testing.T, r harness.Room, film *ingesttest.Film) {
	t.Helper()
	u, err := url.Parse(r.IngestURLs["rtmp"].URL + "#" + *r.StreamKey)
	if err != nil {
		t.Fatal(err)
	}
	c := &gortmplib.Client{URL: u, Publish: true}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := c.Initialize(ctx); err != nil {
		t.Fatal(err)
	}
	units := ingesttest.Broadcast(t, film, 1).NewReader(t.Context(), media.ReaderLimits{})
	var sending sync.WaitGroup
	sending.Go(func() {
		m := rtmp.NewMuxer(c.Write)
		for {
			unit, _, err := units.Read()
			if err != nil || m.Write(unit) != nil {
				return
			}
		}
	})
	t.Cleanup(func() {
		c.Close()
		units.Close()
		sending.Wait()
	})
}

// TestANewPassphraseSendsSRTPublishersAway when that is asked for.
func TestANewPassphraseSendsSRTPublishersAway(t *testing.T) {
	t.Parallel()
	s := harness.Start(t, harness.Options{})
	room := s.CreateRoom(t, "live", harness.Fields{})
	encoder := harness.Publish(t, room.IngestURLs["srt"].URL, "", harness.Picture{Size: "320x180"})
	awaitState(t, s, room.ID, "live", 20*time.Second)
	s.API().Want(t, http.MethodPost, "/api/v1/rooms/"+room.ID+"/srt_passphrase/regenerate", map[string]any{"disconnect": true}, 200, &room)
	select {
	case <-encoder.Done():
	case <-time.After(20 * time.Second):
		t.Error("the encoder goes on")
	}
	harness.Publish(t, room.IngestURLs["srt"].URL, "", harness.Picture{Size: "320x180"})
	awaitState(t, s, room.ID, "live", 20*time.Second)
}
