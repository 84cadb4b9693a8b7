package acceptance

import (
	"strings"
	"testing"
	"time"

	"roomcast/test/harness"
)

// What people broadcast with, through every door it knows, and what a viewer
// gets of it: decoded pictures and a tone.
func TestWhatEncodersSendIsSeenAndHeard(t *testing.T) {
	t.Parallel()
	gst := func(sink string) func(*testing.T, *harness.Server, harness.Room) {
		return func(t *testing.T, _ *harness.Server, r harness.Room) {
			sink := strings.NewReplacer("RTMP", r.IngestURLs["rtmp"].URL+"/"+*r.StreamKey, "RTSP", r.IngestURLs["rtsp"].URL).Replace(sink)
			harness.GStreamer(t, harness.GStreamerPicture, "! queue !", sink, harness.GStreamerSound, "! queue ! out.")
		}
	}
	tests := []struct {
		name, protocol string
		publish        func(*testing.T, *harness.Server, harness.Room)
	}{
		{"GStreamer by RTMP", "rtmp", gst("flvmux streamable=true name=out ! rtmp2sink location=RTMP")},
		{"GStreamer by RTSP over TCP", "rtsp", gst("rtspclientsink name=out protocols=tcp location=RTSP")},
		{"GStreamer by RTSP over UDP", "rtsp", gst("rtspclientsink name=out protocols=udp location=RTSP")},
	}
	s := harness.Start(t, harness.Options{})
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			room := s.CreateRoom(t, "live", harness.Fields{})
			tt.publish(t, s, room)
			now := awaitState(t, s, room.ID, "live", 20*time.Second)
			if now.Publisher == nil || now.Publisher.Protocol != tt.protocol {
				t.Errorf("publisher %+v", now.Publisher)
			}
			viewer := s.Enter(t, room.ParticipantToken, "Vi")
			got := s.Pull(t, viewer, 3*time.Second)
			if got.Frames < 80 || got.Volume < -40 {
				t.Errorf("%d frames, %.1f dB\n%s", got.Frames, got.Volume, got.Log)
			}
		})
	}
}

func TestGStreamerWatchesByHLS(t *testing.T) {
	t.Parallel()
	s := harness.Start(t, harness.Options{})
	room := s.CreateRoom(t, "live", harness.Fields{})
	s.Publish(t, room, harness.Picture{})
	awaitState(t, s, room.ID, "live", 15*time.Second)
	viewer := s.Enter(t, room.ParticipantToken, "Vi")
	s.Pull(t, viewer, time.Second) // there is a playlist
	// The pipeline ends only once so many pictures, and as much sound, have been decoded; -v names the elements that it came to use.
	ok, out := harness.GStreamerReads(t, 40*time.Second, "-v uridecodebin3 uri="+viewer.Endpoints["hls"],
		"name=d d. ! videoconvert ! video/x-raw,format=I420 ! identity eos-after=90 ! fakesink sync=true d. ! audioconvert ! identity eos-after=140 ! fakesink sync=true")
	if !ok || !strings.Contains(out, "EOS") || !strings.Contains(out, "GstHLSDemux2") || !strings.Contains(out, "width=(int)640, height=(int)360") {
		t.Errorf("hlsdemux2:\n%s", out)
	}
}
