package acceptance

import (
	"bytes"
	"net/http"
	"strings"
	"testing"
	"time"

	"roomcast/test/harness"
)

func awaitState(t *testing.T, s *harness.Server, roomID, want string, within time.Duration) harness.Stream {
	t.Helper()
	var now harness.Stream
	harness.Eventually(t, within, "the broadcast is "+want, func() bool {
		now = s.Stream(t, roomID)
		return now.State == want
	}, func() any { return now.State })
	return now
}

func TestABroadcastIsSeenAndHeard(t *testing.T) {
	t.Parallel()
	s := harness.Start(t, harness.Options{})
	room := s.CreateRoom(t, "live", harness.Fields{
		"room_access_code": "4711",
		"room_features":    harness.Fields{"reconnect_window_seconds": 5},
	})
	if now := s.Stream(t, room.ID); now.State != "waiting" || now.Publisher != nil || len(now.Tracks) != 0 {
		t.Errorf("before it begins: %+v", now)
	}
	rest := s.Rest()
	publisher := s.Publish(t, room, harness.Picture{Size: "640x360", Rate: 30})
	now := awaitState(t, s, room.ID, "live", 15*time.Second)
	if now.Publisher == nil || now.Publisher.Protocol != "rtmp" || now.StartedAt == nil || time.Since(*now.StartedAt) > time.Minute {
		t.Errorf("live without its publisher or start: %+v", now)
	}
	harness.Eventually(t, 10*time.Second, "tracks tell what is really sent", func() bool {
		now = s.Stream(t, room.ID)
		video, audio := -1, -1
		for i, track := range now.Tracks {
			if track.Kind == "video" && strings.HasPrefix(track.Codec, "avc1.") && track.Width == 640 && track.Height == 360 &&
				track.FrameRate > 28 && track.FrameRate < 32 && track.BitrateBps > 50_000 {
				video = i
			}
			if track.Kind == "audio" && track.Codec == "mp4a.40.2" && track.SampleRate == 48000 && track.Channels == 2 && track.BitrateBps > 10_000 {
				audio = i
			}
		}
		return len(now.Tracks) == 2 && video >= 0 && audio >= 0 && now.BytesIn > 10_000
	}, func() any { return now })
	if status := s.Room(t, room.ID).Status; status != "active" {
		t.Errorf("the room is %q while it is live", status)
	}

	viewer := s.Join(t, harness.Fields{"token": room.ParticipantToken, "access_code": "4711"})
	if viewer.Stream == nil || viewer.Stream.State != "live" {
		t.Errorf("the join answer says %+v, want live", viewer.Stream)
	}
	pulled := s.Pull(t, viewer, 4*time.Second)
	if pulled.Frames < 100 || pulled.Volume < -40 {
		t.Errorf("pulled %d frames at %.1f dB, want 120 and a tone\n%s", pulled.Frames, pulled.Volume, pulled.Log)
	}
	if now = s.Stream(t, room.ID); now.Viewers < 1 {
		t.Errorf("nobody is counted as a viewer: %+v", now)
	}

	publisher.Stop()
	now = awaitState(t, s, room.ID, "interrupted", 10*time.Second)
	if now.InterruptedAt == nil || now.Publisher != nil {
		t.Errorf("interrupted: %+v", now)
	}
	publisher = s.Publish(t, room, harness.Picture{})
	awaitState(t, s, room.ID, "live", 10*time.Second)
	publisher.Kill()
	awaitState(t, s, room.ID, "interrupted", 15*time.Second)
	awaitState(t, s, room.ID, "ended", 10*time.Second)
	if status := s.Room(t, room.ID).Status; status != "idle" {
		t.Errorf("the room is %q after its broadcast", status)
	}
	awaitState(t, s, room.ID, "waiting", 40*time.Second)
	s.Returns(t, rest, 20*time.Second)
	noSecrets(t, s, *room.StreamKey, room.ParticipantToken, viewer.Session)
}

func TestPlaylistsAreGatedAndMediaIsShared(t *testing.T) {
	s := harness.Start(t, harness.Options{})
	room := s.CreateRoom(t, "live", nil)
	s.Publish(t, room, harness.Picture{})
	awaitState(t, s, room.ID, "live", 15*time.Second)
	viewer := s.Enter(t, room.ParticipantToken, "Vi")
	var multivariant harness.Answer
	harness.Eventually(t, 15*time.Second, "the playlist is there", func() bool {
		multivariant = s.Stranger().Do(t, http.MethodGet, viewer.Endpoints["hls"], nil)
		return multivariant.Status == 200
	}, func() any { return multivariant.Status })
	if got := multivariant.Header.Get("Content-Type"); got != "application/vnd.apple.mpegurl" {
		t.Errorf("the playlist's type is %q", got)
	}
	if got := multivariant.Header.Get("Access-Control-Allow-Origin"); got != "*" {
		t.Errorf("playlists answer CORS %q", got)
	}
	media := resolve(viewer.Endpoints["hls"], lastLine(multivariant.Body))
	var playlist harness.Answer
	harness.Eventually(t, 15*time.Second, "the media playlist holds a segment", func() bool {
		playlist = s.Stranger().Do(t, http.MethodGet, media, nil)
		return playlist.Status == 200 && bytes.Contains(playlist.Body, []byte("#EXTINF"))
	}, func() any { return string(playlist.Body) })
	segment := resolve(media, lastLine(playlist.Body))
	if strings.Contains(segment, strings.Split(media, "/")[5]) {
		t.Errorf("the segment %s stands under the ticket", segment)
	}
	object := s.Stranger().Want(t, http.MethodGet, segment, nil, 200, nil)
	if cache := object.Header.Get("Cache-Control"); !strings.Contains(cache, "immutable") || len(object.Body) < 1000 {
		t.Errorf("a segment of %d bytes with Cache-Control %q", len(object.Body), cache)
	}
	if cache := multivariant.Header.Get("Cache-Control"); !strings.Contains(cache, "no-store") {
		t.Errorf("the multivariant playlist with Cache-Control %q", cache)
	}

	t.Run("a fifth player on one ticket is refused", func(t *testing.T) {
		var last harness.Answer
		for range 6 {
			last = s.Stranger().Do(t, http.MethodGet, viewer.Endpoints["hls"], nil)
			if last.Status == 200 {
				last = s.Stranger().Do(t, http.MethodGet, resolve(viewer.Endpoints["hls"], lastLine(last.Body)), nil)
			}
		}
		last.Is(t, 429, "rate_limited")
	})
	t.Run("who is removed sees no more playlists", func(t *testing.T) {
		s.API().Want(t, http.MethodDelete, "/api/v1/rooms/"+room.ID+"/participants/"+viewer.ParticipantID, nil, 204, nil)
		s.Stranger().Refused(t, http.MethodGet, viewer.Endpoints["hls"], nil, 403, "banned")
		s.Stranger().Refused(t, http.MethodGet, media, nil, 403, "banned")
	})
	t.Run("viewers are held to max_participants", func(t *testing.T) {
		s.Patch(t, room.ID, harness.Fields{"limits": harness.Fields{"max_participants": 1}})
		s.Enter(t, room.ParticipantToken, "one")
		s.Stranger().Refused(t, http.MethodPost, "/api/v1/join", harness.Fields{"token": room.ParticipantToken}, 409, "room_full")
	})
}

func TestASecondPublisherTakesOver(t *testing.T) {
	s := harness.Start(t, harness.Options{})
	room := s.CreateRoom(t, "live", nil)
	first := s.Publish(t, room, harness.Picture{Size: "320x180"})
	began := awaitState(t, s, room.ID, "live", 15*time.Second)
	second := s.Publish(t, room, harness.Picture{Size: "640x360"})
	select {
	case <-first.Done():
	case <-time.After(15 * time.Second):
		t.Fatal("the first publisher is still on")
	}
	var now harness.Stream
	harness.Eventually(t, 15*time.Second, "the second one's picture is told", func() bool {
		now = s.Stream(t, room.ID)
		for _, track := range now.Tracks {
			if track.Kind == "video" && track.Height == 360 {
				return now.State == "live"
			}
		}
		return false
	}, func() any { return now })
	if !now.StartedAt.Equal(*began.StartedAt) {
		t.Errorf("a takeover began another broadcast: %v, was %v", now.StartedAt, began.StartedAt)
	}
	viewer := s.Enter(t, room.ParticipantToken, "Vi")
	if pulled := s.Pull(t, viewer, 3*time.Second); pulled.Frames < 60 {
		t.Errorf("pulled %d frames after the takeover\n%s", pulled.Frames, pulled.Log)
	}
	second.Stop()
}

func TestAHalfOpenPublisherIsDropped(t *testing.T) {
	t.Parallel()
	s := harness.Start(t, harness.Options{})
	room := s.CreateRoom(t, "live", nil)
	publisher := s.Publish(t, room, harness.Picture{})
	awaitState(t, s, room.ID, "live", 15*time.Second)
	publisher.Freeze()
	began := time.Now()
	now := awaitState(t, s, room.ID, "interrupted", 14*time.Second)
	if took := time.Since(began); took < 5*time.Second {
		t.Errorf("dropped after %v, want about 10 s", took)
	}
	if now.Publisher != nil {
		t.Errorf("the publisher is still told: %+v", now.Publisher)
	}
}

func TestABroadcasterIsCutOff(t *testing.T) {
	s := harness.Start(t, harness.Options{})
	gone := func(t *testing.T, publisher *harness.Publisher) {
		t.Helper()
		select {
		case <-publisher.Done():
		case <-time.After(10 * time.Second):
			t.Fatalf("the publisher is still on:\n%s", publisher.Out)
		}
	}
	begin := func(t *testing.T) (harness.Room, *harness.Publisher) {
		t.Helper()
		room := s.CreateRoom(t, "live", nil)
		publisher := s.Publish(t, room, harness.Picture{Size: "320x180"})
		awaitState(t, s, room.ID, "live", 15*time.Second)
		return room, publisher
	}
	t.Run("by DELETE stream, which holds its key off", func(t *testing.T) {
		room, publisher := begin(t)
		s.API().Want(t, http.MethodDelete, "/api/v1/rooms/"+room.ID+"/stream?hold_seconds=4", nil, 204, nil)
		gone(t, publisher)
		gone(t, s.Publish(t, room, harness.Picture{Size: "320x180"}))
		harness.Eventually(t, 20*time.Second, "the key is good again", func() bool {
			again := s.Publish(t, room, harness.Picture{Size: "320x180"})
			defer again.Kill()
			return harness.Until(3*time.Second, func() bool { return s.Stream(t, room.ID).State == "live" })
		}, nil)
	})
	t.Run("by a regenerated key", func(t *testing.T) {
		room, publisher := begin(t)
		s.API().Want(t, http.MethodPost, "/api/v1/rooms/"+room.ID+"/stream_key/regenerate", harness.Fields{"disconnect": true}, 200, nil)
		gone(t, publisher)
		gone(t, s.Publish(t, room, harness.Picture{Size: "320x180"})) // with the old key
	})
	t.Run("by the end of the run", func(t *testing.T) {
		room, publisher := begin(t)
		s.API().Want(t, http.MethodPost, "/api/v1/rooms/"+room.ID+"/end", nil, 200, nil)
		gone(t, publisher)
		awaitState(t, s, room.ID, "ended", 5*time.Second)
		gone(t, s.Publish(t, room, harness.Picture{Size: "320x180"}))
	})
	t.Run("by suspension", func(t *testing.T) {
		room, publisher := begin(t)
		s.API().Want(t, http.MethodPost, "/api/v1/rooms/"+room.ID+"/suspend", nil, 200, nil)
		gone(t, publisher)
	})
	t.Run("by deletion", func(t *testing.T) {
		room, publisher := begin(t)
		s.API().Want(t, http.MethodDelete, "/api/v1/rooms/"+room.ID, nil, 204, nil)
		gone(t, publisher)
	})
}

func TestAPreviewIsSeenByNobodyUntilItIsStarted(t *testing.T) {
	s := harness.Start(t, harness.Options{})
	room := s.CreateRoom(t, "live", harness.Fields{"room_features": harness.Fields{"preview_before_live": true}})
	path := "/api/v1/rooms/" + room.ID + "/stream"
	s.Publish(t, room, harness.Picture{Size: "320x180"})
	awaitState(t, s, room.ID, "preview", 15*time.Second)
	viewer := s.Enter(t, room.ParticipantToken, "Vi")
	director := s.Enter(t, room.ModeratorToken, "Mo")
	moderator := s.Stranger().Bearer(director.Session)
	s.Stranger().Refused(t, http.MethodGet, viewer.Endpoints["hls"], nil, 503, "not_ready")
	preview := director.Endpoints["preview"]
	if viewer.Endpoints["preview"] != "" || preview == "" {
		t.Fatalf("the preview is at %q for the moderator, at %q for the viewer", preview, viewer.Endpoints["preview"])
	}
	s.Stranger().Refused(t, http.MethodGet, strings.Replace(viewer.Endpoints["hls"], "index.m3u8", "preview.m3u8", 1), nil, 403, "forbidden")
	if seen := s.Watch(t, harness.Joined{Endpoints: map[string]string{"hls": preview}}, 2*time.Second, true, true); seen.Frames < 50 || seen.Volume < -40 {
		t.Errorf("the moderator sees %d frames at %.1f dB\n%s", seen.Frames, seen.Volume, seen.Log)
	}
	moderator.Want(t, http.MethodPost, path+"/start", nil, 200, nil)
	awaitState(t, s, room.ID, "live", 5*time.Second)
	s.Stranger().Refused(t, http.MethodGet, preview, nil, 503, "not_ready")
	if pulled := s.Pull(t, viewer, time.Second); pulled.Frames < 15 {
		t.Errorf("pulled %d frames\n%s", pulled.Frames, pulled.Log)
	}
	now := s.Stream(t, room.ID)
	index := s.Stranger().Do(t, http.MethodGet, viewer.Endpoints["dvr"], nil)
	list := string(s.Stranger().Do(t, http.MethodGet, resolve(viewer.Endpoints["dvr"], lastLine(index.Body)), nil).Body)
	_, date, _ := strings.Cut(list, "#EXT-X-PROGRAM-DATE-TIME:")
	date, _, _ = strings.Cut(date, "\n")
	// Dates are whole milliseconds, of the sender's clock as it was first met.
	if first, err := time.Parse(time.RFC3339, date); err != nil || first.Before(now.StartedAt.Add(-300*time.Millisecond)) {
		t.Errorf("the show began at %v, what viewers get at %s: %v", now.StartedAt, date, err)
	}
	moderator.Want(t, http.MethodPost, path+"/stop", nil, 200, nil)
	if now := awaitState(t, s, room.ID, "preview", 5*time.Second); now.Publisher == nil {
		t.Error("stopping the show sent the publisher away")
	}
}

// lastLine returns the last line of a playlist that is no tag.
func lastLine(playlist []byte) string {
	last := ""
	for line := range strings.Lines(string(playlist)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			last = line
		}
	}
	return last
}

// resolve returns a playlist's reference as a whole URL.
func resolve(base, reference string) string {
	if strings.HasPrefix(reference, "/") {
		parts := strings.SplitN(base, "/", 4)
		return strings.Join(parts[:3], "/") + reference
	}
	return base[:strings.LastIndex(base, "/")+1] + reference
}
