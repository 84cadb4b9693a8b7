package signaling

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"sync"
	"testing"

	"roomcast/secret"
	"roomcast/signaling/client"
	"roomcast/signaling/protocol"
)

func descriptors(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	must(t, err)
	return len(entries)
}

// TestTwoHundredJoinAndLeave has 200 people come with media, a few at a time,
// and leave: nothing of them may stay.
func TestTwoHundredJoinAndLeave(t *testing.T) {
	const people, atOnce = 200, 8
	p := newPlace(t)
	host := p.join("m/host/moderator")
	go func() {
		for range host.Messages() { // taken so that the host is not too slow
		}
	}()
	goroutines, fds := runtime.NumGoroutine(), descriptors(t)
	queue := make(chan int)
	var crowd sync.WaitGroup
	for range atOnce {
		crowd.Go(func() {
			for n := range queue {
				if err := p.visit(n); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for n := range people {
		queue <- n
	}
	close(queue)
	crowd.Wait()
	p.http.CloseClientConnections()
	soon(t, "only the host holds a seat", func() bool { return p.house.open() == 1 })
	soon(t, fmt.Sprintf("goroutines are back at %d", goroutines), func() bool { return runtime.NumGoroutine() <= goroutines })
	soon(t, fmt.Sprintf("descriptors are back at %d", fds), func() bool { return descriptors(t) <= fds })
	if r := p.server.room("m"); r == nil || len(r.all()) != 1 {
		t.Error("the room has others than the host")
	}
}

// visit joins, connects media and leaves.
func (p *place) visit(n int) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	c, _, err := client.Dial(ctx, client.Options{URL: p.url, Session: secret.New(fmt.Sprintf("m/p%d/participant", n))})
	if err != nil {
		return err
	}
	defer c.Close()
	media, err := client.NewMedia(client.MediaOptions{
		Publish: []protocol.Source{protocol.Microphone, protocol.Camera}, AudioSlots: 2, VideoSlots: 2,
	})
	if err != nil {
		return err
	}
	if err := media.Negotiate(ctx, c, false); err != nil {
		return fmt.Errorf("visitor %d: %w", n, err)
	}
	if err := media.Close(); err != nil {
		return err
	}
	return c.Leave(ctx)
}
