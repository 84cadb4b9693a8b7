package rooms

import (
	"encoding/json"
	"net/netip"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"roomcast/secret"
)

func FuzzRoomBody(f *testing.F) {
	for _, seed := range []string{
		`{}`, `[]`, `{"room_name":"n","room_type":"meet"}`, `{"room_name":"n","room_type":"live","pull_source":{"url":"rtsp://a/b"}}`,
		`{"room_metadata":{"a":1e400,"b":null},"limits":{"max_height":1},"room_features":{"embed_origins":["https://a:1"],"transcode":[720]}}`,
		`{"room_access_code":"1","moderator_access_code":"1","starts_at":"2030-01-01T00:00:00Z"}`,
	} {
		f.Add([]byte(seed), true)
	}
	f.Fuzz(func(t *testing.T, raw []byte, create bool) {
		members, err := decodeObject(raw)
		if err != nil {
			if CodeOf(err) == "" {
				t.Fatalf("an uncoded error: %v", err)
			}
			return
		}
		room := Room{Type: Live, Features: map[string]any{}, Metadata: map[string]any{}}
		if create {
			room.Type = ""
		}
		if applyRoom(&room, members, create).err() != nil {
			return
		}
		// What was accepted can be resolved, shown and stored.
		v := resolve(Record{Room: room}, Limits{}, time.Now())
		for _, value := range []any{v.Public(), v.Settings, v.Metadata, room.Features} {
			if _, err := json.Marshal(value); err != nil {
				t.Fatalf("accepted, but: %v", err)
			}
		}
		for _, origin := range v.Settings.Features.EmbedOrigins {
			if strings.ContainsAny(origin, " ;,'\"\\*\r\n") {
				t.Fatalf("origin %q could end a directive", origin)
			}
		}
	})
}

func FuzzBillingBodies(f *testing.F) {
	f.Add([]byte(`{"name":"n","limits":{"max_rooms":1},"quotas":{"a":1},"ends_at":"2030-01-01T00:00:00Z"}`))
	f.Add([]byte(`{"name":"n","role":"moderator","max_uses":1,"expires_at":null}`))
	f.Add([]byte(`{"name":"n","customer_metadata":{"a":{}}}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		members, err := decodeObject(raw)
		if err != nil {
			return
		}
		var c Customer
		if applyCustomer(&c, members, true).err() == nil && strings.TrimSpace(c.Name) == "" {
			t.Fatal("a customer without a name")
		}
		var s Subscription
		if applySubscription(&s, members, true).err() == nil && strings.TrimSpace(s.Name) == "" {
			t.Fatal("a subscription without a name")
		}
		var j JoinToken
		if applyJoinToken(&j, members).err() == nil && j.MaxUses != nil && *j.MaxUses < 1 {
			t.Fatal("a token without uses")
		}
	})
}

func FuzzCursor(f *testing.F) {
	f.Add("")
	f.Add(encodeCursor(strings.Repeat("0", idLength)))
	f.Add("////")
	f.Fuzz(func(t *testing.T, cursor string) {
		id, err := decodeCursor(cursor)
		if err == nil && id != "" && !ValidID(id) {
			t.Fatalf("cursor %q is read as %q", cursor, id)
		}
	})
}

func someClaims() claims {
	return claims{
		Room: "room", Participant: "01arz3ndektsv4rrffq69g5fav", Role: Participant, Name: "Ann", ExternalID: "e", Via: viaJoinToken,
		JoinToken: "t", DoorEpoch: 3, SessionEpoch: -1, Device: "d", Run: "r", JoinedAt: time.UnixMicro(1_700_000_000_000_001).UTC(),
	}
}

func FuzzTicket(f *testing.F) {
	tickets := newTickets(secret.New("a key of the server's own"))
	c := someClaims()
	good := tickets.seal(&c).Reveal()
	f.Add(good)
	f.Add(good[:len(good)-1])
	f.Add(strings.Repeat("A", 32))
	f.Fuzz(func(t *testing.T, ticket string) {
		got, err := tickets.open(ticket)
		if err == nil && (ticket != good || got != c) {
			t.Fatalf("a forged ticket opens as %+v", got)
		}
	})
}

func FuzzUnpackClaims(f *testing.F) {
	c := someClaims()
	f.Add(packClaims(&c))
	f.Add([]byte{ticketVersion, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1})
	f.Fuzz(func(t *testing.T, packed []byte) {
		c, err := unpackClaims(packed)
		if err != nil {
			return
		}
		again, err := unpackClaims(packClaims(&c))
		if err != nil || again != c {
			t.Fatalf("%+v comes back as %+v, %v", c, again, err)
		}
	})
}

func FuzzSession(f *testing.F) {
	s := newSessions(secret.New("a key of the server's own"))
	c := someClaims()
	now := c.JoinedAt.Add(time.Minute)
	good, _, err := s.sign(&c, now)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good.Reveal())
	f.Add("a.b.c")
	f.Add("eyJhbGciOiJub25lIn0.e30.")
	f.Fuzz(func(t *testing.T, session string) {
		got, _, err := s.read(secret.New(session), true, now)
		switch {
		case err != nil && CodeOf(err) == "":
			t.Fatalf("an uncoded error: %v", err)
		case err == nil && got != c:
			t.Fatalf("a forged session is read as %+v", got)
		}
	})
}

func FuzzDisplayName(f *testing.F) {
	f.Add("Ann")
	f.Add(" \u202e ")
	f.Fuzz(func(t *testing.T, name string) {
		got, err := checkDisplayName(name)
		if err == nil && (got != strings.TrimSpace(got) || !utf8.ValidString(got) || utf8.RuneCountInString(got) > 64 || got == "") {
			t.Fatalf("%q is accepted as %q", name, got)
		}
	})
}

func TestWindowsAreBounded(t *testing.T) {
	w := newWindows(2, time.Minute)
	t0 := time.Now()
	key := func(i int) windowKey {
		return windowKey{what: "x", network: netip.PrefixFrom(netip.AddrFrom4([4]byte{byte(i >> 24), byte(i >> 16), byte(i >> 8), byte(i)}), 32)}
	}
	for i := range maxWindows + 100 {
		w.add(key(i), t0)
	}
	if len(w.times) > maxWindows {
		t.Errorf("%d windows, want at most %d", len(w.times), maxWindows)
	}
	last := key(maxWindows + 99)
	if w.add(last, t0.Add(time.Second)); w.full(last, t0.Add(time.Second)) != 59*time.Second {
		t.Errorf("full for %v, want 59s", w.full(last, t0.Add(time.Second)))
	}
	if w.prune(t0.Add(time.Minute)); len(w.times) != 1 {
		t.Errorf("%d windows after pruning, want the one still counting", len(w.times))
	}
}

func TestIDsSortByTimeAndNeverRepeat(t *testing.T) {
	g := &ids{}
	last := ""
	for range 10_000 {
		id := g.next()
		if !ValidID(id) || id <= last {
			t.Fatalf("%q after %q", id, last)
		}
		last = id
	}
}

func FuzzFileTicket(f *testing.F) {
	holder := packClaims(&claims{Participant: "p", Role: Moderator, JoinedAt: time.Unix(1, 0)})
	f.Add(append([]byte{fileTicketVersion, 2, 1, 'a'}, holder...))
	f.Add([]byte{fileTicketVersion, 2, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		expires, asset, holder, err := unpackFileTicket(b)
		if err != nil && (!expires.IsZero() || asset != "" || holder != nil) {
			t.Errorf("refused, and yet %v %q %v", expires, asset, holder)
		}
	})
}
