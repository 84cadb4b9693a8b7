package rtsp

import (
	"errors"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"roomcast/media"
)

var framesOf = regexp.MustCompile(`frame= *(\d+)`)

// watch has ffmpeg read and decode seconds of the broadcast. It gives the
// pictures it has seen, and what it complained of.
func watch(t *testing.T, url, transport, seconds string) (frames int, complaints string) {
	t.Helper()
	stderr, exited, _ := command(t, "ffmpeg", "-hide_banner", "-loglevel", "warning", "-stats", "-rtsp_transport", transport,
		"-i", url, "-t", seconds, "-f", "null", "-")
	select {
	case err := <-exited:
		if err != nil {
			t.Fatalf("ffmpeg: %v\n%s", err, stderr)
		}
	case <-time.After(40 * time.Second):
		t.Fatalf("ffmpeg has not ended\n%s", stderr)
	}
	for _, m := range framesOf.FindAllStringSubmatch(stderr.String(), -1) {
		frames, _ = strconv.Atoi(m[1])
	}
	return frames, stderr.String()
}

func TestFFmpegWatches(t *testing.T) {
	for _, codec := range []struct {
		name string
		args []string
	}{
		{"H.264 and AAC", nil},
		{"VP9 and Opus", []string{"-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-g", "25", "-pix_fmt", "yuv420p", "-strict", "experimental", "-c:a", "libopus", "-ac", "2"}},
	} {
		t.Run(codec.name, func(t *testing.T) {
			h := newHouse(t)
			encode(t, h.url("live/"+rightKey), "tcp", codec.args...)
			await(t, "media", func() bool { return look(h, func() bool { return h.onAir != nil && len(h.onAir.units) > 70 }) })
			for _, transport := range []string{"tcp", "udp"} {
				frames, complaints := watch(t, h.url("play/"+rightTicket), transport, "2")
				if frames < 45 {
					t.Errorf("over %s: %d pictures\n%s", transport, frames, complaints)
				}
				if strings.Contains(complaints, "error while decoding") || strings.Contains(complaints, "corrupt") || strings.Contains(complaints, "concealing") {
					t.Errorf("over %s: %s", transport, complaints)
				}
			}
			await(t, "the seats", func() bool { return look(h, func() bool { return h.seats == 0 }) })
		})
	}
}

func TestAWrongTicketIsRefused(t *testing.T) {
	h := newHouse(t)
	for _, path := range []string{"play/wrong-secret", "play/", "live/" + rightTicket, rightTicket, "play/" + rightTicket + "/more"} {
		stderr, exited, _ := command(t, "ffmpeg", "-hide_banner", "-loglevel", "error", "-rtsp_transport", "tcp", "-i", h.url(path), "-t", "1", "-f", "null", "-")
		if err := <-exited; err == nil || !strings.Contains(stderr.String(), "404") {
			t.Errorf("%q: %v %s", path, err, stderr)
		}
	}
	stderr, exited, _ := command(t, "ffmpeg", "-hide_banner", "-loglevel", "error", "-rtsp_transport", "tcp", "-i", h.url("play/"+rightTicket), "-t", "1", "-f", "null", "-")
	if err := <-exited; err == nil || !strings.Contains(stderr.String(), "503") {
		t.Errorf("nothing on air: %v %s", err, stderr)
	}
}

func TestASpectatorWhoIsRemovedIsCutAtOnce(t *testing.T) {
	for _, transport := range []string{"tcp", "udp"} {
		t.Run("over "+transport, func(t *testing.T) {
			h := newHouse(t)
			encode(t, h.url("live/"+rightKey), "tcp")
			await(t, "media", func() bool { return look(h, func() bool { return h.onAir != nil && len(h.onAir.units) > 70 }) })
			_, exited, _ := command(t, "ffmpeg", "-hide_banner", "-loglevel", "error", "-rtsp_transport", transport, "-i", h.url("play/"+rightTicket), "-f", "null", "-")
			await(t, "the spectator", func() bool { return strings.Contains(h.logged.String(), "spectator watches") })
			began := time.Now()
			look(h, func() func(error) { return h.eject[0] })(errors.New("removed"))
			await(t, "the seat", func() bool { return look(h, func() bool { return h.seats == 0 }) })
			if d := time.Since(began); d > time.Second {
				t.Errorf("cut after %v", d)
			}
			<-exited
		})
	}
}

func TestASpectatorGoesOnOverNewParameterSetsAndEndsWithNewCodecs(t *testing.T) {
	h := newHouse(t)
	_, _, stop := encode(t, h.url("live/"+rightKey), "tcp")
	await(t, "media", func() bool { return look(h, func() bool { return h.onAir != nil && len(h.onAir.units) > 70 }) })
	stderr, exited, _ := command(t, "ffmpeg", "-hide_banner", "-loglevel", "verbose", "-rtsp_transport", "tcp", "-i", h.url("play/"+rightTicket), "-map", "0:v", "-f", "null", "-")
	await(t, "the spectator", func() bool { return strings.Contains(h.logged.String(), "spectator watches") })
	stop()
	_, _, stop = encode(t, h.url("live/"+rightKey), "tcp", "-vf", "scale=640:360", "-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-pix_fmt", "yuv420p", "-g", "25", "-c:a", "aac")
	// As the filter or, with its rows of whole macroblocks, the decoder says it.
	await(t, "the other size", func() bool {
		return strings.Contains(stderr.String(), "w:640 h:360") || strings.Contains(stderr.String(), "640x36")
	})
	stop()
	encode(t, h.url("live/"+rightKey), "tcp", "-map", "1:a", "-c:a", "aac")
	select {
	case <-exited:
	case <-time.After(20 * time.Second):
		t.Errorf("still watching\n%s", h.logged)
	}
}

func TestASlowSpectatorSkipsToAKeyFrame(t *testing.T) {
	tracks := func() *media.Format {
		h := newHouse(t)
		encode(t, h.url("live/"+rightKey), "tcp")
		await(t, "media", func() bool { return look(h, func() bool { return h.onAir != nil && len(h.onAir.units) > 70 }) })
		return h.format
	}()
	h := newHouse(t)
	h.format = &media.Format{Tracks: tracks.Tracks[:1]}
	video := h.format.Tracks[0]
	h.stream = media.NewStream(media.Limits{Bytes: 4 << 20})
	nc := h.dial(t)
	url := h.url("play/" + rightTicket)
	talk(t, nc, "DESCRIBE "+url+" RTSP/1.0\r\nCSeq: 1\r\n\r\n")
	session := talk(t, nc, "SETUP "+url+"/trackID=0 RTSP/1.0\r\nCSeq: 2\r\nTransport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n\r\n").Get("Session")
	session, _, _ = strings.Cut(session, ";")
	send := func(n int, key bool) {
		body := media.AppendNAL(nil, append([]byte{map[bool]byte{true: 0x65, false: 0x41}[key], byte(n), byte(n >> 8)}, make([]byte, 60_000)...))
		at := time.Duration(n) * 40 * time.Millisecond
		h.stream.Write(&media.Unit{Format: h.format, Track: video, DTS: at, PTS: at, NTP: time.Now(), Key: key, Payload: body})
	}
	talk(t, nc, "PLAY "+url+" RTSP/1.0\r\nCSeq: 3\r\nSession: "+session+"\r\n\r\n")
	await(t, "the spectator", func() bool { return strings.Contains(h.logged.String(), "spectator watches") })
	// Far more than sockets, queue and stream hold, while nobody reads.
	for n := range 1500 {
		send(n, n%10 == 0)
	}
	pictures, last := 0, -1
	in := newFrames(nc)
	for last < 1480 {
		n, key, err := in.next()
		if err != nil {
			t.Fatal(err)
		}
		if last >= 0 && n != last+1 && !key {
			t.Fatalf("picture %d, no key frame, after %d", n, last)
		}
		last = n
		pictures++
	}
	if pictures > 1000 {
		t.Errorf("%d of 1500 pictures were kept for who did not read", pictures)
	}
}
