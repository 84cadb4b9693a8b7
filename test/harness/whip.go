package harness

import (
	_ "embed"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

//go:embed whip.py
var whipScript string

// WHIP starts a WHIP publisher made of GStreamer's webrtcbin; it ends with the
// test. Its encoder makes a key frame every 10 s, and when it is asked for one.
func WHIP(t testing.TB, room Room) *Publisher {
	t.Helper()
	return whip(t, room, "640x360")
}

// Phone is WHIP from a phone that is held upright; Turn turns it.
func Phone(t testing.TB, room Room) *Publisher {
	t.Helper()
	return whip(t, room, "360x640")
}

func whip(t testing.TB, room Room, size string) *Publisher {
	t.Helper()
	urls, ok := room.IngestURLs["whip"]
	if !ok {
		t.Fatalf("room %s names no WHIP endpoint: %+v", room.ID, room.IngestURLs)
	}
	// Debian's own Python has GStreamer's bindings.
	cmd := exec.Command("/usr/bin/python3", "-")
	cmd.Stdin = strings.NewReader(whipScript)
	cmd.Env = append(os.Environ(), "WHIP_URL="+urls.URL, "WHIP_BEARER="+urls.Bearer, "WHIP_SIZE="+size)
	return startPublisher(t, cmd)
}

// Turn has a publisher by WHIP send its picture with width and height changed about.
func (p *Publisher) Turn() { p.signal(syscall.SIGUSR1) }
