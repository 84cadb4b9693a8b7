package storetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"roomcast/rooms"
	"roomcast/secret"
)

// Run runs the suite; open returns an empty store and closes it with the test.
func Run(t *testing.T, open func(t *testing.T) rooms.Store) {
	for name, test := range map[string]func(t *testing.T, s rooms.Store){
		"a room comes back as it was stored":               roomComesBack,
		"a room is found by its credentials":               roomByCredential,
		"a failed transaction leaves nothing behind":       failedTransaction,
		"transactions see one another whole":               isolation,
		"what is not there is ErrNotStored":                notStored,
		"rooms are listed newest first, filtered":          listRooms,
		"a deleted room takes what hung on it along":       deleteRoom,
		"sessions of the right rooms end":                  endSessions,
		"runs begin and end with their bans":               runsAndBans,
		"customers and subscriptions come back and count":  billing,
		"join tokens are used exactly as often as allowed": joinTokens,
		"assets come back, grow and add up":                assets,
		"a chat comes back as far as it is kept":           chats,
		"settings, keys and answers are kept and pruned":   kept,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

var base = time.Date(2026, 1, 2, 3, 4, 5, 678_000, time.UTC)

func text(s string) *secret.Text { v := secret.New(s); return &v }

func ref[T any](v T) *T { return &v }

// id makes identifiers that sort by n.
func id(n int) string { return fmt.Sprintf("%026d", n) }

func fullRoom(n int) rooms.Room {
	return rooms.Room{
		ID: id(n), Name: fmt.Sprintf("Room %d", n), Type: rooms.Live, Description: "Ärger & <b>",
		ModeratorToken: secret.New(fmt.Sprintf("moderator-%d", n)), ParticipantToken: secret.New(fmt.Sprintf("participant-%d", n)),
		RoomAccessCode: text("4711"), ModeratorAccessCode: text("08154711"),
		Features: map[string]any{"chat": true, "reconnect_window_seconds": json.Number("30")},
		Metadata: map[string]any{
			"exact": json.Number("12345678901234567890"), "huge": json.Number("1e400"), "zero": json.Number("1.10"),
			"null": nil, "yes": true, "text": "a<b>&\u2028 \U0001F600",
		},
		Limits:   rooms.Limits{MaxParticipants: ref(int64(50)), MaxHeight: ref(int64(0))},
		StartsAt: ref(base.Add(time.Hour)), StreamKey: text(fmt.Sprintf("key-%d", n)), SRTPassphrase: text("passphrase"),
		PullSource: &rooms.PullSource{URL: secret.New("rtsp://user:pass@camera/1"), Transport: "tcp"},
		Epochs:     rooms.Epochs{Session: 1, Moderator: 2, ModeratorMin: 1, Participant: 4, ParticipantMin: 3},
		CreatedAt:  base, UpdatedAt: base.Add(time.Microsecond), Revision: 7,
	}
}

func update(t *testing.T, s rooms.Store, fn func(ctx context.Context, tx rooms.Writer) error) {
	t.Helper()
	ctx := t.Context()
	if err := s.Update(ctx, func(tx rooms.Writer) error { return fn(ctx, tx) }); err != nil {
		t.Fatalf("update: %v", err)
	}
}

func create(t *testing.T, s rooms.Store, list ...rooms.Room) {
	t.Helper()
	update(t, s, func(ctx context.Context, tx rooms.Writer) error {
		for _, r := range list {
			if err := tx.CreateRoom(ctx, r); err != nil {
				return err
			}
		}
		return nil
	})
}

func read(t *testing.T, s rooms.Store, id string) rooms.Record {
	t.Helper()
	rec, err := s.Room(t.Context(), id)
	if err != nil {
		t.Fatalf("read room: %v", err)
	}
	return rec
}

// same compares with secrets revealed.
func same(t *testing.T, what string, got, want any) {
	t.Helper()
	reveal := cmp.Comparer(func(a, b secret.Text) bool { return a.Reveal() == b.Reveal() })
	if diff := cmp.Diff(want, got, reveal); diff != "" {
		t.Errorf("%s differs (-want +got):\n%s", what, diff)
	}
}

func roomComesBack(t *testing.T, s rooms.Store) {
	want := fullRoom(1)
	create(t, s, want)
	same(t, "created room", read(t, s, want.ID), rooms.Record{Room: want})

	bare := rooms.Room{
		ID: id(2), Name: "n", Type: rooms.Meet, Features: map[string]any{}, Metadata: map[string]any{},
		ModeratorToken: secret.New("m"), ParticipantToken: secret.New("p"), CreatedAt: base, UpdatedAt: base,
	}
	create(t, s, bare)
	same(t, "bare room", read(t, s, bare.ID), rooms.Record{Room: bare})

	bare.ID, bare.Suspended, bare.Revision = want.ID, true, 8
	update(t, s, func(ctx context.Context, tx rooms.Writer) error { return tx.UpdateRoom(ctx, rename(bare)) })
	same(t, "updated room", read(t, s, want.ID).Room, rename(bare))
}

// rename gives a room other tokens: no two rooms share one.
func rename(r rooms.Room) rooms.Room {
	r.ModeratorToken, r.ParticipantToken = secret.New("m "+r.ID), secret.New("p "+r.ID)
	return r
}

func roomByCredential(t *testing.T, s rooms.Store) {
	r := fullRoom(1)
	create(t, s, r, fullRoom(2))
	find := func(credential string, want rooms.CredentialKind) {
		t.Helper()
		got, kind, err := s.RoomByCredential(t.Context(), rooms.SumOf(secret.New(credential)))
		switch {
		case want == "" && !errors.Is(err, rooms.ErrNotStored):
			t.Errorf("%s: error %v, want ErrNotStored", credential, err)
		case want != "" && (err != nil || got != r.ID || kind != want):
			t.Errorf("%s: %s %s %v, want %s %s", credential, got, kind, err, r.ID, want)
		}
	}
	find("moderator-1", rooms.KindModeratorToken)
	find("participant-1", rooms.KindParticipantToken)
	find("key-1", rooms.KindStreamKey)
	find("passphrase", "")
	find("4711", "")
	r.StreamKey, r.BackupStreamKey = text("new key"), text("backup")
	update(t, s, func(ctx context.Context, tx rooms.Writer) error { return tx.UpdateRoom(ctx, r) })
	find("key-1", "")
	find("new key", rooms.KindStreamKey)
	find("backup", rooms.KindBackupStreamKey)

	twin := fullRoom(3)
	twin.ModeratorToken = r.ModeratorToken
	err := s.Update(t.Context(), func(tx rooms.Writer) error { return tx.CreateRoom(t.Context(), twin) })
	if err == nil {
		t.Error("two rooms share a token")
	}
}

func failedTransaction(t *testing.T, s rooms.Store) {
	boom := errors.New("boom")
	err := s.Update(t.Context(), func(tx rooms.Writer) error {
		if err := tx.CreateRoom(t.Context(), fullRoom(1)); err != nil {
			return err
		}
		if _, err := tx.Room(t.Context(), id(1)); err != nil {
			t.Errorf("a transaction does not see its own change: %v", err)
		}
		return boom
	})
	if !errors.Is(err, boom) {
		t.Errorf("error %v, want %v", err, boom)
	}
	if _, err := s.Room(t.Context(), id(1)); !errors.Is(err, rooms.ErrNotStored) {
		t.Errorf("error %v, want ErrNotStored", err)
	}
}

func isolation(t *testing.T, s rooms.Store) {
	const n = 20
	var wg sync.WaitGroup
	for range n {
		wg.Go(func() {
			err := s.Update(t.Context(), func(tx rooms.Writer) error {
				value, err := tx.Setting(t.Context(), "count")
				if err != nil && !errors.Is(err, rooms.ErrNotStored) {
					return err
				}
				return tx.SetSetting(t.Context(), "count", append(value, 'x'))
			})
			if err != nil {
				t.Errorf("update: %v", err)
			}
		})
	}
	wg.Wait()
	if value, err := s.Setting(t.Context(), "count"); err != nil || len(value) != n {
		t.Errorf("%d changes are there (%v), want %d", len(value), err, n)
	}
}

func notStored(t *testing.T, s rooms.Store) {
	ctx := t.Context()
	reads := map[string]func() error{
		"Room":           func() error { _, err := s.Room(ctx, id(9)); return err },
		"Customer":       func() error { _, err := s.Customer(ctx, id(9)); return err },
		"Subscription":   func() error { _, err := s.Subscription(ctx, id(9)); return err },
		"Asset":          func() error { _, err := s.Asset(ctx, id(9), id(9)); return err },
		"JoinTokenBySum": func() error { _, err := s.JoinTokenBySum(ctx, rooms.Sum{9}); return err },
		"Answer":         func() error { _, err := s.Answer(ctx, rooms.Sum{9}, base); return err },
		"APIKey":         func() error { _, err := s.APIKey(ctx, rooms.Sum{9}); return err },
		"Setting":        func() error { _, err := s.Setting(ctx, "none"); return err },
	}
	for name, fn := range map[string]func(tx rooms.Writer) error{
		"UpdateRoom":         func(tx rooms.Writer) error { return tx.UpdateRoom(ctx, fullRoom(9)) },
		"DeleteRoom":         func(tx rooms.Writer) error { return tx.DeleteRoom(ctx, id(9)) },
		"SetRun":             func(tx rooms.Writer) error { return tx.SetRun(ctx, id(9), rooms.Run{}) },
		"UpdateCustomer":     func(tx rooms.Writer) error { return tx.UpdateCustomer(ctx, rooms.Customer{ID: id(9)}) },
		"DeleteCustomer":     func(tx rooms.Writer) error { return tx.DeleteCustomer(ctx, id(9)) },
		"UpdateSubscription": func(tx rooms.Writer) error { return tx.UpdateSubscription(ctx, rooms.Subscription{ID: id(9)}) },
		"DeleteSubscription": func(tx rooms.Writer) error { return tx.DeleteSubscription(ctx, id(9)) },
		"DeleteJoinToken":    func(tx rooms.Writer) error { return tx.DeleteJoinToken(ctx, id(9), id(9)) },
		"SaveChat":           func(tx rooms.Writer) error { return tx.SaveChat(ctx, rooms.ChatChange{RoomID: id(9)}) },
		"UpdateAsset":        func(tx rooms.Writer) error { return tx.UpdateAsset(ctx, rooms.Asset{ID: id(9), RoomID: id(9)}) },
		"DeleteAsset":        func(tx rooms.Writer) error { return tx.DeleteAsset(ctx, id(9), id(9)) },
		"DeleteBan":          func(tx rooms.Writer) error { return tx.DeleteBan(ctx, id(9), id(9)) },
	} {
		reads[name] = func() error { return s.Update(ctx, fn) }
	}
	for name, fn := range reads {
		if err := fn(); !errors.Is(err, rooms.ErrNotStored) {
			t.Errorf("%s: error %v, want ErrNotStored", name, err)
		}
	}
}
