package live

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"roomcast/ingest"
	"roomcast/live/hls"
	"roomcast/media"
	"roomcast/rooms"
	"roomcast/transcode"
)

func asBackup(p *rooms.Publisher) { p.Backup = true }

// run lets an encoder send for a time beside others; it stops at the first refusal.
func (e *encoder) run(d time.Duration) (stop func()) {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	var running sync.WaitGroup
	running.Go(func() {
		t := time.NewTicker(100 * time.Millisecond)
		defer t.Stop()
		for {
			at := time.Duration(e.n) * 100 * time.Millisecond
			err := e.sink.Write(ingest.Sample{Track: e.tracks[0], DTS: at, PTS: at, Key: e.n%10 == 0, Payload: make([]byte, 125)})
			e.n++
			if err != nil {
				return
			}
			select {
			case <-t.C:
			case <-ctx.Done():
				return
			}
		}
	})
	return func() { cancel(); running.Wait() }
}

// onAir says who is on air: "main", "backup" or "".
func (s *stage) onAir() string {
	synctest.Wait()
	r := s.hub.find("room")
	if r == nil {
		return ""
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.onAir == nil:
		return ""
	case r.onAir.publication.Room.Backup:
		return "backup"
	}
	return "main"
}

func TestTheBackupTakesTheAirFromASilentMainEncoder(t *testing.T) {
	onStage(t, func(s *stage) {
		main, backup := s.publish(nil), s.publish(asBackup)
		defer backup.run(time.Hour)()
		stop := main.run(time.Hour)
		time.Sleep(5 * time.Second)
		if st := s.hub.State("room"); s.onAir() != "main" || !st.BackupConnected {
			t.Fatalf("%q is on air, backup connected %v", s.onAir(), st.BackupConnected)
		}
		reader := s.hub.find("room").stream.NewReader(s.t.Context(), media.ReaderLimits{})
		defer reader.Close()
		stop()
		time.Sleep(bridged + 200*time.Millisecond)
		if s.onAir() != "backup" {
			t.Fatalf("%q is on air", s.onAir())
		}
		// What viewers get goes on at once, from a key frame, in time.
		var format *media.Format
		last := time.Duration(-1)
		for {
			u := reader0(t, reader, &last)
			if format == nil {
				format = u.Format
			}
			if u.Format == format {
				continue
			}
			if !u.RandomAccess() {
				t.Error("it does not begin with a key frame")
			}
			break
		}
		// The main encoder comes back: at a key frame, once it is steady.
		stop = main.run(time.Hour)
		time.Sleep(900 * time.Millisecond)
		if s.onAir() != "backup" {
			t.Errorf("%q is on air", s.onAir())
		}
		time.Sleep(1500 * time.Millisecond)
		if s.onAir() != "main" {
			t.Errorf("%q is on air", s.onAir())
		}
		stop()
		if got := s.seen(); got != "live" {
			t.Errorf("watchers saw %q", got)
		}
	})
}

// reader0 reads a unit and sees that time goes forward.
func reader0(t *testing.T, r *media.Reader, last *time.Duration) *media.Unit {
	t.Helper()
	u, _, err := r.Read()
	if err != nil {
		t.Fatal(err)
	}
	if u.DTS <= *last {
		t.Fatalf("%v after %v", u.DTS, *last)
	}
	*last = u.DTS
	return u
}

func TestTheBackupTakesOverWhenTheMainEncoderLeaves(t *testing.T) {
	onStage(t, func(s *stage) {
		main, backup := s.publish(nil), s.publish(asBackup)
		stopBackup := backup.run(time.Hour)
		main.send(20)
		main.sink.Close()
		if s.onAir() != "backup" {
			t.Errorf("%q is on air", s.onAir())
		}
		if got := s.warnings("room"); !strings.Contains(got, "backup_on_air") {
			t.Errorf("warnings %q", got)
		}
		// Another main encoder takes the air back; the backup stays.
		again := s.publish(nil)
		defer again.run(time.Hour)()
		time.Sleep(3 * time.Second)
		if s.onAir() != "main" || backup.reason() != nil || !s.hub.State("room").BackupConnected {
			t.Errorf("%q is on air, the backup was sent away: %v", s.onAir(), backup.reason())
		}
		stopBackup()
		time.Sleep(11 * time.Second)
		if s.hub.State("room").BackupConnected || backup.reason() == nil {
			t.Error("a silent backup is still there")
		}
		if got := s.seen(); got != "live" {
			t.Errorf("watchers saw %q", got)
		}
	})
}

func TestTheBackupAloneIsABroadcast(t *testing.T) {
	onStage(t, func(s *stage) {
		b := s.publish(asBackup)
		b.send(20)
		s.is(Live)
		b.sink.Close()
		s.is(Interrupted)
		// A second one by the same key replaces the first.
		first := s.publish(asBackup)
		second := s.publish(asBackup)
		if rooms.CodeOf(first.reason()) != rooms.CodePublisherConflict {
			t.Errorf("the first was sent away for %v", first.reason())
		}
		second.send(1)
	})
}

func TestFightsAreCountedByKey(t *testing.T) {
	onStage(t, func(s *stage) {
		b := s.publish(asBackup)
		for range fightTakeovers {
			b.send(5)
			next := s.publish(asBackup)
			b.sink.Close()
			b = next
		}
		if _, err := s.admit(asBackup); rooms.CodeOf(err) != rooms.CodePublisherConflict {
			t.Errorf("another backup gets %v", err)
		}
		defer b.run(time.Hour)()
		main := s.publish(nil)
		defer main.run(time.Hour)()
		time.Sleep(3 * time.Second)
		if s.onAir() != "main" {
			t.Errorf("%q is on air", s.onAir())
		}
	})
}

func TestEverybodyIsCutOff(t *testing.T) {
	onStage(t, func(s *stage) {
		main, backup := s.publish(nil), s.publish(asBackup)
		backup.send(1)
		main.send(1)
		if err := s.hub.Cut(t.Context(), "room", time.Minute); err != nil {
			t.Fatal(err)
		}
		s.is(Interrupted)
		if main.reason() == nil || backup.reason() == nil || s.onAir() != "" {
			t.Errorf("sent away for %v, %v", main.reason(), backup.reason())
		}
		if got := s.seen(); got != "live interrupted" {
			t.Errorf("watchers saw %q", got)
		}
	})
}

func TestARegeneratedMainKeyLeavesTheBackupOnAir(t *testing.T) {
	onStage(t, func(s *stage) {
		main, backup := s.publish(nil), s.publish(asBackup)
		defer backup.run(time.Hour)()
		main.send(5)
		s.hub.RoomEvent(rooms.Event{Kind: rooms.SecretChanged, RoomID: "room", Field: "stream_key", Disconnect: true})
		if s.onAir() != "backup" || main.reason() == nil {
			t.Errorf("%q is on air", s.onAir())
		}
	})
}

var testSlate = sync.OnceValues(func() (*transcode.Slate, error) {
	tool, err := transcode.Find(context.Background(), "")
	if err != nil {
		return nil, err
	}
	return tool.MakeSlate(context.Background(), transcode.SlateSpec{Tracks: testTracks}, slog.New(slog.DiscardHandler))
})

// withSlates lets the stage have slates, made within a second.
func (s *stage) withSlates() {
	s.t.Helper()
	slate, err := testSlate()
	if err != nil {
		s.t.Fatal(err)
	}
	s.hub.slates.make = func(context.Context, transcode.SlateSpec) (*transcode.Slate, error) {
		time.Sleep(time.Second)
		return slate, nil
	}
}

// onSlate runs a test on a stage that has slates.
func onSlate(t *testing.T, f func(s *stage)) {
	t.Helper()
	if _, err := testSlate(); err != nil {
		t.Fatal("ffmpeg is needed: apt-get install ffmpeg: ", err)
	}
	onStage(t, func(s *stage) { s.withSlates(); f(s) })
}

func TestTheSlateBridgesASilentPublisher(t *testing.T) {
	onSlate(t, func(s *stage) {
		e := s.publish(nil)
		e.send(50)
		r := s.hub.find("room")
		reader := r.stream.NewReader(s.t.Context(), media.ReaderLimits{})
		defer reader.Close()
		r.mu.Lock()
		edge, format := r.edge, r.onAir.format
		r.mu.Unlock()
		silent := time.Now()
		time.Sleep(5 * time.Second)
		s.is(Live)
		var last time.Duration
		n := 0
		for {
			u := reader0(t, reader, &last)
			if u.Format == format {
				continue
			}
			n++
			if n == 1 && (!u.RandomAccess() || u.DTS-edge > 200*time.Millisecond) {
				t.Errorf("the slate begins at %v after %v", u.DTS, edge)
			}
			if ahead := u.DTS - edge - time.Since(silent); ahead > 0 {
				t.Fatalf("the slate is %v ahead", ahead)
			}
			if u.DTS-edge > 4700*time.Millisecond {
				break
			}
		}
		if n < 40 || n > 55 {
			t.Errorf("%d pictures in 5 s", n)
		}
		list, err := s.hub.Playlist(t.Context(), "room", "live", hls.Query{})
		if err != nil || strings.Contains(string(list.Body), "#EXT-X-GAP") || strings.Count(string(list.Body), "#EXT-X-DISCONTINUITY\n") != 1 {
			t.Errorf("playlist %s %v", list.Body, err)
		}
		e.n = (e.n/10 + 1) * 10
		e.send(30)
		for u := reader0(t, reader, &last); u.Track != e.tracks[0]; {
			u = reader0(t, reader, &last)
		}
		list, err = s.hub.Playlist(t.Context(), "room", "live", hls.Query{})
		if err != nil || strings.Count(string(list.Body), "#EXT-X-DISCONTINUITY\n") != 2 {
			t.Errorf("playlist %s %v", list.Body, err)
		}
	})
}

func TestTheSlateGoesOnUntilTheSourcesKeyFrame(t *testing.T) {
	onSlate(t, func(s *stage) {
		e := s.publish(nil)
		e.send(50)
		r := s.hub.find("room")
		reader := r.stream.NewReader(s.t.Context(), media.ReaderLimits{})
		defer reader.Close()
		r.mu.Lock()
		format := r.onAir.format
		r.mu.Unlock()
		time.Sleep(3 * time.Second)
		e.n = e.n/10*10 + 1 // nine pictures that nobody can decode
		e.send(39)
		var last time.Duration
		u := reader0(t, reader, &last)
		for u.Track != e.tracks[0] || u.Format == format {
			u = reader0(t, reader, &last)
		}
		if !u.Key {
			t.Error("the source goes on where nobody can decode it")
		}
	})
}

func TestTheSlateIsShownUntilTheWindowIsOver(t *testing.T) {
	onSlate(t, func(s *stage) {
		e := s.publish(func(p *rooms.Publisher) { p.Settings.Features.ReconnectWindowSeconds = 300 })
		e.send(50)
		bytes := s.hub.State("room").BytesIn
		e.sink.Close()
		s.is(Interrupted)
		time.Sleep(299 * time.Second)
		s.is(Interrupted)
		list, err := s.hub.Playlist(t.Context(), "room", "live", hls.Query{})
		if err != nil || strings.Contains(string(list.Body), "#EXT-X-GAP") || strings.Contains(string(list.Body), "ENDLIST") {
			t.Errorf("playlist %s %v", list.Body, err)
		}
		if got := s.hub.State("room"); got.BytesIn != bytes || got.Publisher != nil {
			t.Errorf("state %+v", got)
		}
		time.Sleep(2 * time.Second)
		s.is(Ended)
		list, err = s.hub.Playlist(t.Context(), "room", "live", hls.Query{})
		if err != nil || !strings.Contains(string(list.Body), "ENDLIST") {
			t.Errorf("playlist %s %v", list.Body, err)
		}
	})
}

func TestUntilASlateIsMadeThereAreGaps(t *testing.T) {
	onSlate(t, func(s *stage) {
		slate, _ := testSlate()
		s.hub.slates.make = func(ctx context.Context, _ transcode.SlateSpec) (*transcode.Slate, error) {
			time.Sleep(9 * time.Second)
			return slate, nil
		}
		e := s.publish(nil)
		e.send(50)
		time.Sleep(3500 * time.Millisecond)
		list, err := s.hub.Playlist(t.Context(), "room", "live", hls.Query{})
		if err != nil || !strings.Contains(string(list.Body), "#EXT-X-GAP") {
			t.Fatalf("playlist %s %v", list.Body, err)
		}
		time.Sleep(8 * time.Second)
		list, err = s.hub.Playlist(t.Context(), "room", "live", hls.Query{})
		if err != nil || strings.HasSuffix(strings.TrimSpace(string(list.Body)), "#EXT-X-GAP") {
			t.Errorf("playlist %s %v", list.Body, err)
		}
		var last string
		for line := range strings.Lines(string(list.Body)) {
			if at, ok := strings.CutPrefix(line, "#EXT-X-PROGRAM-DATE-TIME:"); ok {
				if at <= last {
					t.Errorf("%s after %s", at, last)
				}
				last = at
			}
		}
	})
}

func TestAScreenThatStandsStillIsNotSilent(t *testing.T) {
	onSlate(t, func(s *stage) {
		e, err := s.admit(nil)
		if err != nil {
			t.Fatal(err)
		}
		still := *testTracks[0]
		still.FrameRate = 0
		e.tracks = []*media.Track{&still}
		if err := e.sink.SetTracks(e.tracks); err != nil {
			t.Fatal(err)
		}
		e.send(30)
		for range 10 {
			time.Sleep(1500 * time.Millisecond)
			e.send(1)
		}
		r := s.hub.find("room")
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.bridge.slate == nil || r.bridge.on || !r.bridge.since.IsZero() {
			t.Errorf("the slate was shown: %+v", r.bridge)
		}
	})
}

func TestSlatesAreKeptWithinBounds(t *testing.T) {
	var c slates
	slate, err := testSlate()
	if err != nil {
		t.Fatal(err)
	}
	for n := range 3 * maxSlates {
		c.add(slateKey{byte(n)}, slate)
		c.find(slateKey{0})
	}
	if len(c.kept) != maxSlates || len(c.order) != maxSlates || c.bytes != maxSlates*slate.Bytes() {
		t.Errorf("%d slates of %d bytes", len(c.kept), c.bytes)
	}
	if c.find(slateKey{0}) == nil || c.find(slateKey{1}) != nil {
		t.Error("the wrong ones were let go")
	}
}
