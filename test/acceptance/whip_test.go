package acceptance

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"roomcast/test/harness"
)

// TestGStreamerPublishesByWHIP: its encoder makes a key frame every 10 s, and
// when it is asked for one, as it is once a segment.
func TestGStreamerPublishesByWHIP(t *testing.T) {
	t.Parallel()
	s := harness.Start(t, harness.Options{})
	room := s.CreateRoom(t, "live", harness.Fields{})
	encoder := harness.WHIP(t, room)
	now := awaitState(t, s, room.ID, "live", 20*time.Second)
	if now.Publisher == nil || now.Publisher.Protocol != "whip" {
		t.Errorf("publisher %+v\n%s", now.Publisher, encoder.Out)
	}
	viewer := s.Enter(t, room.ParticipantToken, "Vi")
	if got := s.Pull(t, viewer, 6*time.Second); got.Frames < 160 || got.Volume < -40 {
		t.Errorf("%d frames, %.1f dB\n%s", got.Frames, got.Volume, got.Log)
	}
	var state harness.Stream
	state = s.Stream(t, room.ID)
	for _, w := range state.Warnings {
		if w.Code == "long_gop" || w.Code == "no_key_frame" {
			t.Errorf("warned of %s: %s", w.Code, w.Detail)
		}
	}
	encoder.Stop()
	harness.Eventually(t, 5*time.Second, "the publisher is gone with its DELETE", func() bool {
		state = s.Stream(t, room.ID)
		return state.Publisher == nil
	}, func() any { return state })
}

// TestWHIPRefusals asks as programs do that are wrong.
func TestWHIPRefusals(t *testing.T) {
	t.Parallel()
	s := harness.Start(t, harness.Options{})
	room, other := s.CreateRoom(t, "live", harness.Fields{}), s.CreateRoom(t, "simulcast", harness.Fields{})
	meeting := s.CreateRoom(t, "meet", harness.Fields{})
	moderator, viewer := s.Enter(t, room.ModeratorToken, "Mo"), s.Enter(t, room.ParticipantToken, "Vi")
	if moderator.Endpoints["whip"] != room.IngestURLs["whip"].URL || viewer.Endpoints["whip"] != "" {
		t.Errorf("endpoints: moderator %q, viewer %q", moderator.Endpoints["whip"], viewer.Endpoints["whip"])
	}
	const (
		offerType    = "application/sdp"
		fragmentType = "application/trickle-ice-sdpfrag"
		vp8          = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:0\r\na=sendonly\r\na=ice-ufrag:abcd\r\na=rtpmap:96 VP8/90000\r\n"
	)
	endpoint, key := room.IngestURLs["whip"].URL, *room.StreamKey
	for name, tt := range map[string]struct {
		method, url, bearer, media, body string
		status                           int
		code                             string
	}{
		"nobody":                         {"POST", endpoint, "", offerType, vp8, 401, "unauthorized"},
		"a wrong key":                    {"POST", endpoint, "wrong", offerType, vp8, 401, "unauthorized"},
		"another room's key":             {"POST", endpoint, *other.StreamKey, offerType, vp8, 403, "forbidden"},
		"a viewer's session":             {"POST", endpoint, viewer.Session, offerType, vp8, 403, "forbidden"},
		"a moderator in another room":    {"POST", other.IngestURLs["whip"].URL, moderator.Session, offerType, vp8, 403, "forbidden"},
		"a forged session":               {"POST", endpoint, "eyJhbGciOiJub25lIn0.e30.", offerType, vp8, 401, "session_invalid"},
		"a meeting's moderator":          {"POST", strings.Replace(endpoint, room.ID, meeting.ID, 1), s.Enter(t, meeting.ModeratorToken, "Mo").Session, offerType, vp8, 409, "wrong_room_type"},
		"another media type":             {"POST", endpoint, key, "application/json", vp8, 415, "unsupported_media_type"},
		"no media type":                  {"POST", endpoint, key, "", vp8, 415, "unsupported_media_type"},
		"no SDP":                         {"POST", endpoint, key, offerType, "{}", 400, "malformed_sdp"},
		"nothing":                        {"POST", endpoint, key, offerType, "", 400, "malformed_sdp"},
		"VP8 alone":                      {"POST", endpoint, key, offerType, vp8, 422, "codec_not_supported"},
		"one who would watch":            {"POST", endpoint, moderator.Session, offerType, strings.Replace(vp8, "sendonly", "recvonly", 1), 422, "validation_failed"},
		"more than is read":              {"POST", endpoint, key, offerType, vp8 + strings.Repeat("a=x\r\n", 20_000), 413, "body_too_large"},
		"an unknown resource":            {"PATCH", endpoint + "/x", key, fragmentType, "a=end-of-candidates\r\n", 404, "not_found"},
		"a fragment of another type":     {"PATCH", endpoint + "/x", key, offerType, "a=end-of-candidates\r\n", 415, "unsupported_media_type"},
		"the end of an unknown resource": {"DELETE", endpoint + "/x", key, "", "", 404, "not_found"},
		"the end by nobody":              {"DELETE", endpoint + "/x", "", "", "", 401, "unauthorized"},
		"one who asks to see it":         {"GET", endpoint, key, "", "", 405, "method_not_allowed"},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := http.NewRequestWithContext(t.Context(), tt.method, tt.url, strings.NewReader(tt.body))
			if err != nil {
				t.Fatal(err)
			}
			if tt.bearer != "" {
				r.Header.Set("Authorization", "Bearer "+tt.bearer)
			}
			if tt.media != "" {
				r.Header.Set("Content-Type", tt.media)
			}
			answer, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			defer answer.Body.Close()
			body, _ := io.ReadAll(answer.Body)
			if answer.StatusCode != tt.status || !strings.Contains(string(body), `"code":"`+tt.code+`"`) {
				t.Errorf("%d %s, want %d %s", answer.StatusCode, body, tt.status, tt.code)
			}
			if got := answer.Header.Get("Access-Control-Allow-Origin"); got != "*" {
				t.Errorf("pages of other origins may not read why: %q", got)
			}
		})
	}
	t.Run("a preflight", func(t *testing.T) {
		r, _ := http.NewRequestWithContext(t.Context(), http.MethodOptions, endpoint, nil)
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		if h := answer.Header; answer.StatusCode != 204 || h.Get("Accept-Post") != offerType || !strings.Contains(h.Get("Access-Control-Allow-Headers"), "If-Match") {
			t.Errorf("%d %v", answer.StatusCode, h)
		}
	})
}
