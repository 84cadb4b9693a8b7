package ingesttest

import (
	"sync"
	"testing"
	"time"

	"roomcast/media"
)

// Broadcast writes a film to a stream in real time, over and over, until the
// test ends; speed makes it quicker. What is written first is there at once.
func Broadcast(t testing.TB, film *Film, speed float64) *media.Stream {
	t.Helper()
	s := media.NewStream(media.Limits{})
	stop := make(chan struct{})
	var running sync.WaitGroup
	var length time.Duration
	for _, u := range film.Units {
		length = max(length, u.DTS)
	}
	length += 20 * time.Millisecond
	running.Go(func() {
		begun := time.Now()
		timer := time.NewTimer(0)
		defer timer.Stop()
		for round := time.Duration(0); ; round += length {
			for _, u := range film.Units {
				at := round + u.DTS
				timer.Reset(time.Until(begun.Add(time.Duration(float64(at) / speed))))
				select {
				case <-timer.C:
				case <-stop:
					return
				}
				c := *u
				c.DTS, c.PTS, c.NTP = at, round+u.PTS, time.Now()
				s.Write(&c)
			}
		}
	})
	t.Cleanup(func() {
		close(stop)
		running.Wait()
		s.Close()
	})
	return s
}
