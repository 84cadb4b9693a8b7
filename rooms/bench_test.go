package rooms_test

import (
	"fmt"
	"testing"

	"roomcast/rooms"
)

// BenchmarkTicket is what every playlist request costs: it must not allocate
// nor touch the store while nothing changes.
func BenchmarkTicket(b *testing.B) {
	h := newHouse(b)
	v := h.room(rooms.Live, "")
	j := h.mustEnter(v.ParticipantToken, "Ann")
	ticket := j.Ticket.Reveal()
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := h.door.Ticket(b.Context(), v.ID, ticket, "player"); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

// BenchmarkTicketAmong is BenchmarkTicket in a room with many viewers.
func BenchmarkTicketAmong(b *testing.B) {
	h := newHouse(b)
	v := h.room(rooms.Live, "")
	const viewers = 2000
	tickets := make([]string, viewers)
	for i := range tickets {
		j, err := h.door.Join(b.Context(), rooms.JoinRequest{Token: v.ParticipantToken}, at(i))
		if err != nil {
			b.Fatal(err)
		}
		tickets[i] = j.Ticket.Reveal()
		if _, err := h.door.Ticket(b.Context(), v.ID, tickets[i], "player"); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		i++
		if _, err := h.door.Ticket(b.Context(), v.ID, tickets[i%viewers], "player"); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkTicketOpened is a ticket whose seat is not at hand: after a restart.
func BenchmarkTicketOpened(b *testing.B) {
	h := newHouse(b)
	v := h.room(rooms.Live, "")
	j := h.mustEnter(v.ParticipantToken, "Ann")
	tickets := []string{j.Ticket.Reveal()}
	back, err := h.door.Join(b.Context(), rooms.JoinRequest{Token: v.ParticipantToken, Session: j.Session}, home)
	if err != nil {
		b.Fatal(err)
	}
	tickets = append(tickets, back.Ticket.Reveal())
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		i++ // two tickets of one seat take turns, so neither is found at once
		if _, err := h.door.Ticket(b.Context(), v.ID, tickets[i%2], "player"); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSession(b *testing.B) {
	h := newHouse(b)
	v := h.room(rooms.Live, "")
	j := h.mustEnter(v.ParticipantToken, "Ann")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := h.door.Session(b.Context(), j.Session); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkJoin(b *testing.B) {
	h := newHouse(b)
	v := h.room(rooms.Live, "")
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		i++
		if _, err := h.door.Join(b.Context(), rooms.JoinRequest{Token: v.ParticipantToken}, at(i)); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCreateRoom(b *testing.B) {
	h := newHouse(b)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if _, _, err := h.CreateRoom(b.Context(), fmt.Appendf(nil, `{"room_name":"Room %d","room_type":"live"}`, i), full); err != nil {
			b.Fatal(err)
		}
	}
}

func TestAPlaylistRequestAllocatesNothing(t *testing.T) {
	h := newHouse(t)
	v := h.room(rooms.Live, "")
	j := h.mustEnter(v.ParticipantToken, "Ann")
	ticket := j.Ticket.Reveal()
	allocs := testing.AllocsPerRun(100, func() {
		if _, err := h.door.Ticket(t.Context(), v.ID, ticket, "player"); err != nil {
			t.Error(err)
		}
	})
	if allocs > 0 {
		t.Errorf("%v allocations, want none", allocs)
	}
}
