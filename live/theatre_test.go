package live

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"roomcast/ingest"
	"roomcast/media"
	"roomcast/rooms"
	"roomcast/secret"
)

// fakeSeats has a place for everybody with the right ticket.
type fakeSeats struct {
	taken int
	end   func(error)
}

func (f *fakeSeats) Playback(_ context.Context, ticket secret.Text, _ rooms.Caller, end func(error)) (rooms.Grant, func(), error) {
	if !ticket.Equal("right") {
		return rooms.Grant{}, nil, &rooms.Error{Code: rooms.CodeNotFound}
	}
	f.taken++
	f.end = end
	return rooms.Grant{RoomID: "room"}, func() { f.taken-- }, nil
}

func TestToolsWatchWhatIsOnAirAndNothingElse(t *testing.T) {
	onStage(t, func(s *stage) {
		seats := &fakeSeats{}
		theatre := NewTheatre(seats)
		s.hub.o.Follow = append(s.hub.o.Follow, theatre.Follow)
		var closed []error
		play := func(ticket string) (*ingest.Playback, error) {
			return theatre.Play(s.t.Context(), secret.New(ticket), ingest.Spectator{Close: func(err error) { closed = append(closed, err) }})
		}
		refused := func(when, ticket, code string) {
			t.Helper()
			if _, err := play(ticket); rooms.CodeOf(err) != code {
				t.Errorf("%s: %v", when, err)
			}
			if seats.taken != 0 {
				t.Errorf("%s: %d seats are taken", when, seats.taken)
			}
		}
		refused("nothing is on", "right", rooms.CodeNotReady)
		e := s.publish(func(p *rooms.Publisher) { p.Settings.Features.PreviewBeforeLive = true })
		e.send(50)
		refused("in preview", "right", rooms.CodeNotReady)
		if err := s.hub.Start(t.Context(), "room"); err != nil {
			t.Fatal(err)
		}
		e.send(50)
		synctest.Wait()
		refused("with a wrong ticket", "wrong", rooms.CodeNotFound)

		p, err := play("right")
		if err != nil {
			t.Fatal(err)
		}
		if u, _, err := p.Reader.Read(); err != nil || !u.RandomAccess() || u.Format != p.Format || p.RoomID != "room" {
			t.Errorf("begins with %+v, %v", u, err)
		}
		seats.end(errors.New("removed"))
		if len(closed) != 1 {
			t.Errorf("told %v", closed)
		}
		if p.Release(); seats.taken != 0 {
			t.Errorf("%d seats after the release", seats.taken)
		}
		p.Release()
		if p, err = play("right"); err != nil {
			t.Fatal(err)
		}
		if err := s.hub.Stop(t.Context(), "room"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		for err = nil; err == nil; {
			_, _, err = p.Reader.Read()
		}
		if !errors.Is(err, media.ErrClosed) {
			t.Errorf("after the show: %v", err)
		}
		p.Release()
		e.send(50)
		refused("after the show", "right", rooms.CodeNotReady)
	})
}

func TestAToolWaitsForMediaOfAShow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		theatre := NewTheatre(&fakeSeats{})
		stream := media.NewStream(media.Limits{})
		ctx, cancel := context.WithCancel(t.Context())
		go theatre.Follow(ctx, Show{RoomID: "room", Stream: stream})
		synctest.Wait()
		began := time.Now()
		_, err := theatre.Play(t.Context(), secret.New("right"), ingest.Spectator{})
		if rooms.CodeOf(err) != rooms.CodeNotReady || time.Since(began) != mediaWait {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		sound := &media.Track{Kind: media.Audio}
		format := &media.Format{Tracks: []*media.Track{sound}}
		time.AfterFunc(time.Second, func() { stream.Write(&media.Unit{Format: format, Track: sound, Key: true, NTP: time.Now()}) })
		p, err := theatre.Play(t.Context(), secret.New("right"), ingest.Spectator{})
		if err != nil || p.Format != format {
			t.Errorf("%+v, %v", p, err)
		} else {
			p.Release()
		}
		cancel()
		synctest.Wait()
	})
}
