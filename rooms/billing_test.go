package rooms_test

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"roomcast/rooms"
	"roomcast/secret"
)

func TestBodiesOfCustomersSubscriptionsAndJoinTokens(t *testing.T) {
	h := newHouse(t)
	room := h.room(rooms.Meet, "").ID
	create := map[string]func(body string) error{
		"customer": func(body string) error {
			_, _, err := h.CreateCustomer(t.Context(), json.RawMessage(body), full)
			return err
		},
		"subscription": func(body string) error {
			_, _, err := h.CreateSubscription(t.Context(), json.RawMessage(body), full)
			return err
		},
		"join token": func(body string) error {
			_, _, err := h.MintJoinToken(t.Context(), room, json.RawMessage(body), full)
			return err
		},
	}
	tests := []struct{ what, body, code string }{
		{"customer", `{"name":"n","external_id":"e","customer_metadata":{"a":1},"status":"suspended"}`, ""},
		{"customer", `{}`, "validation_failed"},
		{"customer", `{"name":"n","status":"canceled"}`, "validation_failed"},
		{"customer", `{"name":"n","customer_metadata":{"a":[]}}`, "nested_metadata"},
		{"customer", `{"name":"n","id":"x"}`, "read_only"},
		{"customer", `{"name":"n","vat":"x"}`, "unknown_field"},
		{"subscription", `{"name":"n","status":"canceled","limits":{"max_rooms":1,"max_concurrent_participants":null,"max_height":720},"quotas":{"traffic":1e9}}`, ""},
		{"subscription", `{"name":"n","customer_id":"none"}`, "validation_failed"},
		{"subscription", `{"name":"n","limits":{"max_cats":1}}`, "unknown_field"},
		{"subscription", `{"name":"n","limits":{"max_rooms":"1"}}`, "validation_failed"},
		{"subscription", `{"name":"n","quotas":{"traffic":{}}}`, "validation_failed"},
		{"subscription", `{"name":"n","starts_at":"2030-01-02T00:00:00Z","ends_at":"2030-01-01T00:00:00Z"}`, "validation_failed"},
		{"join token", `{}`, ""},
		{"join token", `{"name":" Ann ","role":"moderator","external_id":"e","max_uses":1,"expires_at":"2999-01-01T00:00:00Z"}`, ""},
		{"join token", `{"role":"king"}`, "validation_failed"},
		{"join token", `{"max_uses":0}`, "validation_failed"},
		{"join token", `{"expires_at":"2001-01-01T00:00:00Z"}`, "validation_failed"},
		{"join token", `{"name":"a\u202eb"}`, "validation_failed"},
		{"join token", `{"token":"x"}`, "read_only"},
		{"join token", `{"colour":"x"}`, "unknown_field"},
	}
	for _, tt := range tests {
		wantCode(t, tt.what+" "+tt.body, create[tt.what](tt.body), tt.code)
	}
	_, _, err := h.MintJoinToken(t.Context(), "none", json.RawMessage(`{}`), full)
	wantCode(t, "a token for no room", err, "not_found")
}

func TestWhatIsInUseIsNotDeleted(t *testing.T) {
	h := newHouse(t)
	ctx := t.Context()
	c, _, err := h.CreateCustomer(ctx, json.RawMessage(`{"name":"c"}`), full)
	if err != nil {
		t.Fatal(err)
	}
	sub := h.subscription(`{"name":"s","customer_id":"` + c.ID + `"}`)
	v := h.room(rooms.Meet, `"subscription_id":"`+sub.ID+`"`)
	if v.CustomerID == nil || *v.CustomerID != c.ID {
		t.Error("the room's customer does not follow from its subscription")
	}
	wantCode(t, "customer in use", h.DeleteCustomer(ctx, c.ID, full), "in_use")
	wantCode(t, "subscription in use", h.DeleteSubscription(ctx, sub.ID, full), "in_use")
	if v := h.patch(v.ID, `{"subscription_id":null}`); v.CustomerID != nil {
		t.Error("the customer stayed without the subscription")
	}
	wantCode(t, "subscription", h.DeleteSubscription(ctx, sub.ID, full), "")
	wantCode(t, "customer", h.DeleteCustomer(ctx, c.ID, full), "")
	wantCode(t, "customer again", h.DeleteCustomer(ctx, c.ID, full), "not_found")
	_, err = h.Subscription(ctx, sub.ID)
	wantCode(t, "read", err, "not_found")
}

func TestRoomsFollowTheirSubscriptionToAnotherCustomer(t *testing.T) {
	h := newHouse(t)
	c, _, err := h.CreateCustomer(t.Context(), json.RawMessage(`{"name":"c"}`), full)
	if err != nil {
		t.Fatal(err)
	}
	sub := h.subscription(`{"name":"s"}`)
	v := h.room(rooms.Meet, `"subscription_id":"`+sub.ID+`"`)
	patched, err := h.PatchSubscription(t.Context(), sub.ID, json.RawMessage(`{"customer_id":"`+c.ID+`"}`), rooms.WriteOptions{IfMatch: sub.ETag()})
	if err != nil {
		t.Fatal(err)
	}
	if after := h.get(v.ID); after.CustomerID == nil || *after.CustomerID != c.ID {
		t.Error("the room did not follow")
	}
	_, err = h.PatchSubscription(t.Context(), sub.ID, json.RawMessage(`{}`), rooms.WriteOptions{IfMatch: sub.ETag()})
	wantCode(t, "an old tag", err, "precondition_failed")
	if list, err := h.Subscriptions(t.Context(), c.ID, 0, ""); err != nil || len(list.Items) != 1 || list.Items[0].ETag() != patched.ETag() {
		t.Errorf("the customer's subscriptions: %v %v", list, err)
	}
}

func TestMaxRoomsIsExact(t *testing.T) {
	h := newHouse(t)
	sub := h.subscription(`{"name":"s","limits":{"max_rooms":3}}`)
	var wg sync.WaitGroup
	var mu sync.Mutex
	made := 0
	for range 8 {
		wg.Go(func() {
			_, _, err := h.CreateRoom(t.Context(), json.RawMessage(`{"room_name":"n","room_type":"meet","subscription_id":"`+sub.ID+`"}`), full)
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				made++
				return
			}
			var e *rooms.Error
			if !errors.As(err, &e) || e.Code != "limit_exceeded" || *e.Limit != (rooms.LimitHit{Limit: "max_rooms", Value: 3, Source: "subscription"}) {
				t.Errorf("refusal %v", err)
			}
		})
	}
	wg.Wait()
	if made != 3 {
		t.Errorf("%d rooms were made, want 3", made)
	}
	other := h.room(rooms.Meet, "")
	_, err := h.PatchRoom(t.Context(), other.ID, json.RawMessage(`{"subscription_id":"`+sub.ID+`"}`), full)
	wantCode(t, "moving a fourth in", err, "limit_exceeded")
}

func repeatable(scope, body string) rooms.WriteOptions {
	return rooms.WriteOptions{Secrets: true, Idempotency: &rooms.Idempotency{
		Scope: scope, BodySum: sha256.Sum256([]byte(body)),
		Render: func(made any) ([]byte, error) { return []byte(made.(rooms.View).ID), nil },
	}}
}

func TestAnIdempotencyKeyMakesOneRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		const body, bad = `{"room_name":"n","room_type":"meet"}`, `{"room_type":"meet"}`
		var mu sync.Mutex
		answers := map[string]int{}
		replays := 0
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() {
				v, replay, err := h.CreateRoom(t.Context(), json.RawMessage(body), repeatable("key", body))
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					t.Errorf("create: %v", err)
					return
				}
				id := v.ID
				if replay != nil {
					replays++
					id = string(replay.Body)
				}
				answers[id]++
			})
		}
		wg.Wait()
		if len(answers) != 1 || replays != 9 {
			t.Errorf("answers %v with %d replays, want one room and 9", answers, replays)
		}
		_, _, err := h.CreateRoom(t.Context(), json.RawMessage(bad), repeatable("key", bad))
		wantCode(t, "another body", err, "idempotency_key_reused")
		_, _, err = h.CreateRoom(t.Context(), json.RawMessage(bad), repeatable("key 2", bad))
		wantCode(t, "a refused body", err, "validation_failed")
		_, replay, err := h.CreateRoom(t.Context(), json.RawMessage(bad), repeatable("key 2", bad))
		if wantCode(t, "a refused body again", err, "validation_failed"); replay == nil || errorOf(t, err).Faults[0].Pointer != "/room_name" {
			t.Errorf("the refusal was not repeated whole: %v", err)
		}

		if stored, err := h.store.Answer(t.Context(), rooms.Sum(sha256.Sum256([]byte("key"))), time.Now()); err != nil {
			t.Errorf("read the stored answer: %v", err)
		} else {
			for id := range answers {
				if strings.Contains(string(stored.Sealed), id) {
					t.Error("the answer is stored in the clear")
				}
			}
		}
		time.Sleep(24*time.Hour + time.Minute)
		v, replay, err := h.CreateRoom(t.Context(), json.RawMessage(body), repeatable("key", body))
		if err != nil || replay != nil || answers[v.ID] != 0 {
			t.Errorf("after a day: replay %v, %v; want a new room", replay, err)
		}
		h.stop()
	})
}

func TestTheAdminKey(t *testing.T) {
	h := newHouse(t)
	ctx := t.Context()
	keys := rooms.NewAPIKeys(h.store)
	generated, made, err := keys.EnsureAdminKey(ctx, secret.Text{})
	if err != nil || !made {
		t.Fatalf("first start: made %v, %v", made, err)
	}
	if _, made, err := keys.EnsureAdminKey(ctx, secret.Text{}); err != nil || made {
		t.Errorf("second start: made %v, %v", made, err)
	}
	check := func(what string, key secret.Text, want string) {
		t.Helper()
		k, err := keys.Check(ctx, key)
		wantCode(t, what, err, want)
		if err == nil && (k.ID != "admin" || !k.Has(rooms.ScopeSecrets)) {
			t.Errorf("%s: key %+v", what, k)
		}
	}
	check("generated", generated, "")
	check("none", secret.Text{}, "unauthorized")
	check("wrong", secret.New("wrong"), "unauthorized")
	if _, made, err := keys.EnsureAdminKey(ctx, secret.New("configured")); err != nil || made {
		t.Errorf("configured: made %v, %v", made, err)
	}
	check("configured", secret.New("configured"), "")
	check("replaced", generated, "unauthorized")
}
