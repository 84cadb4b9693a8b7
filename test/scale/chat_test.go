//go:build long && !race

package scale

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"roomcast/test/harness"
)

const (
	chatClients = 5000
	chatRate    = 20 // messages a second
	chatFor     = time.Minute
	// chatSenders keeps each sender below 10 messages in 10 seconds.
	chatSenders = 100
)

func TestFiveThousandInAChatBesideABroadcast(t *testing.T) {
	s := harness.Start(t, harness.Options{Env: []string{"ROOMCAST_LOG_LEVEL=warn"}})
	room := s.CreateRoom(t, "live", nil)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	onAir := make(chan error, 1)
	go func() { onAir <- broadcast(ctx, room.IngestURLs["rtmp"].URL+"/"+*room.StreamKey) }()
	harness.Eventually(t, patience, "the broadcast is live", func() bool { return s.Stream(t, room.ID).State == "live" }, nil)

	before := memory(t, s.PID())
	c := &crowd{server: s, token: room.ParticipantToken}
	t.Cleanup(c.close)
	began := time.Now()
	if err := c.open(ctx, chatClients); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d clients came in within %v; each takes %.1f KB of the server's memory", chatClients, time.Since(began).Round(time.Second),
		float64(memory(t, s.PID())-before)/chatClients/1024)

	var playlists histogram
	viewer := s.Join(t, harness.Fields{"token": room.ParticipantToken})
	following := make(chan error, 1)
	watching, stopWatching := context.WithCancel(ctx)
	go func() { following <- follow(watching, viewer.Endpoints["hls"], &playlists) }()

	stalled, resumed := c.guests[chatClients-1], c.guests[chatClients-2]
	start, sent := c.guests[0].seq.Load(), int64(0)
	cpu := processorTime(t, s.PID())
	tick := time.NewTicker(time.Second / chatRate)
	defer tick.Stop()
	for end := time.Now().Add(chatFor); time.Now().Before(end); sent++ {
		<-tick.C
		if err := c.guests[sent%chatSenders].say(); err != nil {
			t.Fatal(err)
		}
		switch sent {
		case 10 * chatRate:
			stalled.pauses <- 10 * time.Second
		case 20 * chatRate:
			if err := resumed.conn.Close(); err != nil {
				t.Fatal(err)
			}
		case 23 * chatRate:
			<-resumed.reading
			if err := resumed.connect(ctx); err != nil {
				t.Fatal(err)
			}
		}
	}
	last := start + sent
	harness.Eventually(t, patience, "everybody has read everything", func() bool {
		for _, g := range c.guests {
			if g.fault.Load() == nil && g.seq.Load() < last {
				return false
			}
		}
		return true
	}, nil)
	cpu = processorTime(t, s.PID()) - cpu
	stopWatching()
	if err := <-following; !errors.Is(err, context.Canceled) {
		t.Errorf("the broadcast's viewer: %v", err)
	}
	cancel()
	if err := <-onAir; err != nil {
		t.Errorf("the broadcast: %v", err)
	}

	for i, g := range c.guests {
		if fault := g.fault.Load(); fault != nil {
			t.Fatalf("client %d: %v", i, *fault)
		}
		if got := g.events.Load(); got != sent && g.seq.Load() == last {
			t.Fatalf("client %d read %d of %d events", i, got, sent)
		}
	}
	p50, _ := c.delays.quantile(0.5)
	p99, delivered := c.delays.quantile(0.99)
	lag, lists := playlists.quantile(0.99)
	lag50, _ := playlists.quantile(0.5)
	t.Logf("%d messages were delivered %d times; p50 %v, p99 %v; the server took %v, %.2f us for each; %d playlists came %v (p50) and %v (p99) after their part",
		sent, delivered, p50, p99, cpu, float64(cpu.Microseconds())/float64(delivered), lists, lag50, lag)
	if p99 >= time.Second {
		t.Errorf("p99 of the messages is %v", p99)
	}
	if lag > 100*time.Millisecond || lists < 200 {
		t.Errorf("p99 of %d playlists is %v after their part", lists, lag)
	}
}

// memory is what a process holds of the machine's, in bytes.
func memory(t *testing.T, pid int) int64 {
	t.Helper()
	fields := strings.Fields(read(t, fmt.Sprintf("/proc/%d/statm", pid)))
	pages, err := strconv.ParseInt(fields[1], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return pages * int64(os.Getpagesize())
}

// processorTime is what a process has used of the processors.
func processorTime(t *testing.T, pid int) time.Duration {
	t.Helper()
	text := read(t, fmt.Sprintf("/proc/%d/stat", pid))
	fields := strings.Fields(text[strings.LastIndex(text, ")")+1:])
	var ticks int64
	for _, field := range fields[11:13] { // utime, stime
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
