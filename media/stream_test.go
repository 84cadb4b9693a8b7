package media

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	videoTrack = &Track{Kind: Video, Codec: H264, ClockRate: 90000}
	audioTrack = &Track{Kind: Audio, Codec: AAC, ClockRate: 48000, FrameSamples: 1024}
	both       = &Format{Tracks: []*Track{videoTrack, audioTrack}}
	audioOnly  = &Format{Tracks: []*Track{audioTrack}}
	start      = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
)

// picture is frame n of a stream of 10 frames per second, size bytes each.
func picture(n int, key bool, size int) *Unit {
	at := time.Duration(n) * 100 * time.Millisecond
	return &Unit{Format: both, Track: videoTrack, DTS: at, PTS: at, NTP: start.Add(at), Key: key, Payload: make([]byte, size)}
}

func sound(f *Format, n int) *Unit {
	at := time.Duration(n) * 20 * time.Millisecond
	return &Unit{Format: f, Track: audioTrack, DTS: at, PTS: at, NTP: start.Add(at), Key: true, Payload: make([]byte, 10)}
}

// readAll reads until the stream, which is closed, ends.
func readAll(t *testing.T, r *Reader) (units []*Unit, lost uint64) {
	t.Helper()
	for {
		u, n, err := r.Read()
		if errors.Is(err, ErrClosed) {
			return units, lost
		}
		if err != nil {
			t.Fatal(err)
		}
		units = append(units, u)
		lost += n
	}
}

func reader(s *Stream, l ReaderLimits) *Reader { return s.NewReader(context.Background(), l) }

func TestNewReaderStartsFromTheCachedGroupOfPictures(t *testing.T) {
	s := NewStream(Limits{})
	for n := range 25 {
		s.Write(picture(n, n%10 == 0, 100))
	}
	r := reader(s, ReaderLimits{})
	defer r.Close()
	s.Close()
	got, lost := readAll(t, r)
	if len(got) != 5 || !got[0].Key || got[0].DTS != 2*time.Second || lost != 0 {
		t.Errorf("got %d units from %v, lost %d", len(got), got[0].DTS, lost)
	}
}

func TestGroupOverTheBoundIsNotCached(t *testing.T) {
	s := NewStream(Limits{GOPBytes: 1000})
	for n := range 9 {
		s.Write(picture(n, n == 0, 200))
	}
	r := reader(s, ReaderLimits{})
	defer r.Close()
	s.Write(picture(9, false, 10))
	s.Write(picture(10, true, 10))
	s.Close()
	got, lost := readAll(t, r)
	if len(got) != 1 || !got[0].Key || lost != 0 {
		t.Errorf("got %d units, lost %d", len(got), lost)
	}
}

func TestReaderOfSoundAloneStartsAtTheEdge(t *testing.T) {
	s := NewStream(Limits{})
	for n := range 50 {
		s.Write(sound(audioOnly, n))
	}
	r := reader(s, ReaderLimits{})
	defer r.Close()
	s.Write(sound(audioOnly, 50))
	s.Close()
	if got, _ := readAll(t, r); len(got) != 2 {
		t.Errorf("got %d units, want the newest and what follows", len(got))
	}
}

func TestSlowReaderSkipsToTheNextKeyFrameAndCounts(t *testing.T) {
	tests := []struct {
		name        string
		limits      ReaderLimits
		frames      int
		first       int // of the frames read after the skip
		lost, total uint64
	}{
		{"within its bounds nothing is lost", ReaderLimits{}, 25, 0, 0, 0},
		{"over its bytes it goes on at the newest key frame", ReaderLimits{Bytes: 1000}, 25, 20, 20, 20},
		{"over its time it goes on at the newest key frame", ReaderLimits{Age: time.Second}, 25, 20, 20, 20},
		{"without a key frame within its bounds it waits for one", ReaderLimits{Bytes: 300}, 29, 30, 30, 30},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := NewStream(Limits{})
			s.Write(picture(0, true, 100))
			r := reader(s, tt.limits)
			defer r.Close()
			for n := 1; n < tt.frames; n++ {
				s.Write(picture(n, n%10 == 0, 100))
			}
			if tt.frames == 29 {
				s.mu.Lock()
				r.catchUp()
				s.mu.Unlock()
				s.Write(picture(29, false, 100))
				s.Write(picture(30, true, 100))
			}
			u, lost, err := r.Read()
			if err != nil || u.DTS != time.Duration(tt.first)*100*time.Millisecond || lost != tt.lost || r.Dropped() != tt.total {
				t.Errorf("read %v, lost %d, dropped %d, %v", u.DTS, lost, r.Dropped(), err)
			}
		})
	}
}

func TestWriterIsBoundedByBytesAndTime(t *testing.T) {
	s := NewStream(Limits{Bytes: 10_000})
	for n := range 1000 {
		s.Write(picture(n, n%10 == 0, 500))
	}
	if kept := s.written - s.at(s.tail).before; kept > 10_000+600 {
		t.Errorf("%d bytes kept", kept)
	}
	s = NewStream(Limits{Age: 2 * time.Second})
	for n := range 1000 {
		s.Write(picture(n, n%10 == 0, 1))
	}
	if n := s.head - s.tail; n > 21 {
		t.Errorf("%d units kept of 2 s at 10 per second", n)
	}
	for n := range len(s.ring) {
		if u := s.ring[n].unit; u != nil && u.DTS < 97*time.Second {
			t.Errorf("an old unit of %v is still held", u.DTS)
		}
	}
}

func TestASlowReaderDisturbsNobody(t *testing.T) {
	s := NewStream(Limits{Bytes: 5000})
	slow := reader(s, ReaderLimits{})
	defer slow.Close()
	quick := reader(s, ReaderLimits{})
	defer quick.Close()
	for n := range 500 {
		s.Write(picture(n, n%10 == 0, 200))
		if u, lost, err := quick.Read(); err != nil || lost != 0 || u.DTS != time.Duration(n)*100*time.Millisecond {
			t.Fatalf("frame %d: %v, lost %d, %v", n, u.DTS, lost, err)
		}
	}
	s.Close()
	got, lost := readAll(t, slow)
	if !got[0].Key || int(lost)+len(got) != 500 || slow.Dropped() != lost {
		t.Errorf("read %d, lost %d, dropped %d", len(got), lost, slow.Dropped())
	}
}

func TestReaderEnds(t *testing.T) {
	tests := []struct {
		name string
		end  func(s *Stream, r *Reader, cancel func())
	}{
		{"with its context", func(_ *Stream, _ *Reader, cancel func()) { cancel() }},
		{"when closed", func(_ *Stream, r *Reader, _ func()) { r.Close() }},
		{"with the stream", func(s *Stream, _ *Reader, _ func()) { s.Close() }},
		{"when told to finish", func(_ *Stream, r *Reader, _ func()) { r.Finish() }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := NewStream(Limits{})
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				r := s.NewReader(ctx, ReaderLimits{})
				done := make(chan error)
				go func() {
					_, _, err := r.Read()
					done <- err
				}()
				synctest.Wait()
				tt.end(s, r, cancel)
				if err := <-done; !errors.Is(err, ErrClosed) {
					t.Errorf("error %v", err)
				}
			})
		})
	}
}

func TestFinishReadsWhatIsThereAndNoMore(t *testing.T) {
	s := NewStream(Limits{})
	r := reader(s, ReaderLimits{})
	defer r.Close()
	s.Write(picture(0, true, 1))
	s.Write(picture(1, false, 1))
	r.Finish()
	s.Write(picture(2, false, 1))
	if got, _ := readAll(t, r); len(got) != 2 {
		t.Errorf("read %d units, want 2", len(got))
	}
}

// BenchmarkFanOut measures one write and its delivery to every reader.
func BenchmarkFanOut(b *testing.B) {
	for _, readers := range []int{1, 10, 1000} {
		b.Run(fmt.Sprintf("readers=%d", readers), func(b *testing.B) {
			s := NewStream(Limits{Bytes: 1 << 20})
			units := make([]*Unit, 64)
			for i := range units {
				units[i] = picture(0, i%32 == 0, 1000)
			}
			var read sync.WaitGroup
			for range readers {
				r := reader(s, ReaderLimits{})
				read.Go(func() {
					for {
						if _, _, err := r.Read(); err != nil {
							r.Close()
							return
						}
					}
				})
			}
			for i := range 5000 { // the log grows to its bound
				s.Write(units[i%len(units)])
			}
			b.ReportAllocs()
			b.ResetTimer()
			for i := 0; b.Loop(); i++ {
				s.Write(units[i%len(units)])
			}
			b.StopTimer()
			s.Close()
			read.Wait()
		})
	}
}
