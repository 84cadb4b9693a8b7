package harness

import (
	"context"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Picture and sound of GStreamer publishers, to be linked into a sink: 640x360
// at 30 pictures a second with a key frame each second, and a tone.
const (
	GStreamerPicture = "videotestsrc is-live=true pattern=ball ! video/x-raw,width=640,height=360,framerate=30/1 ! " +
		"x264enc tune=zerolatency speed-preset=ultrafast key-int-max=30 bitrate=800 ! video/x-h264,profile=baseline ! h264parse config-interval=-1"
	GStreamerSound = "audiotestsrc is-live=true freq=440 ! audio/x-raw,rate=48000,channels=2 ! voaacenc bitrate=96000 ! aacparse"
)

// fields splits a pipeline into gst-launch's arguments, which have no quotes.
func fields(pipeline []string) []string { return strings.Fields(strings.Join(pipeline, " ")) }

// GStreamer starts gst-launch-1.0 with a pipeline; it ends with the test.
func GStreamer(t testing.TB, pipeline ...string) *Publisher {
	t.Helper()
	cmd := exec.Command("gst-launch-1.0", append([]string{"-q"}, fields(pipeline)...)...)
	return startPublisher(t, cmd)
}

// GStreamerReads runs a pipeline to its end and reports whether it ended well,
// with what it wrote.
func GStreamerReads(t testing.TB, within time.Duration, pipeline ...string) (ok bool, out string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	cmd := exec.CommandContext(ctx, "gst-launch-1.0", fields(pipeline)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	b, err := cmd.CombinedOutput()
	return err == nil, string(b)
}
