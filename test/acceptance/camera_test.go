package acceptance

import (
	"net/http"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"roomcast/test/harness"
)

// publishedBy waits until who is on air came by a protocol; "" is nobody.
func publishedBy(t *testing.T, s *harness.Server, roomID, protocol string, within time.Duration) {
	t.Helper()
	now := ""
	harness.Eventually(t, within, "on air by "+protocol, func() bool {
		now = ""
		if p := s.Stream(t, roomID).Publisher; p != nil {
			now = p.Protocol
		}
		return now == protocol
	}, func() any { return now })
}

// A second server is the camera: what tools watch there is what a room here
// fetches.
func TestARoomFetchesItsCamera(t *testing.T) {
	t.Parallel()
	far := harness.Start(t, harness.Options{})
	studio := far.CreateRoom(t, "live", harness.Fields{"room_features": harness.Fields{"reconnect_window_seconds": 1}})
	lens := far.Publish(t, studio, harness.Picture{})
	awaitState(t, far, studio.ID, "live", 15*time.Second)
	camera := far.Enter(t, studio.ParticipantToken, "Camera").Endpoints["rtsp"]

	near := harness.Start(t, harness.Options{Env: []string{"ROOMCAST_OUTBOUND_ALLOW_PRIVATE=true"}})
	rest := near.Rest()
	room := near.CreateRoom(t, "live", harness.Fields{"pull_source": harness.Fields{"url": camera, "transport": "auto"}})
	publishedBy(t, near, room.ID, "pull", 20*time.Second)
	viewer := near.Enter(t, room.ParticipantToken, "Vi")
	var got harness.Pulled
	// The first picture may stand alone for a second, until the camera's next key frame.
	harness.Eventually(t, 30*time.Second, "the camera is seen and heard", func() bool {
		got = near.Pull(t, viewer, 3*time.Second)
		return got.Frames >= 80 && got.Volume >= -40
	}, func() any { return got })

	encoder := near.Publish(t, room, harness.Picture{})
	publishedBy(t, near, room.ID, "rtmp", 15*time.Second)
	encoder.Stop()
	publishedBy(t, near, room.ID, "pull", 20*time.Second)

	lens.Kill() // the camera goes dark, and is there again
	harness.Eventually(t, 60*time.Second, "the room says that the camera is gone", func() bool {
		return near.Stream(t, room.ID).Warns("pull_failed")
	}, func() any { return near.Stream(t, room.ID) })
	far.Publish(t, studio, harness.Picture{})
	publishedBy(t, near, room.ID, "pull", 60*time.Second)
	if now := near.Stream(t, room.ID); now.Warns("pull_failed") {
		t.Errorf("still warned of: %+v", now)
	}

	near.API().Want(t, http.MethodPatch, "/api/v1/rooms/"+room.ID, harness.Fields{"pull_source": nil}, 200, nil)
	publishedBy(t, near, room.ID, "", 10*time.Second)
	near.API().Want(t, http.MethodDelete, "/api/v1/rooms/"+room.ID, nil, http.StatusNoContent, nil)
	near.Returns(t, rest, 30*time.Second)
	ticket := camera[strings.LastIndex(camera, "/")+1:]
	if strings.Contains(near.Out.String(), ticket) || strings.Contains(far.Out.String(), ticket) {
		t.Error("the camera's credential is in a log")
	}
}

func TestACameraInAPrivateNetworkIsNotFetchedUnasked(t *testing.T) {
	t.Parallel()
	allowed := []string{"ROOMCAST_OUTBOUND_ALLOW_PRIVATE=true"}
	s := harness.Start(t, harness.Options{Env: allowed})
	room := s.CreateRoom(t, "live", harness.Fields{"pull_source": harness.Fields{"url": "rtsp://user:canary-password@127.0.0.1:554/stream"}})
	own := harness.Fields{"pull_source": harness.Fields{"url": "rtsp://" + s.RTSP + "/play/x"}}
	s.API().Refused(t, http.MethodPatch, "/api/v1/rooms/"+room.ID, own, http.StatusUnprocessableEntity, "address_not_allowed")

	s.Stop()
	guarded := harness.Start(t, harness.Options{Dir: s.Dir})
	detail := ""
	harness.Eventually(t, 10*time.Second, "the room says why", func() bool {
		for _, w := range guarded.Stream(t, room.ID).Warnings {
			if w.Code == "pull_failed" {
				detail = w.Detail
			}
		}
		return strings.Contains(detail, "ROOMCAST_OUTBOUND_ALLOW_PRIVATE")
	}, func() any { return detail })
	for _, url := range []string{"rtsp://user:canary-password@10.0.0.1/", "rtsp://localhost/", "rtsp://[::ffff:127.0.0.1]/", "rtsps://169.254.169.254/"} {
		p := guarded.API().Refused(t, http.MethodPatch, "/api/v1/rooms/"+room.ID, harness.Fields{"pull_source": harness.Fields{"url": url}}, http.StatusUnprocessableEntity, "address_not_allowed")
		detail += p.Detail
	}
	if strings.Contains(s.Out.String()+guarded.Out.String()+detail, "canary-password") {
		t.Error("the camera's password is told")
	}
}

func TestAToolIsCutWhenItsViewerIsRemoved(t *testing.T) {
	t.Parallel()
	s := harness.Start(t, harness.Options{})
	room := s.CreateRoom(t, "live", harness.Fields{})
	s.Publish(t, room, harness.Picture{})
	awaitState(t, s, room.ID, "live", 15*time.Second)
	for _, transport := range []string{"tcp", "udp"} {
		viewer := s.Enter(t, room.ParticipantToken, "Vi")
		cmd := exec.Command("ffmpeg", "-v", "error", "-nostdin", "-rtsp_transport", transport, "-i", viewer.Endpoints["rtsp"], "-f", "null", "-")
		cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		mark := s.Out.Len()
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan struct{})
		go func() { defer close(ended); _ = cmd.Wait() }()
		t.Cleanup(func() { _ = cmd.Process.Kill(); <-ended })
		harness.Eventually(t, 15*time.Second, "the tool watches", func() bool { return strings.Contains(s.Out.Since(mark), "spectator watches") }, func() any { return s.Out.Since(mark) })
		removed := time.Now()
		s.API().Want(t, http.MethodDelete, "/api/v1/rooms/"+room.ID+"/participants/"+viewer.ParticipantID, nil, http.StatusNoContent, nil)
		harness.Eventually(t, 10*time.Second, "the tool is cut", func() bool { return strings.Contains(s.Out.Since(mark), "spectator left") }, func() any { return s.Out.Since(mark) })
		if d := time.Since(removed); d > 2*time.Second {
			t.Errorf("over %s: cut after %v", transport, d)
		}
		if out, err := exec.Command("ffmpeg", "-v", "error", "-nostdin", "-rtsp_transport", transport, "-i", viewer.Endpoints["rtsp"], "-t", "1", "-f", "null", "-").CombinedOutput(); err == nil || !strings.Contains(string(out), "403") {
			t.Errorf("over %s: comes back: %v %s", transport, err, out)
		}
	}
}
