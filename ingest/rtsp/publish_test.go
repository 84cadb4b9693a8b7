package rtsp

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"roomcast/media"
)

// steady checks that the units of each track come in order and at an even pace.
func steady(t *testing.T, s *sink, tolerance time.Duration) {
	t.Helper()
	last := map[*media.Track]time.Duration{}
	for _, u := range s.units {
		if u.Jump {
			t.Error("the timeline jumps")
		}
		if before, ok := last[u.Track]; ok {
			want := time.Second / 25
			if u.Track.Kind == media.Audio {
				want = time.Duration(u.Track.FrameSamples) * time.Second / time.Duration(u.Track.ClockRate)
			}
			if d := u.DTS - before - want; d > tolerance || d < -tolerance {
				t.Errorf("%s: %v after %v", u.Track.Kind, u.DTS, before)
			}
		}
		last[u.Track] = u.DTS
		if u.PTS < u.DTS {
			t.Errorf("%s is shown at %v and decoded at %v", u.Track.Kind, u.PTS, u.DTS)
		}
	}
}

func TestFFmpegPublishes(t *testing.T) {
	for _, transport := range []string{"tcp", "udp"} {
		t.Run("over "+transport, func(t *testing.T) {
			h := newHouse(t)
			stderr, _, stop := encode(t, h.url("live/"+rightKey), transport)
			await(t, "three seconds of media", func() bool {
				return look(h, func() bool { return h.onAir != nil && len(h.onAir.units) > 3*(25+46) })
			})
			stop()
			await(t, "the end of the publisher", func() bool { return look(h, func() bool { return h.sinks[0].closed }) })
			s := h.sinks[0]
			if len(s.tracks) != 1 || len(s.tracks[0]) != 2 {
				t.Fatalf("tracks %v\n%s", s.tracks, stderr)
			}
			v, a := s.tracks[0][0], s.tracks[0][1]
			if v.Codec != media.H264 || v.Width != 320 || v.Height != 180 || a.Codec != media.AAC || a.SampleRate != 48000 {
				t.Errorf("video %+v, audio %+v", v, a)
			}
			steady(t, s, 5*time.Millisecond)
			var first [2]time.Duration
			keys := 0
			for i := len(s.units) - 1; i >= 0; i-- {
				u := s.units[i]
				if u.Track == v {
					first[0] = u.PTS
					if u.Key {
						keys++
					}
					if err := media.CheckAVCC(u.Payload); err != nil {
						t.Error(err)
					}
				} else {
					first[1] = u.PTS
				}
			}
			// Both sources start at once; the encoder's own delay is one AAC frame.
			if d := first[0] - first[1]; d > 60*time.Millisecond || d < -60*time.Millisecond {
				t.Errorf("the picture begins at %v, the sound at %v", first[0], first[1])
			}
			if keys < 3 {
				t.Errorf("%d key frames in 3 s", keys)
			}
		})
	}
}

func TestPicturesThatAreReorderedGetTheirDecodeTimes(t *testing.T) {
	h := newHouse(t)
	_, _, stop := encode(t, h.url("live/"+rightKey), "tcp",
		"-an", "-c:v", "libx264", "-preset", "veryfast", "-bf", "2", "-g", "25", "-pix_fmt", "yuv420p", "-map", "0:v")
	await(t, "three seconds of media", func() bool {
		return look(h, func() bool { return h.onAir != nil && len(h.onAir.units) > 75 })
	})
	stop()
	await(t, "the end of the publisher", func() bool { return look(h, func() bool { return h.sinks[0].closed }) })
	reordered := 0
	last := -time.Second
	for _, u := range h.sinks[0].units {
		if u.DTS <= last || u.PTS < u.DTS {
			t.Fatalf("decoded at %v after %v, shown at %v", u.DTS, last, u.PTS)
		}
		if u.PTS > u.DTS+time.Millisecond {
			reordered++
		}
		last = u.DTS
	}
	if reordered < 20 {
		t.Errorf("%d of %d pictures are shown later than decoded", reordered, len(h.sinks[0].units))
	}
}

func TestCodecsOfFFmpeg(t *testing.T) {
	tests := []struct {
		name  string
		args  []string
		video media.Codec
		audio media.Codec
	}{
		{"H.265 and Opus", []string{"-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=error:keyint=25:bframes=0", "-pix_fmt", "yuv420p", "-c:a", "libopus", "-ac", "2"}, media.H265, media.Opus},
		{"VP9 and AAC", []string{"-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-g", "25", "-pix_fmt", "yuv420p", "-strict", "experimental", "-c:a", "aac"}, media.VP9, media.AAC},
		{"sound alone", []string{"-map", "1:a", "-c:a", "aac"}, "", media.AAC},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := newHouse(t)
			stderr, exited, _ := encode(t, h.url("live/"+rightKey), "tcp", tt.args...)
			await(t, "media", func() bool {
				select {
				case err := <-exited:
					t.Fatalf("ffmpeg ended: %v\n%s\n%s", err, stderr, h.logged)
				default:
				}
				return look(h, func() bool { return h.onAir != nil && len(h.onAir.units) > 60 })
			})
			h.mu.Lock()
			defer h.mu.Unlock()
			var video, audio media.Codec
			for _, tr := range h.onAir.tracks[0] {
				if tr.Kind == media.Video {
					video = tr.Codec
				} else {
					audio = tr.Codec
				}
			}
			if video != tt.video || audio != tt.audio {
				t.Errorf("video %q, audio %q", video, audio)
			}
			for _, u := range h.onAir.units {
				if u.Track.Kind == media.Video && u.Key != media.KeyFrame(video, u.Payload) {
					t.Error("key frames are not told apart")
				}
			}
		})
	}
}

func TestAWrongKeyIsRefusedBeforeMediaIsRead(t *testing.T) {
	h := newHouse(t)
	for _, path := range []string{"live/wrong-secret", "live/", "live", "", "play/" + rightKey, "live/" + rightKey + "/more"} {
		stderr, exited, _ := encode(t, h.url(path), "tcp")
		if err := <-exited; err == nil {
			t.Errorf("%q was let in: %s", path, stderr)
		}
		if !strings.Contains(stderr.String(), "404") {
			t.Errorf("%q: ffmpeg was not told why: %s", path, stderr)
		}
	}
	if len(h.sinks) != 0 {
		t.Errorf("%d publishers were let in", len(h.sinks))
	}
}

func TestWhoIsSentAwayIsGoneAtOnce(t *testing.T) {
	for _, transport := range []string{"tcp", "udp"} {
		t.Run("over "+transport, func(t *testing.T) {
			h := newHouse(t)
			_, exited, _ := encode(t, h.url("live/"+rightKey), transport)
			await(t, "media", func() bool { return look(h, func() bool { return h.onAir != nil && len(h.onAir.units) > 10 }) })
			began := time.Now()
			h.onAir.close(errors.New("cut"))
			await(t, "the end of the publisher", func() bool { return look(h, func() bool { return h.sinks[0].closed }) })
			if d := time.Since(began); d > time.Second {
				t.Errorf("gone after %v", d)
			}
			if transport == "tcp" {
				<-exited
			}
		})
	}
}

// requests are what a client says to publish a picture over its connection.
func requests(h *house) (options, announce, setup, record string) {
	url := h.url("live/" + rightKey)
	sdp := "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n" +
		"m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=fmtp:96 packetization-mode=1\r\na=control:streamid=0\r\n"
	options = "OPTIONS " + url + " RTSP/1.0\r\nCSeq: 1\r\n\r\n"
	announce = fmt.Sprintf("ANNOUNCE %s RTSP/1.0\r\nCSeq: 2\r\nContent-Type: application/sdp\r\nContent-Length: %d\r\n\r\n%s", url, len(sdp), sdp)
	setup = "SETUP " + url + "/streamid=0 RTSP/1.0\r\nCSeq: 3\r\nTransport: RTP/AVP/TCP;unicast;interleaved=0-1;mode=record\r\n\r\n"
	// The session's name is optional on the connection that made it.
	record = "RECORD " + url + " RTSP/1.0\r\nCSeq: 4\r\nSession: %s\r\n\r\n"
	return options, announce, setup, record
}

func TestHalfOpenClientsAreGoneInTime(t *testing.T) {
	h := newHouse(t, func(o *Options) { o.GreetingTimeout, o.IdleTimeout = 500*time.Millisecond, time.Second })
	options, announce, setup, _ := requests(h)
	for _, tt := range []struct{ name, text string }{
		{"silence", ""},
		{"half a request", options[:20]},
		{"options only", options},
		{"announced and nothing more", announce},
		{"set up and nothing more", announce + setup},
		{"garbage", strings.Repeat("\x00\xffgarbage", 5000)},
		{"a body without an end", "ANNOUNCE rtsp://host/live/x RTSP/1.0\r\nCSeq: 1\r\nContent-Length: 100000\r\n\r\n"},
		{"an HTTP request", "GET / HTTP/1.1\r\nHost: x\r\n\r\n"},
		{"a TLS greeting", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			nc := h.dial(t)
			if _, err := nc.Write([]byte(tt.text)); err != nil {
				t.Fatal(err)
			}
			gone(t, nc, 5*time.Second)
		})
	}
}

func TestAPublisherThatSendsNoMediaIsGoneInTime(t *testing.T) {
	h := newHouse(t, func(o *Options) { o.IdleTimeout = 500 * time.Millisecond })
	_, announce, setup, record := requests(h)
	nc := h.dial(t)
	talk(t, nc, announce)
	session, _, _ := strings.Cut(talk(t, nc, setup).Get("Session"), ";")
	talk(t, nc, fmt.Sprintf(record, session))
	ctx, stop := context.WithCancel(t.Context())
	talking := make(chan struct{})
	go func() {
		defer close(talking)
		for ctx.Err() == nil { // an empty RTCP packet, which keeps the library content
			if _, err := nc.Write([]byte("$\x01\x00\x08\x80\xc9\x00\x01\x00\x00\x00\x01")); err != nil {
				return
			}
			pause(ctx, 50*time.Millisecond)
		}
	}()
	gone(t, nc, 5*time.Second)
	stop()
	<-talking
}

func TestConnectionsAreBounded(t *testing.T) {
	h := newHouse(t, func(o *Options) { o.MaxPerAddress = 2 })
	first, second := h.dial(t), h.dial(t)
	third := h.dial(t)
	gone(t, third, 5*time.Second)
	_ = first.Close()
	await(t, "a place", func() bool {
		nc := h.dial(t)
		if _, err := nc.Write([]byte("OPTIONS rtsp://host/ RTSP/1.0\r\nCSeq: 1\r\n\r\n")); err != nil {
			return false
		}
		_ = nc.SetReadDeadline(time.Now().Add(2 * time.Second))
		n, err := nc.Read(make([]byte, 100))
		_ = nc.Close()
		return err == nil && n > 0
	})
	_ = second.Close()
}
