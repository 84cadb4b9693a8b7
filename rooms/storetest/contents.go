package storetest

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"roomcast/rooms"
	"roomcast/secret"
)

func listRooms(t *testing.T, s rooms.Store) {
	customer, active, over := rooms.Customer{ID: id(100), Status: rooms.StatusActive, CreatedAt: base, UpdatedAt: base},
		rooms.Subscription{ID: id(101), Status: rooms.StatusActive, StartsAt: ref(base), EndsAt: ref(base.Add(time.Hour)), CreatedAt: base, UpdatedAt: base},
		rooms.Subscription{ID: id(102), Status: rooms.StatusCanceled, CreatedAt: base, UpdatedAt: base}
	list := []rooms.Room{fullRoom(1), fullRoom(2), fullRoom(3), fullRoom(4), fullRoom(5)}
	list[0].Name, list[0].Type = "ÄPFEL 100%", rooms.Meet
	list[1].CustomerID, list[1].SubscriptionID = &customer.ID, &active.ID
	list[2].SubscriptionID = &over.ID
	list[3].Suspended = true
	update(t, s, func(ctx context.Context, tx rooms.Writer) error {
		return errors.Join(tx.CreateCustomer(ctx, customer), tx.CreateSubscription(ctx, active), tx.CreateSubscription(ctx, over))
	})
	create(t, s, list...)
	update(t, s, func(ctx context.Context, tx rooms.Writer) error {
		return errors.Join(
			tx.SetRun(ctx, id(2), rooms.Run{ID: id(50), BeganAt: base}), tx.SetRun(ctx, id(4), rooms.Run{ID: id(51), BeganAt: base}),
			tx.SetRun(ctx, id(5), rooms.Run{Locked: true}))
	})
	during, after := base.Add(time.Minute), base.Add(time.Hour)
	tests := map[string]struct {
		q    rooms.RoomQuery
		want []string
	}{
		"all":                         {rooms.RoomQuery{}, []string{id(5), id(4), id(3), id(2), id(1)}},
		"a first page":                {rooms.RoomQuery{ListQuery: rooms.ListQuery{Limit: 2}}, []string{id(5), id(4)}},
		"the next page":               {rooms.RoomQuery{ListQuery: rooms.ListQuery{Limit: 2, Before: id(4)}}, []string{id(3), id(2)}},
		"a type":                      {rooms.RoomQuery{Type: rooms.Meet}, []string{id(1)}},
		"a customer":                  {rooms.RoomQuery{CustomerID: customer.ID}, []string{id(2)}},
		"a subscription":              {rooms.RoomQuery{SubscriptionID: over.ID}, []string{id(3)}},
		"the active":                  {rooms.RoomQuery{Status: rooms.StatusActive, Now: during}, []string{id(2)}},
		"the suspended":               {rooms.RoomQuery{Status: rooms.StatusSuspended, Now: during}, []string{id(4), id(3)}},
		"the suspended after the end": {rooms.RoomQuery{Status: rooms.StatusSuspended, Now: after}, []string{id(4), id(3), id(2)}},
		"the suspended before":        {rooms.RoomQuery{Status: rooms.StatusSuspended, Now: base.Add(-time.Second)}, []string{id(4), id(3), id(2)}},
		"the idle":                    {rooms.RoomQuery{Status: rooms.StatusIdle, Now: during}, []string{id(5), id(1)}},
		"a search in any case":        {rooms.RoomQuery{Search: "äpfel 100%"}, []string{id(1)}},
		"a search in the description": {rooms.RoomQuery{Search: "& <B>", Type: rooms.Meet}, []string{id(1)}},
		"a search by id":              {rooms.RoomQuery{Search: id(3)}, []string{id(3)}},
		"a search for a wildcard":     {rooms.RoomQuery{Search: "_"}, nil},
	}
	for name, tt := range tests {
		if tt.q.Limit == 0 {
			tt.q.Limit = 10
		}
		got, err := s.Rooms(t.Context(), tt.q)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		var ids []string
		for _, r := range got {
			ids = append(ids, r.ID)
		}
		same(t, name, ids, tt.want)
	}
	ids, err := s.RoomsWithRun(t.Context())
	if err != nil || len(ids) != 2 {
		t.Errorf("rooms with a run: %v %v, want two", ids, err)
	}
	rec := read(t, s, id(2))
	same(t, "plan", rec.Plan, rooms.Plan{
		SubscriptionID: active.ID, SubscriptionStatus: rooms.StatusActive, StartsAt: active.StartsAt, EndsAt: active.EndsAt, CustomerStatus: rooms.StatusActive,
	})
}

func deleteRoom(t *testing.T, s rooms.Store) {
	create(t, s, fullRoom(1), fullRoom(2))
	update(t, s, func(ctx context.Context, tx rooms.Writer) error {
		return errors.Join(
			tx.SetRun(ctx, id(1), rooms.Run{ID: id(50), BeganAt: base}),
			tx.CreateJoinToken(ctx, rooms.JoinToken{ID: id(60), RoomID: id(1), CreatedAt: base}, rooms.Sum{1}),
			tx.CreateBan(ctx, rooms.Ban{ID: id(61), RoomID: id(1), CreatedAt: base}),
			tx.CreateAsset(ctx, rooms.Asset{ID: id(63), RoomID: id(1), State: rooms.AssetInMaking, Size: 1, StartedAt: base, CreatedAt: base}),
			tx.EndSession(ctx, id(1), id(62), base))
	})
	update(t, s, func(ctx context.Context, tx rooms.Writer) error { return tx.DeleteRoom(ctx, id(1)) })
	ctx := t.Context()
	if _, err := s.JoinTokenBySum(ctx, rooms.Sum{1}); !errors.Is(err, rooms.ErrNotStored) {
		t.Errorf("join token: %v", err)
	}
	if _, _, err := s.RoomByCredential(ctx, rooms.SumOf(secret.New("moderator-1"))); !errors.Is(err, rooms.ErrNotStored) {
		t.Errorf("credential: %v", err)
	}
	bans, err := s.Bans(ctx, id(1))
	ended, err2 := s.EndedSessions(ctx, id(1), time.Time{})
	with, err3 := s.RoomsWithRun(ctx)
	making, err4 := s.AssetsInMaking(ctx)
	size, err5 := s.AssetBytes(ctx, id(1))
	if err := errors.Join(err, err2, err3, err4, err5); err != nil || len(bans)+len(ended)+len(with)+len(making) != 0 || size != 0 {
		t.Errorf("left behind: %v %v %v %v %d %v", bans, ended, with, making, size, err)
	}
	if pulls, err := s.RoomsWithPull(ctx); err != nil || len(pulls) != 1 || pulls[0] != id(2) {
		t.Errorf("rooms with a pull source: %v %v, want the other one", pulls, err)
	}
	update(t, s, func(ctx context.Context, tx rooms.Writer) error {
		room := fullRoom(2)
		room.PullSource = nil
		return tx.UpdateRoom(ctx, room)
	})
	if pulls, err := s.RoomsWithPull(ctx); err != nil || len(pulls) != 0 {
		t.Errorf("rooms with a pull source: %v %v, want none", pulls, err)
	}
	read(t, s, id(2))
}

func endSessions(t *testing.T, s rooms.Store) {
	c := rooms.Customer{ID: id(100), CreatedAt: base, UpdatedAt: base}
	sub := rooms.Subscription{ID: id(101), CreatedAt: base, UpdatedAt: base}
	update(t, s, func(ctx context.Context, tx rooms.Writer) error {
		return errors.Join(tx.CreateCustomer(ctx, c), tx.CreateSubscription(ctx, sub))
	})
	list := []rooms.Room{fullRoom(1), fullRoom(2), fullRoom(3)}
	list[0].CustomerID, list[1].SubscriptionID = &c.ID, &sub.ID
	create(t, s, list...)
	update(t, s, func(ctx context.Context, tx rooms.Writer) error {
		return errors.Join(tx.EndSessions(ctx, "", "", c.ID), tx.EndSessions(ctx, "", sub.ID, ""),
			tx.EndSessions(ctx, "", sub.ID, ""), tx.EndSessions(ctx, "", "", ""))
	})
	for i, want := range []int64{2, 3, 1} {
		if got := read(t, s, id(i+1)).Epochs.Session; got != want {
			t.Errorf("room %d: session epoch %d, want %d", i+1, got, want)
		}
	}
	update(t, s, func(ctx context.Context, tx rooms.Writer) error { return tx.SetRoomsCustomer(ctx, sub.ID, &c.ID) })
	if got := read(t, s, id(2)); got.CustomerID == nil || *got.CustomerID != c.ID || got.Revision != 8 {
		t.Errorf("customer %v, revision %d; want it set and 8", got.CustomerID, got.Revision)
	}
}

func runsAndBans(t *testing.T, s rooms.Store) {
	create(t, s, fullRoom(1))
	ban := func(n int, run string) rooms.Ban {
		return rooms.Ban{
			ID: id(n), RoomID: id(1), RunID: run, ParticipantID: id(n + 100), Name: "n", Role: rooms.Participant,
			ExternalID: "e", Device: "d", Address: "192.0.2.1/32", CreatedAt: base,
		}
	}
	update(t, s, func(ctx context.Context, tx rooms.Writer) error { return tx.CreateBan(ctx, ban(1, "")) })
	expect := func(what string, want ...rooms.Ban) {
		t.Helper()
		got, err := s.Bans(t.Context(), id(1))
		if err != nil {
			t.Fatal(err)
		}
		same(t, what, got, want)
	}
	expect("a waiting ban", ban(1, ""))
	run := rooms.Run{ID: id(50), BeganAt: base, Locked: true}
	update(t, s, func(ctx context.Context, tx rooms.Writer) error { return tx.SetRun(ctx, id(1), run) })
	same(t, "run", read(t, s, id(1)).Run, run)
	expect("a ban whose run began", ban(1, run.ID))
	update(t, s, func(ctx context.Context, tx rooms.Writer) error {
		return errors.Join(tx.CreateBan(ctx, ban(2, run.ID)), tx.CreateBan(ctx, ban(3, run.ID)), tx.DeleteBan(ctx, id(1), id(2)))
	})
	expect("the newest ban first", ban(3, run.ID), ban(1, run.ID))
	run.Locked = false
	update(t, s, func(ctx context.Context, tx rooms.Writer) error { return tx.SetRun(ctx, id(1), run) })
	expect("bans outlive an unlock", ban(3, run.ID), ban(1, run.ID))
	ended := rooms.Run{RefuseUntil: ref(base.Add(time.Minute))}
	update(t, s, func(ctx context.Context, tx rooms.Writer) error { return tx.SetRun(ctx, id(1), ended) })
	same(t, "ended run", read(t, s, id(1)).Run, ended)
	expect("no ban outlives its run")
}

func billing(t *testing.T, s rooms.Store) {
	c := rooms.Customer{
		ID: id(1), Name: "n", ExternalID: ref("e"), Metadata: map[string]any{"n": json.Number("0.10")},
		Status: rooms.StatusSuspended, CreatedAt: base, UpdatedAt: base.Add(time.Second), Revision: 3,
	}
	sub := rooms.Subscription{
		ID: id(2), CustomerID: &c.ID, Name: "s", Status: rooms.StatusCanceled,
		Limits: rooms.SubscriptionLimits{Limits: rooms.Limits{MaxHeight: ref(int64(720))}, MaxRooms: ref(int64(2))},
		Quotas: map[string]any{"traffic_bytes": json.Number("1e12")}, StartsAt: ref(base), EndsAt: ref(base.Add(time.Hour)),
		CreatedAt: base, UpdatedAt: base, Revision: 4,
	}
	update(t, s, func(ctx context.Context, tx rooms.Writer) error {
		return errors.Join(tx.CreateCustomer(ctx, c), tx.CreateSubscription(ctx, sub))
	})
	ctx := t.Context()
	gotC, err := s.Customer(ctx, c.ID)
	gotS, err2 := s.Subscription(ctx, sub.ID)
	used, err3 := s.CustomerInUse(ctx, c.ID)
	if err := errors.Join(err, err2, err3); err != nil || !used {
		t.Fatalf("used %v, %v", used, err)
	}
	same(t, "customer", gotC, c)
	same(t, "subscription", gotS, sub)

	c.Name, sub.CustomerID = "other", nil
	r := fullRoom(3)
	r.SubscriptionID = &sub.ID
	update(t, s, func(ctx context.Context, tx rooms.Writer) error {
		return errors.Join(tx.UpdateCustomer(ctx, c), tx.UpdateSubscription(ctx, sub), tx.CreateRoom(ctx, r))
	})
	customers, err := s.Customers(ctx, rooms.ListQuery{Limit: 5})
	subs, err2 := s.Subscriptions(ctx, rooms.SubscriptionQuery{ListQuery: rooms.ListQuery{Limit: 5}})
	none, err3 := s.Subscriptions(ctx, rooms.SubscriptionQuery{ListQuery: rooms.ListQuery{Limit: 5}, CustomerID: c.ID})
	used, err4 := s.CustomerInUse(ctx, c.ID)
	count, err5 := s.CountRooms(ctx, sub.ID)
	if err := errors.Join(err, err2, err3, err4, err5); err != nil || used || count != 1 || len(none) != 0 {
		t.Fatalf("used %v, count %d, none %v, %v", used, count, none, err)
	}
	same(t, "customers", customers, []rooms.Customer{c})
	same(t, "subscriptions", subs, []rooms.Subscription{sub})
	update(t, s, func(ctx context.Context, tx rooms.Writer) error {
		return errors.Join(tx.DeleteRoom(ctx, r.ID), tx.DeleteSubscription(ctx, sub.ID), tx.DeleteCustomer(ctx, c.ID))
	})
}

func joinTokens(t *testing.T, s rooms.Store) {
	create(t, s, fullRoom(1))
	want := rooms.JoinToken{
		ID: id(2), RoomID: id(1), Name: "n", Role: rooms.Moderator, ExternalID: "e",
		ExpiresAt: ref(base), MaxUses: ref(int64(2)), CreatedAt: base,
	}
	free := rooms.JoinToken{ID: id(3), RoomID: id(1), Role: rooms.Participant, CreatedAt: base}
	update(t, s, func(ctx context.Context, tx rooms.Writer) error {
		return errors.Join(tx.CreateJoinToken(ctx, want, rooms.Sum{2}), tx.CreateJoinToken(ctx, free, rooms.Sum{3}))
	})
	var uses []bool
	for range 3 {
		update(t, s, func(ctx context.Context, tx rooms.Writer) error {
			used, err := tx.UseJoinToken(ctx, want.ID)
			uses = append(uses, used)
			_, err2 := tx.UseJoinToken(ctx, free.ID)
			return errors.Join(err, err2)
		})
	}
	same(t, "uses", uses, []bool{true, true, false})
	want.Uses, free.Uses = 2, 3
	got, err := s.JoinTokenBySum(t.Context(), rooms.Sum{2})
	list, err2 := s.JoinTokens(t.Context(), id(1), rooms.ListQuery{Limit: 5})
	if err := errors.Join(err, err2); err != nil {
		t.Fatal(err)
	}
	same(t, "token", got, want)
	same(t, "tokens", list, []rooms.JoinToken{free, want})
	update(t, s, func(ctx context.Context, tx rooms.Writer) error { return tx.DeleteJoinToken(ctx, id(1), want.ID) })
	if _, err := s.JoinTokenBySum(t.Context(), rooms.Sum{2}); !errors.Is(err, rooms.ErrNotStored) {
		t.Errorf("deleted token: %v", err)
	}
}

func kept(t *testing.T, s rooms.Store) {
	create(t, s, fullRoom(1))
	a := rooms.Answer{Scope: rooms.Sum{1}, BodySum: rooms.Sum{2}, Sealed: []byte{0, 1, 255}, ExpiresAt: base.Add(time.Hour)}
	key := rooms.Key{ID: "admin", Scopes: []string{"*"}}
	ctx := t.Context()
	update(t, s, func(ctx context.Context, tx rooms.Writer) error {
		return errors.Join(
			tx.CreateAnswer(ctx, a), tx.SetAPIKey(ctx, key, rooms.Sum{3}), tx.SetAPIKey(ctx, key, rooms.Sum{4}),
			tx.SetSetting(ctx, "s", []byte("1")), tx.SetSetting(ctx, "s", []byte("2")),
			tx.EndSession(ctx, id(1), id(7), base.Add(time.Hour)), tx.EndSession(ctx, id(1), id(8), base))
	})
	gotA, err := s.Answer(ctx, a.Scope, base)
	gotK, err2 := s.APIKey(ctx, rooms.Sum{4})
	setting, err3 := s.Setting(ctx, "s")
	ended, err4 := s.EndedSessions(ctx, id(1), base)
	if err := errors.Join(err, err2, err3, err4); err != nil {
		t.Fatal(err)
	}
	same(t, "answer", gotA, a)
	same(t, "key", gotK, key)
	same(t, "setting", string(setting), "2")
	same(t, "ended", ended, []string{id(7)})
	if _, err := s.APIKey(ctx, rooms.Sum{3}); !errors.Is(err, rooms.ErrNotStored) {
		t.Errorf("replaced key: %v", err)
	}
	if _, err := s.Answer(ctx, a.Scope, a.ExpiresAt); !errors.Is(err, rooms.ErrNotStored) {
		t.Errorf("expired answer: %v", err)
	}
	update(t, s, func(ctx context.Context, tx rooms.Writer) error { return tx.Prune(ctx, base.Add(2*time.Hour)) })
	if _, err := s.Answer(ctx, a.Scope, base); !errors.Is(err, rooms.ErrNotStored) {
		t.Errorf("pruned answer: %v", err)
	}
}
