package acceptance

import (
	"net/http"
	"os/exec"
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
			sink := strings.NewReplacer("RTMP", r.IngestURLs["rtmp"].URL+"/"+*r.StreamKey, "RTSP", r.IngestURLs["rtsp"].URL, "SRT", r.IngestURLs["srt"].URL).Replace(sink)
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
		{"GStreamer by SRT", "srt", gst("mpegtsmux name=out alignment=7 ! srtsink uri=SRT")},
		{"GStreamer by SRT, encrypted", "srt", gst("mpegtsmux name=out alignment=7 ! srtsink uri=SRT")},
		{"ffmpeg by SRT, encrypted", "srt", func(t *testing.T, _ *harness.Server, r harness.Room) {
			harness.Publish(t, r.IngestURLs["srt"].URL, "", harness.Picture{})
		}},
	}
	s := harness.Start(t, harness.Options{})
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			room := s.CreateRoom(t, "live", harness.Fields{})
			if strings.Contains(tt.name, "encrypted") {
				s.API().Want(t, http.MethodPost, "/api/v1/rooms/"+room.ID+"/srt_passphrase/regenerate", nil, 200, &room)
			}
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
	ok, out := harness.GStreamerReads(t, 80*time.Second, "-v uridecodebin3 uri="+viewer.Endpoints["hls"],
		"name=d d. ! videoconvert ! video/x-raw,format=I420 ! identity eos-after=90 ! fakesink sync=true d. ! audioconvert ! identity eos-after=140 ! fakesink sync=true")
	if !ok || !strings.Contains(out, "EOS") || !strings.Contains(out, "GstHLSDemux2") || !strings.Contains(out, "width=(int)640, height=(int)360") {
		t.Errorf("hlsdemux2:\n%s", out)
	}
}

// TestToolsWatchByTicket plays a broadcast with ffmpeg by each protocol for
// tools; its ticket opens nothing to publishers, and a key nothing to viewers.
func TestToolsWatchByTicket(t *testing.T) {
	t.Parallel()
	s := harness.Start(t, harness.Options{})
	room := s.CreateRoom(t, "live", harness.Fields{})
	s.Publish(t, room, harness.Picture{})
	awaitState(t, s, room.ID, "live", 15*time.Second)
	viewer := s.Enter(t, room.ParticipantToken, "Vi")
	rtmp := viewer.Endpoints["rtmp"]
	ticket := rtmp[strings.LastIndex(rtmp, "/")+1:]
	doors := map[string]string{
		"RTMP": rtmp,
		"RTSP": viewer.Endpoints["rtsp"],
		"SRT":  "srt://" + s.SRT + "?streamid=play:" + ticket,
	}
	for name, url := range doors {
		got := harness.Play(t, url, 2*time.Second)
		if got.Frames < 55 || got.Volume < -40 {
			t.Errorf("%s: %d frames, %.1f dB\n%s", name, got.Frames, got.Volume, got.Log)
		}
	}
	for name, url := range map[string]string{
		"a stream key by RTMP": "rtmp://" + s.RTMP + "/play/" + *room.StreamKey,
		"a stream key by SRT":  "srt://" + s.SRT + "?streamid=play:" + *room.StreamKey,
		"the publishers' app":  "rtmp://" + s.RTMP + "/live/" + ticket,
	} {
		if out, err := exec.Command("ffmpeg", "-v", "error", "-nostdin", "-rw_timeout", "5000000", "-i", url, "-t", "1", "-f", "null", "-").CombinedOutput(); err == nil {
			t.Errorf("%s plays: %s", name, out)
		}
	}
	players := map[string]*harness.Publisher{}
	for name, url := range doors {
		p := harness.FFmpeg(t, "-hide_banner", "-nostdin", "-i", url, "-f", "null", "-")
		players[name] = p
		harness.Eventually(t, 20*time.Second, name+" plays", func() bool { return strings.Contains(p.Out.String(), "frame=") }, func() any { return p.Out.String() })
	}
	s.API().Want(t, http.MethodDelete, "/api/v1/rooms/"+room.ID+"/participants/"+viewer.ParticipantID, nil, http.StatusNoContent, nil)
	for name, p := range players {
		select {
		case <-p.Done():
		case <-time.After(20 * time.Second):
			t.Errorf("%s goes on after the viewer was removed", name)
		}
	}
}
