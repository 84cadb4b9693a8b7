package record

import (
	"bytes"
	"context"
	"image/jpeg"
	"log/slog"
	"sync"
	"testing"
	"time"

	"roomcast/live"
	"roomcast/media"
	"roomcast/rooms"
	"roomcast/transcode"
)

func findTool(t *testing.T) *transcode.Tool {
	t.Helper()
	tool, err := transcode.Find(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	return tool
}

func TestAPosterIsDrawnOfTheNewestKeyFrame(t *testing.T) {
	posters := NewPosters(findTool(t), slog.New(slog.DiscardHandler))
	if _, err := posters.Poster("room"); rooms.CodeOf(err) != rooms.CodeNotFound {
		t.Errorf("before a show: %v", err)
	}
	c := encode(t, "320x180", "2")
	stream := media.NewStream(media.Limits{})
	for _, u := range c.units {
		u.NTP = time.Now()
		stream.Write(u)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var done sync.WaitGroup
	done.Go(func() { posters.Follow(ctx, live.Show{RoomID: "room", Stream: stream}) })
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
		b, err := posters.Poster("room")
		if err == nil {
			picture, err := jpeg.Decode(bytes.NewReader(b.Body))
			if err != nil || picture.Bounds().Dx() != 320 || picture.Bounds().Dy() != 180 || b.ContentType != "image/jpeg" || len(b.ETag) != 1 {
				t.Errorf("%v %v", picture, err)
			}
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("no poster")
		}
	}
	cancel()
	done.Wait()
	if _, err := posters.Poster("room"); rooms.CodeOf(err) != rooms.CodeNotFound {
		t.Errorf("after the show: %v", err)
	}
	NewPosters(nil, slog.New(slog.DiscardHandler)).Follow(t.Context(), live.Show{RoomID: "room", Stream: stream}) // returns
}

func TestPostersAreDrawnOfEveryCodecAndNotOfRubbish(t *testing.T) {
	tool := findTool(t)
	for name, args := range map[string][]string{
		"H.265": {"-c:v", "libx265", "-x265-params", "log-level=error", "-c:a", "aac"},
		"AV1":   {"-c:v", "libaom-av1", "-cpu-used", "8", "-usage", "realtime", "-c:a", "aac"},
		"VP9":   {"-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-c:a", "aac"},
		"large": {"-c:v", "libx264", "-preset", "ultrafast", "-vf", "scale=1920:1080", "-c:a", "aac"},
	} {
		c := encode(t, "160x90", "0.2", args...)
		body, err := draw(t.Context(), tool, c.units[0], slog.New(slog.DiscardHandler))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		picture, err := jpeg.Decode(bytes.NewReader(body))
		if err != nil || picture.Bounds().Dx() != min(c.format.Tracks[0].Width, 1280) {
			t.Errorf("%s: %v", name, err)
		}
	}
	u := *encode(t, "160x90", "0.2").units[0]
	u.Payload = bytes.Repeat([]byte{0, 0, 0, 1, 0x65}, 20000)
	if body, err := draw(t.Context(), tool, &u, slog.New(slog.DiscardHandler)); err == nil {
		t.Errorf("rubbish is a picture of %d bytes", len(body))
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := draw(ctx, tool, encode(t, "160x90", "0.2").units[0], slog.New(slog.DiscardHandler)); err == nil {
		t.Error("drawn although nobody wants it any more")
	}
}
