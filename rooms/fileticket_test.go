package rooms_test

import (
	"testing"
	"testing/synctest"
	"time"

	"roomcast/rooms"
	"roomcast/secret"
)

func TestFileTicketsFetchOneFileForWhoAsked(t *testing.T) {
	h := newHouse(t)
	v := h.room(rooms.Live, "")
	other := h.room(rooms.Live, "")
	j := h.mustEnter(v.ModeratorToken, "Ada")
	const asset = "01234567890123456789abcdef"
	byKey, err := h.door.FileTicket(t.Context(), v.ID, asset, secret.Text{})
	if err != nil {
		t.Fatal(err)
	}
	bySession, err := h.door.FileTicket(t.Context(), v.ID, asset, j.Session)
	if err != nil {
		t.Fatal(err)
	}
	open := func(room, ticket string) error {
		id, err := h.door.OpenFile(t.Context(), room, ticket)
		if err == nil && id != asset {
			t.Errorf("opens %q", id)
		}
		return err
	}
	for name, tt := range map[string]struct{ room, ticket, code string }{
		"an API key's ticket":         {v.ID, byKey.Reveal(), ""},
		"a session's ticket":          {v.ID, bySession.Reveal(), ""},
		"at another room":             {other.ID, byKey.Reveal(), rooms.CodeNotFound},
		"at no room":                  {"nowhere", byKey.Reveal(), rooms.CodeNotFound},
		"a forged one":                {v.ID, byKey.Reveal()[1:] + "A", rooms.CodeNotFound},
		"none":                        {v.ID, "", rooms.CodeNotFound},
		"a play ticket":               {v.ID, j.Ticket.Reveal(), rooms.CodeNotFound},
		"one that is not even base64": {v.ID, "%%%", rooms.CodeNotFound},
	} {
		wantCode(t, name, open(tt.room, tt.ticket), tt.code)
	}
	if _, err := h.door.Ticket(t.Context(), v.ID, byKey.Reveal(), ""); rooms.CodeOf(err) != rooms.CodeNotFound {
		t.Errorf("a file ticket plays: %v", err)
	}
	if _, err := h.door.FileTicket(t.Context(), v.ID, asset, secret.New("no session")); rooms.CodeOf(err) != rooms.CodeSessionInvalid {
		t.Errorf("without a session: %v", err)
	}
	if err := h.door.Remove(t.Context(), v.ID, j.Grant.ParticipantID, false); err != nil {
		t.Fatal(err)
	}
	wantCode(t, "a removed moderator's", open(v.ID, bySession.Reveal()), rooms.CodeBanned)
	wantCode(t, "the API key's then", open(v.ID, byKey.Reveal()), "")
	if err := h.DeleteRoom(t.Context(), v.ID, full); err != nil {
		t.Fatal(err)
	}
	wantCode(t, "of a deleted room", open(v.ID, byKey.Reveal()), rooms.CodeNotFound)
}

func TestFileTicketsExpire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		v := h.room(rooms.Live, "")
		ticket, err := h.door.FileTicket(t.Context(), v.ID, "a", secret.Text{})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Hour)
		if _, err := h.door.OpenFile(t.Context(), v.ID, ticket.Reveal()); err != nil {
			t.Errorf("after 10 h: %v", err)
		}
		time.Sleep(2 * time.Hour)
		_, err = h.door.OpenFile(t.Context(), v.ID, ticket.Reveal())
		wantCode(t, "after 12 h", err, rooms.CodeSessionExpired)
		h.stop()
	})
}
