package signaling

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"roomcast/rooms"
	"roomcast/signaling/protocol"
)

// raw is a WebSocket without a client's manners.
type raw struct {
	t    *testing.T
	conn *websocket.Conn
}

func (p *place) raw() *raw {
	p.t.Helper()
	header := http.Header{"Origin": {"https://elsewhere.example"}}
	conn, resp, err := websocket.DefaultDialer.DialContext(p.t.Context(), p.url, header)
	must(p.t, err)
	must(p.t, resp.Body.Close())
	p.t.Cleanup(func() { conn.Close() }) // it may be closed already
	must(p.t, conn.SetReadDeadline(time.Now().Add(patience)))
	return &raw{p.t, conn}
}

func (r *raw) send(frame string) {
	r.t.Helper()
	must(r.t, r.conn.WriteMessage(websocket.TextMessage, []byte(frame)))
}

// next returns the next message, or the code the socket was closed with.
func (r *raw) next() (m protocol.ServerMessage, closeCode int) {
	r.t.Helper()
	_, frame, err := r.conn.ReadMessage()
	var closed *websocket.CloseError
	if errors.As(err, &closed) {
		return nil, closed.Code
	}
	must(r.t, err)
	m, err = protocol.ReadServer(frame)
	must(r.t, err)
	return m, 0
}

func TestFirstFramesThatAreRefused(t *testing.T) {
	tests := map[string]struct {
		frame     string
		code      string
		closeCode int
	}{
		"no JSON":                    {`hello`, protocol.CodeMalformedJSON, 1008},
		"another message than hello": {`{"type":"ping","id":"9"}`, protocol.CodeHelloRequired, 1008},
		"a hello without session":    {`{"type":"hello","id":"9"}`, protocol.CodeValidationFailed, 1008},
		"a hello with more":          {`{"type":"hello","id":"9","session":"x","token":"y"}`, protocol.CodeUnknownField, 1008},
		"a forged session":           {`{"type":"hello","id":"9","session":"forged"}`, rooms.CodeSessionInvalid, 4401},
		"a session of no room":       {`{"type":"hello","id":"9","session":"x/ann/moderator"}`, rooms.CodeNotFound, 4404},
		"an expired session":         {`{"type":"hello","id":"9","session":"m/old/participant"}`, rooms.CodeSessionExpired, 4401},
		"a banned one":               {`{"type":"hello","id":"9","session":"m/bad/participant"}`, rooms.CodeBanned, 4403},
	}
	p := newPlace(t)
	p.house.end("m", "old", rooms.CodeSessionExpired)
	p.house.end("m", "bad", rooms.CodeBanned)
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r := p.raw()
			r.send(tt.frame)
			m, _ := r.next()
			e, ok := m.(*protocol.Error)
			if !ok || e.Code != tt.code || !e.Fatal || e.Detail == "" {
				t.Fatalf("got %+v", m)
			}
			if strings.Contains(tt.frame, `"id"`) && e.Re != "9" {
				t.Errorf("it answers %q", e.Re)
			}
			if _, code := r.next(); code != tt.closeCode {
				t.Errorf("closed with %d, want %d", code, tt.closeCode)
			}
		})
	}
	soon(t, "nothing is left behind", func() bool {
		p.server.mu.Lock()
		defer p.server.mu.Unlock()
		return len(p.server.sockets) == 0 && len(p.server.rooms) == 0 && p.house.open() == 0
	})
}

func TestAStrangersFrameIsSmall(t *testing.T) {
	r := newPlace(t).raw()
	r.send(`{"type":"hello","session":"` + strings.Repeat("x", protocol.MaxSmallMessageBytes) + `"}`)
	if _, code := r.next(); code != protocol.CloseTooBig {
		t.Errorf("closed with %d", code)
	}
}

func TestAFullRoomRefusesASocket(t *testing.T) {
	p := newPlace(t)
	p.house.full = true
	r := p.raw()
	r.send(`{"type":"hello","session":"m/ann/participant"}`)
	if m, _ := r.next(); m.(*protocol.Error).Code != rooms.CodeRoomFull {
		t.Errorf("got %+v", m)
	}
	if _, code := r.next(); code != 4409 {
		t.Errorf("closed with %d", code)
	}
}

func TestASilentSocketIsClosed(t *testing.T) {
	p := newPlace(t, func(s *Server) { s.hello = 20 * time.Millisecond })
	r := p.raw()
	if m, _ := r.next(); m.(*protocol.Error).Code != protocol.CodeHelloRequired {
		t.Errorf("got %+v", m)
	}
	if _, code := r.next(); code != protocol.ClosePolicy {
		t.Errorf("closed with %d", code)
	}
}

// welcomed returns a raw socket that is in the meet room.
func (p *place) welcomed(session string) *raw {
	p.t.Helper()
	r := p.raw()
	r.send(fmt.Sprintf(`{"type":"hello","session":%q}`, session))
	if m, code := r.next(); code != 0 {
		p.t.Fatalf("not welcome: %+v, %d", m, code)
	}
	return r
}

func TestLeavingClosesTheSocketAlsoWhenNoAnswerIsAskedFor(t *testing.T) {
	p := newPlace(t)
	r := p.welcomed("m/ann/participant")
	r.send(`{"type":"leave"}`)
	if m, code := r.next(); code != protocol.CloseNormal {
		t.Errorf("got %+v, closed with %d", m, code)
	}
}

func TestFramesThatAreRefusedAndLeaveTheSocketOpen(t *testing.T) {
	many := func(n int, one string) string { return strings.TrimSuffix(strings.Repeat(one+",", n), ",") }
	tests := map[string]struct{ frame, code, detail string }{
		"an array":                  {`[]`, protocol.CodeMalformedJSON, "one JSON object"},
		"two objects":               {`{"type":"ping"}{"type":"ping"}`, protocol.CodeMalformedJSON, "one JSON object"},
		"cut JSON":                  {`{"type":"ping"`, protocol.CodeMalformedJSON, "one JSON object"},
		"no type":                   {`{"text":"x"}`, protocol.CodeValidationFailed, "type is missing"},
		"a type of another type":    {`{"type":7}`, protocol.CodeValidationFailed, "type must be a string"},
		"an unknown type":           {`{"type":"fly"}`, protocol.CodeUnknownType, `"fly"`},
		"an unknown field":          {`{"type":"ping","speed":1}`, protocol.CodeUnknownField, `"speed"`},
		"a field in capitals":       {`{"type":"chat","Text":"x"}`, protocol.CodeUnknownField, `"Text"`},
		"an unknown field within":   {`{"type":"offer","sdp":"v","tracks":[{"mid":"0","Source":"camera"}]}`, protocol.CodeUnknownField, `"Source"`},
		"a name twice":              {`{"type":"chat","text":"x","text":"y"}`, protocol.CodeMalformedJSON, "twice"},
		"a field of another type":   {`{"type":"chat","text":1}`, protocol.CodeValidationFailed, `"text"`},
		"a long id":                 {`{"type":"ping","id":"` + strings.Repeat("x", 65) + `"}`, protocol.CodeValidationFailed, "id is longer"},
		"a second hello":            {`{"type":"hello","session":"m/ann/moderator"}`, protocol.CodeHelloRepeated, ""},
		"a message too large":       {`{"type":"chat","text":"` + strings.Repeat("x", 40000) + `"}`, protocol.CodeMessageTooLarge, "32768"},
		"an empty chat text":        {`{"type":"chat","text":" \n "}`, protocol.CodeValidationFailed, "empty"},
		"a long chat text":          {`{"type":"chat","text":"` + strings.Repeat("ä", 2001) + `"}`, protocol.CodeValidationFailed, "2000"},
		"a control character":       {`{"type":"chat","text":"a\u0007b"}`, protocol.CodeValidationFailed, "control"},
		"an offer without SDP":      {`{"type":"offer","sdp":"","tracks":[]}`, protocol.CodeValidationFailed, "sdp"},
		"an offer of garbage":       {`{"type":"offer","sdp":"garbage","tracks":[]}`, protocol.CodeNegotiationFailed, "cannot be read"},
		"a source that is none":     {`{"type":"offer","sdp":"v","tracks":[{"mid":"0","source":"smell"}]}`, protocol.CodeValidationFailed, "tracks[0].source"},
		"a source twice":            {`{"type":"offer","sdp":"v","tracks":[{"mid":"0","source":"camera"},{"mid":"1","source":"camera"}]}`, protocol.CodeValidationFailed, "tracks[1]"},
		"too many tracks":           {`{"type":"offer","sdp":"v","tracks":[` + many(5, `{"mid":"0","source":"camera"}`) + `]}`, protocol.CodeValidationFailed, "tracks"},
		"a candidate without offer": {`{"type":"candidate","candidate":"","mid":"0"}`, protocol.CodeNotReady, ""},
		"a candidate of nothing":    {`{"type":"candidate","candidate":"candidate:1"}`, protocol.CodeValidationFailed, "mid"},
		"a mute of nothing":         {`{"type":"mute","sources":[],"muted":true}`, protocol.CodeValidationFailed, "sources"},
		"a mute of a smell":         {`{"type":"mute","sources":["smell"],"muted":true}`, protocol.CodeValidationFailed, "sources[0]"},
		"a view of oneself":         {`{"type":"view","tiles":[{"participant":"ann","source":"camera","width":1,"height":1}]}`, protocol.CodeValidationFailed, "your own"},
		"a view of a microphone":    {`{"type":"view","tiles":[{"participant":"bob","source":"microphone","width":1,"height":1}]}`, protocol.CodeValidationFailed, "tiles[0].source"},
		"a tile without size":       {`{"type":"view","tiles":[{"participant":"bob","source":"camera"}]}`, protocol.CodeValidationFailed, "width"},
		"a tile twice":              {`{"type":"view","tiles":[` + many(2, `{"participant":"bob","source":"camera","width":1,"height":1}`) + `]}`, protocol.CodeValidationFailed, "repeats"},
		"too many tiles":            {`{"type":"view","tiles":[` + many(65, `{"participant":"bob","source":"camera","width":1,"height":1}`) + `]}`, protocol.CodeValidationFailed, "64"},
		"a hand raised for another": {`{"type":"hand","raised":true,"participant":"bob"}`, protocol.CodeValidationFailed, "hand of another"},
		"a mute of no kind":         {`{"type":"moderator_mute","participant":"bob","kinds":[]}`, protocol.CodeValidationFailed, "kinds"},
		"a mute of a kind unknown":  {`{"type":"moderator_mute","participant":"bob","kinds":["smell"]}`, protocol.CodeValidationFailed, "kinds[0]"},
		"a mute of nobody":          {`{"type":"moderator_mute","participant":"","kinds":["audio"]}`, protocol.CodeValidationFailed, "participant"},
		"a removal of nobody":       {`{"type":"remove"}`, protocol.CodeValidationFailed, "participant"},
	}
	p := newPlace(t)
	r := p.welcomed("m/ann/moderator")
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r.t = t
			r.send(tt.frame)
			for {
				m, code := r.next()
				if code != 0 {
					t.Fatalf("closed with %d", code)
				}
				e, ok := m.(*protocol.Error)
				if !ok {
					continue
				}
				if e.Code != tt.code || e.Fatal || !strings.Contains(e.Detail, tt.detail) {
					t.Errorf("got %+v", e)
				}
				return
			}
		})
	}
}

func TestFramesThatCloseTheSocket(t *testing.T) {
	p := newPlace(t)
	t.Run("a binary frame", func(t *testing.T) {
		r := p.welcomed("m/a/participant")
		must(t, r.conn.WriteMessage(websocket.BinaryMessage, []byte{1}))
		if _, code := r.next(); code != protocol.CloseUnsupported {
			t.Errorf("closed with %d", code)
		}
	})
	t.Run("a frame too big", func(t *testing.T) {
		r := p.welcomed("m/b/participant")
		r.send(`{"type":"offer","sdp":"` + strings.Repeat("x", protocol.MaxMessageBytes) + `"}`)
		if _, code := r.next(); code != protocol.CloseTooBig {
			t.Errorf("closed with %d", code)
		}
	})
	t.Run("too many messages", func(t *testing.T) {
		r := p.welcomed("m/c/participant")
		for range protocol.MessageBurst + protocol.MessagesPerSecond {
			if r.conn.WriteMessage(websocket.TextMessage, []byte(`{"type":"ping"}`)) != nil {
				break
			}
		}
		for {
			m, code := r.next()
			if code != 0 {
				t.Fatalf("closed with %d and no word", code)
			}
			if e, ok := m.(*protocol.Error); ok {
				if e.Code != protocol.CodeRateLimited || !e.Fatal {
					t.Errorf("got %+v", e)
				}
				break
			}
		}
		if _, code := r.next(); code != protocol.ClosePolicy {
			t.Errorf("closed with %d", code)
		}
	})
}

func TestOffersAreTakenAtARate(t *testing.T) {
	g := newPlace(t).join("m/ann/participant")
	for range offerBurst {
		g.refused(protocol.CodeNegotiationFailed, &protocol.Offer{SDP: "garbage"})
	}
	g.refused(protocol.CodeRateLimited, &protocol.Offer{SDP: "garbage"})
	g.ask(&protocol.Ping{})
}

func TestARequestThatIsNoWebSocketIsToldSo(t *testing.T) {
	p := newPlace(t)
	resp, err := p.http.Client().Get(p.http.URL)
	must(t, err)
	defer resp.Body.Close() // only its head matters
	if resp.StatusCode != http.StatusUpgradeRequired || resp.Header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("got %s, %s", resp.Status, resp.Header.Get("Content-Type"))
	}
}

func TestTheQueueOfASlowClientIsBounded(t *testing.T) {
	q := newQueue()
	for range maxQueuedFrames {
		q.put(frame{size: 1})
	}
	if frames, end := q.take(); len(frames) != maxQueuedFrames || end != 0 {
		t.Errorf("%d frames waited, end %d", len(frames), end)
	}
	q.put(frame{size: 2 * maxQueuedBytes})
	if frames, end := q.take(); len(frames) != 1 || end != 0 {
		t.Errorf("of one long frame, %d waited, end %d", len(frames), end)
	}
	q.finish(1013)
	q.finish(1000)
	q.put(frame{size: 1})
	if frames, end := q.take(); len(frames) != 0 || end != 1013 {
		t.Errorf("after the end, %d frames waited, end %d", len(frames), end)
	}
	for name, size := range map[string]int{"frames": 1, "bytes": maxQueuedBytes / 2} {
		q := newQueue()
		for range maxQueuedFrames + 1 {
			q.put(frame{size: size})
		}
		if frames, end := q.take(); len(frames) != 0 || end != protocol.CloseTryAgain {
			t.Errorf("after too many %s, %d frames wait, end %d", name, len(frames), end)
		}
	}
}

func TestAClientThatTakesNothingIsDropped(t *testing.T) {
	p := newPlace(t)
	ann, slow := p.join("m/ann/moderator"), p.welcomed("m/slow/participant")
	r := p.server.room("m")
	text := strings.Repeat("x", 2000)
	m := r.member("slow")
	for n := 0; ; n++ {
		if sock := m.sock.Load(); sock == nil || sock.out.ended() {
			break
		}
		if n == protocol.MessageBurst {
			t.Fatal("the slow client is still there")
		}
		r.mu.Lock()
		for range maxQueuedFrames * 3 / 4 {
			r.tell(&protocol.Chat{Events: []protocol.ChatEvent{{Message: &protocol.ChatMessage{Text: text}}}})
		}
		r.mu.Unlock()
		told(ann)
		ann.ask(&protocol.Ping{}) // the other client has taken all
	}
	must(t, slow.conn.Close())
}
