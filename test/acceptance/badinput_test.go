package acceptance

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"roomcast/test/harness"
)

// TestBadInputAtTheHTTPDoor and its siblings for the other doors send what no
// client of ours would: each gets its stated code, the server goes on, and
// nothing is left behind.
func TestBadInputAtTheHTTPDoor(t *testing.T) {
	t.Parallel()
	s := harness.Start(t, harness.Options{})
	room := s.CreateRoom(t, "meet", nil)
	other := s.CreateRoom(t, "meet", nil)
	live := s.CreateRoom(t, "live", nil)
	inside := s.Enter(t, room.ParticipantToken, "Ada")
	elsewhere := s.Enter(t, other.ModeratorToken, "Mo")
	viewer := s.Enter(t, live.ParticipantToken, "Vi")
	ticketPath := strings.TrimPrefix(viewer.Endpoints["hls"], s.URL(""))
	rest := s.Rest()
	join := func(body any) (string, string, any) { return http.MethodPost, "/api/v1/join", body }
	session := func(credential string) harness.Client { return s.Stranger().Bearer(credential) }
	cases := []struct {
		name   string
		client harness.Client
		call   func() (string, string, any)
		status int
		code   string
	}{
		{"no JSON at all", s.Stranger(), func() (string, string, any) { return join(harness.Raw("hello")) }, 400, "malformed_json"},
		{"two JSON values", s.Stranger(), func() (string, string, any) { return join(harness.Raw(`{"token":"x"}{}`)) }, 400, "malformed_json"},
		{"bytes that are no UTF-8", s.Stranger(), func() (string, string, any) { return join(harness.Raw("{\"token\":\"\xff\xfe\"}")) }, 0, ""},
		{"deep nesting", s.Stranger(), func() (string, string, any) { return join(harness.Raw(strings.Repeat("[", 100000))) }, 400, "malformed_json"},
		{"an unknown field at the door", s.Stranger(), func() (string, string, any) {
			return join(harness.Fields{"token": room.ParticipantToken, "name": "x", "role": "moderator"})
		}, 422, "unknown_field"},
		{"both a token and a room", s.Stranger(), func() (string, string, any) {
			return join(harness.Fields{"token": room.ParticipantToken, "room_id": room.ID, "name": "x"})
		}, 422, "validation_failed"},
		{"neither a token nor a room", s.Stranger(), func() (string, string, any) { return join(harness.Fields{"name": "x"}) }, 422, "validation_failed"},
		{"a token that is a number", s.Stranger(), func() (string, string, any) { return join(harness.Raw(`{"token": 5}`)) }, 422, "validation_failed"},
		{"an oversized body without a length", s.Stranger().With("Transfer-Encoding", "chunked"), func() (string, string, any) {
			return join(harness.Raw(`{"token":"` + strings.Repeat("x", 1<<20) + `"}`))
		}, 413, "body_too_large"},
		{"a wrong token", s.Stranger(), func() (string, string, any) { return join(harness.Fields{"token": "wrong", "name": "x"}) }, 404, "token_unknown"},
		{"a room id with SQL in it", s.Stranger(), func() (string, string, any) {
			return join(harness.Fields{"room_id": "' OR 1=1 --", "name": "x"})
		}, 404, "token_unknown"},
		{"no session", s.Stranger(), func() (string, string, any) { return http.MethodGet, "/api/v1/session", nil }, 401, "session_invalid"},
		{"a forged session", session(forge(inside.Session)), func() (string, string, any) { return http.MethodGet, "/api/v1/session", nil }, 401, "session_invalid"},
		{"a session that says alg none", session(algNone(inside.Session)), func() (string, string, any) { return http.MethodGet, "/api/v1/session", nil }, 401, "session_invalid"},
		{"a session as an API key", session(elsewhere.Session), func() (string, string, any) { return http.MethodGet, "/api/v1/rooms", nil }, 0, ""},
		{"another room's moderator", session(elsewhere.Session), func() (string, string, any) {
			return http.MethodPost, "/api/v1/rooms/" + room.ID + "/lock", nil
		}, 403, "forbidden"},
		{"an API key in the query", s.Stranger(), func() (string, string, any) {
			return http.MethodGet, "/api/v1/rooms?api_key=" + harness.AdminKey, nil
		}, 0, ""},
		{"an unknown method", s.API(), func() (string, string, any) { return "BREW", "/api/v1/rooms", nil }, 0, ""},
		{"a forged ticket", s.Stranger(), func() (string, string, any) {
			return http.MethodGet, "/hls/" + live.ID + "/" + forge(strings.Split(ticketPath, "/")[3]) + "/index.m3u8", nil
		}, 404, "not_found"},
		{"a ticket at another room's path", s.Stranger(), func() (string, string, any) {
			return http.MethodGet, strings.Replace(ticketPath, live.ID, other.ID, 1), nil
		}, 404, "not_found"},
		{"a ticket before there is media", s.Stranger(), func() (string, string, any) { return http.MethodGet, ticketPath, nil }, 503, "not_ready"},
		{"a path that climbs out of the ticket", s.Stranger(), func() (string, string, any) {
			return http.MethodGet, "/hls/" + live.ID + "/%2e%2e/%2e%2e/etc/passwd", nil
		}, 404, ""},
		{"an object that never was", s.Stranger(), func() (string, string, any) {
			return http.MethodGet, "/hls/" + live.ID + "/o/" + strings.Repeat("a", 22) + ".m4s", nil
		}, 404, "not_found"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			method, path, body := c.call()
			answer := c.client.Do(t, method, path, body)
			if c.status == 0 {
				if answer.Status < 400 || answer.Status > 499 {
					t.Errorf("%s: %d, want a refusal\n%s", answer.Call, answer.Status, answer.Body)
				}
				return
			}
			answer.Is(t, c.status, c.code)
		})
	}
	t.Run("requests that are no HTTP", func(t *testing.T) {
		var sending sync.WaitGroup
		for _, garbage := range []string{"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "GET / HTTP/9.9\r\n\r\n", "GET\r\n\r\n", strings.Repeat("A", 70000) + "\r\n\r\n"} {
			sending.Go(func() { hangUp(t, s.HTTP, []byte(garbage)) })
		}
		sending.Wait()
	})
	s.Returns(t, rest, 20*time.Second)
	noSecrets(t, s, inside.Session, elsewhere.Session, viewer.Session, room.ParticipantToken, room.ModeratorToken,
		*live.StreamKey, harness.AdminKey, strings.Split(ticketPath, "/")[3])
}

func TestBadInputAtTheSignalingDoor(t *testing.T) {
	t.Parallel()
	s := harness.Start(t, harness.Options{})
	room := s.CreateRoom(t, "meet", nil)
	gone := s.CreateRoom(t, "meet", nil)
	live := s.CreateRoom(t, "live", nil)
	inside := s.Enter(t, room.ParticipantToken, "Ada")
	viewer := s.Enter(t, live.ParticipantToken, "Vi")
	dead := s.Enter(t, gone.ParticipantToken, "Di")
	s.API().Want(t, http.MethodDelete, "/api/v1/rooms/"+gone.ID, nil, 204, nil)
	rest := s.Rest()

	refused := []struct {
		name  string
		frame []byte
		kind  int
		close int
		code  string
	}{
		{"another message before hello", []byte(`{"type":"chat","text":"x"}`), websocket.TextMessage, 1008, "hello_required"},
		{"a forged session", fmt.Appendf(nil, `{"type":"hello","session":%q}`, forge(inside.Session)), websocket.TextMessage, 4401, "session_invalid"},
		{"a deleted room's session", fmt.Appendf(nil, `{"type":"hello","session":%q}`, dead.Session), websocket.TextMessage, 4401, "session_invalid"},
		{"a binary frame", []byte{0, 1, 2, 3}, websocket.BinaryMessage, 1003, ""},
		{"a frame over 256 KiB", []byte(`{"type":"hello","session":"` + strings.Repeat("x", 257<<10) + `"}`), websocket.TextMessage, 1009, ""},
	}
	for _, c := range refused {
		t.Run(c.name, func(t *testing.T) {
			socket := s.Dial(t, http.Header{"Origin": {"https://elsewhere.example"}})
			socket.SendFrame(c.kind, c.frame)
			code, last := socket.Ended(10 * time.Second)
			if code != c.close {
				t.Errorf("closed with %d, want %d; last %v", code, c.close, last)
			}
			if c.code != "" && last["code"] != c.code {
				t.Errorf("the error before it is %v, want %s", last, c.code)
			}
		})
	}
	t.Run("silence instead of hello", func(t *testing.T) {
		socket := s.Dial(t, nil)
		if code, last := socket.Ended(8 * time.Second); code != 1008 || last["code"] != "hello_required" {
			t.Errorf("closed with %d after %v", code, last)
		}
	})

	socket, _ := s.Hello(t, inside.Session)
	open := []struct {
		name, frame, code string
	}{
		{"no JSON", `{{{`, "malformed_json"},
		{"an array", `[]`, "malformed_json"},
		{"an unknown type", `{"type":"teleport"}`, "unknown_type"},
		{"an unknown field", `{"type":"chat","text":"x","colour":"red"}`, "unknown_field"},
		{"a field of the wrong type", `{"type":"chat","text":5}`, "validation_failed"},
		{"an empty chat", `{"type":"chat","text":""}`, "validation_failed"},
		{"a chat of 2001 characters", `{"type":"chat","text":"` + strings.Repeat("x", 2001) + `"}`, "validation_failed"},
		{"a message over 32 KiB", `{"type":"chat","text":"` + strings.Repeat("x", 33<<10) + `"}`, "message_too_large"},
		{"a second hello", `{"type":"hello","session":"x"}`, "hello_repeated"},
		{"a participant who mutes", `{"type":"moderator_mute","participant":"p_x","kinds":["audio"]}`, "forbidden"},
		{"a participant who removes", `{"type":"remove","participant":"p_x","ban_address":true}`, "forbidden"},
		{"a participant who locks", `{"type":"lock"}`, "forbidden"},
		{"a participant who ends", `{"type":"end"}`, "forbidden"},
		{"an offer that is no SDP", `{"type":"offer","sdp":"hello","tracks":[]}`, "negotiation_failed"},
		{"a candidate before the offer", `{"type":"candidate","candidate":"candidate:1 1 udp 1 192.0.2.7 5 typ host","mid":"0"}`, "not_ready"},
		{"an unknown source", `{"type":"mute","sources":["nose"],"muted":true}`, "validation_failed"},
	}
	for _, c := range open {
		t.Run(c.name, func(t *testing.T) {
			socket.SendFrame(websocket.TextMessage, []byte(c.frame))
			if m := socket.Await("error"); m["code"] != c.code || m["fatal"] != false {
				t.Errorf("got %v, want %s, not fatal", m, c.code)
			}
		})
	}
	t.Run("media outside a meeting", func(t *testing.T) {
		watching, _ := s.Hello(t, viewer.Session)
		watching.Send(harness.Message{"type": "offer", "sdp": "v=0\r\n", "tracks": []any{}})
		if m := watching.Await("error"); m["code"] != "wrong_room_type" {
			t.Errorf("got %v, want wrong_room_type", m)
		}
		watching.Close()
	})
	t.Run("a flood", func(t *testing.T) {
		flooding := s.Enter(t, room.ParticipantToken, "Flo")
		flood, _ := s.Hello(t, flooding.Session)
		for range 400 {
			flood.SendFrame(websocket.TextMessage, []byte(`{"type":"ping"}`))
		}
		if code, last := flood.Ended(10 * time.Second); code != 1008 || last["code"] != "rate_limited" {
			t.Errorf("closed with %d after %v, want 1008 rate_limited", code, last)
		}
	})
	socket.Send(harness.Message{"type": "ping", "id": "still"})
	if m := socket.Await("pong"); m["re"] != "still" {
		t.Errorf("the socket answers %v", m)
	}
	socket.Send(harness.Message{"type": "leave"})
	if code, _ := socket.Ended(5 * time.Second); code != 1000 {
		t.Errorf("leave closed with %d, want 1000", code)
	}
	// Those who only closed their sockets are kept for 15 s, as the protocol says.
	s.Returns(t, rest, 40*time.Second)
	noSecrets(t, s, inside.Session, viewer.Session, dead.Session)
}

func TestBadInputAtTheRTMPDoor(t *testing.T) {
	t.Parallel()
	s := harness.Start(t, harness.Options{})
	live := s.CreateRoom(t, "live", nil)
	meet := s.CreateRoom(t, "meet", nil)
	suspended := s.CreateRoom(t, "live", nil)
	s.API().Want(t, http.MethodPost, "/api/v1/rooms/"+suspended.ID+"/suspend", nil, 200, nil)
	base := live.IngestURLs["rtmp"].URL
	rest := s.Rest()

	garbage := make([]byte, 64<<10)
	if _, err := rand.Read(garbage); err != nil {
		t.Fatal(err)
	}
	var sending sync.WaitGroup
	for _, bytes := range [][]byte{
		garbage,
		[]byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
		append([]byte{3}, make([]byte, 1536)...),                     // a handshake of zeros
		append(append([]byte{3}, make([]byte, 3072)...), garbage...), // a handshake, then garbage
		nil,
	} {
		sending.Go(func() { hangUp(t, s.RTMP, bytes) })
	}
	refused := func(name, url, key string) {
		publisher := harness.Publish(t, url, key, harness.Picture{Size: "320x180"})
		sending.Go(func() {
			select {
			case <-publisher.Done():
			case <-time.After(20 * time.Second):
				t.Errorf("%s: ffmpeg still publishes:\n%s", name, publisher.Out)
			}
		})
	}
	refused("a wrong key", base, "wrong-key-"+strings.Repeat("x", 16))
	refused("no key", base, "")
	refused("a wrong app", strings.Replace(base, "/live", "/dead", 1), *live.StreamKey)
	refused("a publisher at the players' path", strings.Replace(base, "/live", "/play", 1), *live.StreamKey)
	refused("a meeting's token as a key", base, meet.ModeratorToken)
	refused("a suspended room's key", base, *suspended.StreamKey)
	refused("a key of 100 KB", base, strings.Repeat("k", 100_000))
	sending.Wait()
	if state := s.Stream(t, live.ID).State; state != "waiting" {
		t.Errorf("after all that the broadcast is %q, want waiting", state)
	}
	s.API().Refused(t, http.MethodGet, "/api/v1/rooms/"+meet.ID+"/stream", nil, 409, "wrong_room_type")
	s.Returns(t, rest, 30*time.Second)
	noSecrets(t, s, *live.StreamKey, *suspended.StreamKey, meet.ModeratorToken)

	publisher := s.Publish(t, live, harness.Picture{})
	awaitState(t, s, live.ID, "live", 15*time.Second)
	publisher.Stop()
}

// hangUp sends bytes and requires that the server ends the connection.
func hangUp(t *testing.T, address string, bytes []byte) {
	conn, err := net.DialTimeout("tcp", address, 5*time.Second)
	if err != nil {
		t.Errorf("dial: %v", err)
		return
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(25 * time.Second)); err != nil {
		t.Error(err)
		return
	}
	_, _ = conn.Write(bytes) // the server may hang up before it has read all
	if _, err := io.Copy(io.Discard, conn); errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the server keeps the connection open after %.20q", bytes)
	}
}

// noSecrets requires that the secrets are nowhere in the server's output, and
// that what went wrong did leave a line there.
func noSecrets(t *testing.T, s *harness.Server, secrets ...string) {
	t.Helper()
	out := s.Out.String()
	if strings.TrimSpace(out) == "" {
		t.Error("the server logged nothing")
	}
	for _, secret := range secrets {
		if at := strings.Index(out, secret); at >= 0 {
			t.Errorf("the log holds a secret: %.200s", out[max(0, at-150):])
		}
	}
}

// forge returns the credential with one character in the middle of its last
// part changed.
func forge(credential string) string {
	b := []byte(credential)
	at := len(b) - 8
	if at < 0 {
		at = 0
	}
	if b[at] == 'A' {
		b[at] = 'B'
	} else {
		b[at] = 'A'
	}
	return string(b)
}

// algNone returns the JWT unsigned, with a header that says so.
func algNone(session string) string {
	parts := strings.Split(session, ".")
	if len(parts) != 3 {
		return session + "."
	}
	return base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","typ":"JWT"}`)) + "." + parts[1] + "."
}
