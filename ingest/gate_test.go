package ingest

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"roomcast/media"
	"roomcast/rooms"
	"roomcast/secret"
)

const rightKey = "canary-right-key"

// house is a door and a hub with one room.
type house struct {
	logs      bytes.Buffer
	published []Publication
	conflict  error
	trouble   error
}

func (h *house) Publisher(_ context.Context, key secret.Text, _ rooms.Caller) (rooms.Publisher, error) {
	if h.trouble != nil {
		return rooms.Publisher{}, h.trouble
	}
	if !key.Equal(rightKey) {
		return rooms.Publisher{}, &rooms.Error{Code: rooms.CodeNotFound, Detail: "there is no such stream key"}
	}
	return rooms.Publisher{RoomID: "room", RoomType: rooms.Live}, nil
}

func (h *house) PublisherOf(_ context.Context, id string) (rooms.Publisher, error) {
	if id != "room" {
		return rooms.Publisher{}, &rooms.Error{Code: rooms.CodeNotFound, Detail: "there is no such room"}
	}
	return rooms.Publisher{RoomID: id, RoomType: rooms.Live}, nil
}

func (h *house) Publish(_ context.Context, p Publication) (Sink, error) {
	if h.conflict != nil {
		return nil, h.conflict
	}
	h.published = append(h.published, p)
	return nothing{}, nil
}

type nothing struct{}

func (nothing) SetTracks([]*media.Track) error { return nil }
func (nothing) Write(Sample) error             { return nil }
func (nothing) Close()                         {}

func gateOf(h *house) *Gate {
	return NewGate(GateOptions{Door: h, Hub: h, Log: slog.New(slog.NewTextHandler(&h.logs, nil))})
}

func from(address, key string) Request {
	return Request{Key: secret.New(key), Protocol: "rtmp", Caller: rooms.Caller{Address: netip.MustParseAddr(address)}}
}

func TestARightKeyAlwaysPassesAndGuessersDoNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &house{}
		g := gateOf(h)
		code := func(r Request) string {
			_, _, err := g.Admit(t.Context(), r)
			return rooms.CodeOf(err)
		}
		for n := range 600 { // ten a second, for a minute
			want := rooms.CodeNotFound
			if n >= maxGuesses {
				want = rooms.CodeTooManyAttempts
			}
			if got := code(from("10.0.0.1", "canary-wrong")); got != want {
				t.Fatalf("guess %d is refused with %q, want %q", n, got, want)
			}
			time.Sleep(100 * time.Millisecond)
		}
		if got := code(from("10.0.0.1", rightKey)); got != "" {
			t.Errorf("the right key from the guesser's address is refused with %q", got)
		}
		if got := code(from("10.0.0.2", "canary-wrong")); got != rooms.CodeNotFound {
			t.Errorf("a first mistake from elsewhere is refused with %q", got)
		}
		if n := strings.Count(h.logs.String(), "\n"); n > maxGuesses+2 {
			t.Errorf("%d lines are logged of one guesser", n)
		}
		time.Sleep(guessWindow)
		if got := code(from("10.0.0.1", "canary-wrong")); got != rooms.CodeNotFound {
			t.Errorf("after the window, a mistake is refused with %q", got)
		}
		if strings.Contains(h.logs.String(), "canary") {
			t.Error("a key is in the log")
		}
	})
}

func TestWaitingIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := gateOf(&house{})
		var err error
		for range maxGuesses + 1 {
			_, _, err = g.Admit(t.Context(), from("10.0.0.1", "x"))
			time.Sleep(time.Second)
		}
		var e *rooms.Error
		if !errors.As(err, &e) || e.RetryAfter != guessWindow-maxGuesses*time.Second {
			t.Errorf("%+v", e)
		}
	})
}

func TestGuessersAreRememberedInBounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g guesses
		address := func(n int) netip.Addr { return netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)}) }
		for n := range 2 * maxGuessers {
			g.add(address(n))
		}
		if len(g.by) != maxGuessers {
			t.Errorf("%d addresses are remembered", len(g.by))
		}
		time.Sleep(guessWindow)
		g.add(address(1 << 20))
		if len(g.by) != 1 {
			t.Errorf("%d addresses are remembered after their windows", len(g.by))
		}
	})
}

func TestGateAsksDoorAndHub(t *testing.T) {
	moderator := rooms.Grant{RoomID: "room", Role: rooms.Moderator}
	conflict := &rooms.Error{Code: rooms.CodePublisherConflict, Detail: "two encoders"}
	tests := []struct {
		name  string
		house house
		enter func(g *Gate, r Request) error
		code  string // "" is let in
		log   string
	}{
		{"a key", house{}, func(g *Gate, r Request) error { _, _, err := g.Admit(context.Background(), r); return err }, "", ""},
		{"a conflict", house{conflict: conflict}, func(g *Gate, r Request) error { _, _, err := g.Admit(context.Background(), r); return err }, rooms.CodePublisherConflict, "two encoders"},
		{"trouble", house{trouble: errors.New("disk on fire")}, func(g *Gate, r Request) error { _, _, err := g.Admit(context.Background(), r); return err }, "-", "disk on fire"},
		{"a moderator", house{}, func(g *Gate, r Request) error {
			_, err := g.AdmitModerator(context.Background(), moderator, r)
			return err
		}, "", ""},
		{"a participant", house{}, func(g *Gate, r Request) error {
			_, err := g.AdmitModerator(context.Background(), rooms.Grant{RoomID: "room", Role: rooms.Participant}, r)
			return err
		}, rooms.CodeForbidden, "only a moderator"},
		{"another room", house{}, func(g *Gate, r Request) error {
			_, err := g.AdmitRoom(context.Background(), "other", r)
			return err
		}, rooms.CodeNotFound, "no such room"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := &tt.house
			err := tt.enter(gateOf(h), from("10.0.0.1", rightKey))
			if in := err == nil; in != (tt.code == "") || in != (len(h.published) == 1) {
				t.Fatalf("error %v, published %d", err, len(h.published))
			}
			if tt.code != "" && tt.code != "-" && rooms.CodeOf(err) != tt.code {
				t.Errorf("error %v", err)
			}
			if !strings.Contains(h.logs.String(), tt.log) {
				t.Errorf("log %s", h.logs.String())
			}
		})
	}
}
