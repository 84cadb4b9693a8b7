package whip

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"roomcast/ingest"
	"roomcast/media"
)

// checkTimeline looks for gaps and steps back in what came of a kind.
func checkTimeline(t *testing.T, list []ingest.Sample, longest time.Duration) {
	t.Helper()
	for i := 1; i < len(list); i++ {
		step := list[i].DTS - list[i-1].DTS
		if step <= 0 || step > longest || list[i].PTS < list[i].DTS || list[i].Jump {
			t.Errorf("%s sample %d: from %v to %v, shown at %v (jump %v)", list[i].Track.Kind, i, list[i-1].DTS, list[i].DTS, list[i].PTS, list[i].Jump)
		}
	}
}

func TestPicturesAndSoundComeThrough(t *testing.T) {
	for _, tt := range []struct {
		mime  string
		codec media.Codec
	}{{webrtc.MimeTypeH264, media.H264}, {webrtc.MimeTypeVP9, media.VP9}, {webrtc.MimeTypeAV1, media.AV1}} {
		t.Run(string(tt.codec), func(t *testing.T) {
			h := newHouse(t, Options{})
			p := connect(h, nil, tt.mime, webrtc.MimeTypeOpus)
			p.publish("room", key("room"))
			s := h.sink(0)
			until(t, "three seconds of pictures come", func() bool { return len(s.of(media.Video)) >= 90 })
			tracks := s.announced()
			if len(tracks) != 1 || len(tracks[0]) != 2 || tracks[0][0].Codec != tt.codec || tracks[0][1].Codec != media.Opus {
				t.Fatalf("announced %v", tracks)
			}
			if v := tracks[0][0]; v.Width != 320 || v.Height != 180 {
				t.Errorf("the picture is %dx%d", v.Width, v.Height)
			}
			video, audio := s.of(media.Video), s.of(media.Audio)
			if !video[0].Key {
				t.Error("the first picture is no key frame")
			}
			checkTimeline(t, video, 100*time.Millisecond)
			checkTimeline(t, audio, 30*time.Millisecond)
			if keys := slices.IndexFunc(video[1:], func(s ingest.Sample) bool { return s.Key }); keys < 0 {
				t.Error("no key frame was asked for")
			}
			for _, in := range video {
				if in.Key != media.KeyFrame(tt.codec, in.Payload) {
					t.Fatalf("a picture says key frame %v wrongly", in.Key)
				}
			}
		})
	}
}

func TestLostPacketsAreSentAgain(t *testing.T) {
	h := newHouse(t, Options{})
	p := connect(h, func(n int, _ *rtp.Header) bool { return n%10 == 0 }, webrtc.MimeTypeH264, webrtc.MimeTypeOpus)
	p.publish("room", key("room"))
	s := h.sink(0)
	until(t, "four seconds of pictures come", func() bool { return len(s.of(media.Video)) >= 120 })
	checkTimeline(t, s.of(media.Video), 50*time.Millisecond)
}

func TestDamagedPicturesAreDroppedUntilTheNextKeyFrame(t *testing.T) {
	h := newHouse(t, Options{})
	// The hundredth packet is lost, and again when it is sent again.
	p := connect(h, nil, webrtc.MimeTypeH264)
	var gone uint16
	p.wire.lose = func(n int, h *rtp.Header) bool {
		if n == 100 && gone == 0 {
			gone = h.SequenceNumber
		}
		return n >= 100 && h.SequenceNumber == gone
	}
	p.wire.always = true
	p.publish("room", key("room"))
	s := h.sink(0)
	gap := func() int {
		list := s.of(media.Video)
		for i := 1; i < len(list); i++ {
			if list[i].DTS-list[i-1].DTS > 50*time.Millisecond {
				return i
			}
		}
		return -1
	}
	until(t, "pictures are missing", func() bool { return gap() > 0 })
	if at := gap(); !s.of(media.Video)[at].Key {
		t.Error("the first picture after a loss is no key frame")
	}
	if p.plis.Load() < 2 {
		t.Errorf("%d key frames were asked for", p.plis.Load())
	}
}

func TestAnswerSaysWhatIsTaken(t *testing.T) {
	h := newHouse(t, Options{})
	p := connect(h, nil, webrtc.MimeTypeH264, webrtc.MimeTypeOpus)
	offer := strings.Replace(p.offer(nil), "a=mid:0\r\n", "a=mid:0\r\na=extmap:13 urn:3gpp:video-orientation\r\n", 1)
	answer, err := h.server.Publish(t.Context(), Offer{RoomID: "room", Credential: key("room"), Caller: caller(), SDP: []byte(offer)})
	must(t, err)
	text := string(answer.Body)
	for _, want := range []string{"H264/90000", "opus/48000/2", "a=ice-lite", "a=setup:passive", "a=recvonly", "nack pli", "transport-cc", "transport-wide-cc", "a=candidate:"} {
		if !strings.Contains(text, want) {
			t.Errorf("the answer lacks %q", want)
		}
	}
	for _, never := range []string{"VP8", "VP9", "AV1", "rtx", "video-orientation", "a=sendrecv"} {
		if strings.Contains(text, never) {
			t.Errorf("the answer has %q", never)
		}
	}
	if len(answer.Resource) < 22 || !strings.HasPrefix(answer.ETag, `"`) {
		t.Errorf("resource %q, ETag %q", answer.Resource, answer.ETag)
	}
}
