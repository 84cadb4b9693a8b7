package signaling

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"
	"github.com/pion/webrtc/v4/pkg/media/ivfreader"
	"github.com/pion/webrtc/v4/pkg/media/ivfwriter"
	"github.com/pion/webrtc/v4/pkg/media/oggreader"

	"roomcast/rooms"
	"roomcast/signaling/client"
	"roomcast/signaling/protocol"
)

// ffmpeg runs it and returns what it writes.
func ffmpeg(t *testing.T, args ...string) []byte {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "ffmpeg", append([]string{"-hide_banner", "-loglevel", "error", "-nostdin"}, args...)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("ffmpeg (make test installs it): %v: %s", err, stderr.String())
	}
	return out
}

// footage is two seconds of real media, encoded anew for each test run.
type footage struct {
	video [][]byte // VP8 frames; the first is a key frame
	audio [][]byte // Opus packets of 20 ms
}

var film struct {
	sync.Once
	footage
}

// shoot returns a moving picture and a tone, encoded once for all tests.
func shoot(t *testing.T) footage {
	t.Helper()
	film.Do(func() { film.footage = encode(t) })
	if len(film.video) == 0 {
		t.Fatal("there is no footage")
	}
	return film.footage
}

func encode(t *testing.T) (f footage) {
	t.Helper()
	ivf := ffmpeg(t, "-f", "lavfi", "-i", "testsrc=size=320x180:rate=30", "-t", "2", "-c:v", "libvpx", "-deadline", "realtime",
		"-g", "600", "-b:v", "600k", "-f", "ivf", "pipe:1")
	video, _, err := ivfreader.NewWith(bytes.NewReader(ivf))
	must(t, err)
	for {
		frame, _, err := video.ParseNextFrame()
		if errors.Is(err, io.EOF) {
			break
		}
		must(t, err)
		f.video = append(f.video, frame)
	}
	ogg := ffmpeg(t, "-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000", "-t", "2", "-c:a", "libopus", "-page_duration", "20000", "-f", "ogg", "pipe:1")
	audio, _, err := oggreader.NewWith(bytes.NewReader(ogg))
	must(t, err)
	for {
		page, _, err := audio.ParseNextPage()
		if errors.Is(err, io.EOF) {
			break
		}
		must(t, err)
		if !bytes.HasPrefix(page, []byte("Opus")) {
			f.audio = append(f.audio, page)
		}
	}
	if len(f.video) < 30 || len(f.audio) < 50 || f.video[0][0]&1 != 0 {
		t.Fatalf("ffmpeg made %d frames and %d packets", len(f.video), len(f.audio))
	}
	return f
}

// actor is a guest with media.
type actor struct {
	*guest
	media  *client.Media
	wanted chan struct{} // a key frame is
	stop   chan struct{}
	acting sync.WaitGroup

	mu       sync.Mutex
	received map[string][]*rtp.Packet // by mid
	slots    map[string]protocol.Slot
}

func (p *place) perform(session string, videoSlots int, publish ...protocol.Source) *actor {
	p.t.Helper()
	a := &actor{
		guest: p.join(session), wanted: make(chan struct{}, 16), stop: make(chan struct{}),
		received: map[string][]*rtp.Packet{}, slots: map[string]protocol.Slot{},
	}
	a.connect(videoSlots, publish...)
	p.t.Cleanup(a.exit)
	return a
}

func (a *actor) connect(videoSlots int, publish ...protocol.Source) {
	a.t.Helper()
	media, err := client.NewMedia(client.MediaOptions{
		Publish: publish, AudioSlots: 2, VideoSlots: videoSlots,
		Packet: func(mid string, p *rtp.Packet) {
			a.mu.Lock()
			defer a.mu.Unlock()
			a.received[mid] = append(a.received[mid], p)
		},
		KeyFrameWanted: func(protocol.Source) {
			select {
			case a.wanted <- struct{}{}:
			default:
			}
		},
	})
	must(a.t, err)
	a.media = media
	ctx, cancel := context.WithTimeout(a.t.Context(), patience)
	defer cancel()
	must(a.t, media.Negotiate(ctx, a.Client, false))
}

var exits sync.Mutex

func (a *actor) exit() {
	exits.Lock()
	defer exits.Unlock()
	select {
	case <-a.stop:
	default:
		close(a.stop)
	}
	a.acting.Wait()
	if a.media != nil {
		must(a.t, a.media.Close())
		a.media = nil
	}
}

// act sends the footage, faster than it plays, until the actor exits; a wanted
// key frame has it begin again.
func (a *actor) act(f footage) {
	video := rtp.NewPacketizer(1200, 0, 0, &codecs.VP8Payloader{EnablePictureID: true}, rtp.NewRandomSequencer(), 90000)
	audio := rtp.NewPacketizer(1200, 0, 0, &codecs.OpusPayloader{}, rtp.NewRandomSequencer(), 48000)
	level := a.media.ExtensionID(protocol.Microphone, "urn:ietf:params:rtp-hdrext:ssrc-audio-level")
	media := a.media
	a.acting.Go(func() {
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		next := 0
		for n := 0; ; n++ {
			select {
			case <-a.stop:
				return
			case <-a.wanted:
				next = 0
			case <-tick.C:
			}
			packets := video.Packetize(f.video[next], 3000)
			next = (next + 1) % len(f.video)
			for _, p := range packets {
				if media.Write(protocol.Camera, p) != nil {
					return
				}
			}
			for _, p := range audio.Packetize(f.audio[n%len(f.audio)], 960) {
				if p.SetExtension(level, []byte{25}) != nil || media.Write(protocol.Microphone, p) != nil {
					return
				}
			}
		}
	})
}

// section waits until a track is in a slot and returns the section.
func (a *actor) section(participant string, source protocol.Source) string {
	a.t.Helper()
	for mid, s := range a.slots {
		if s.Participant != nil && *s.Participant == participant && *s.Source == source {
			return mid
		}
	}
	found := ""
	hear(a.guest, func(m *protocol.Slots) bool {
		for _, s := range m.Slots {
			a.slots[s.Mid] = s
			if s.Participant != nil && *s.Participant == participant && *s.Source == source {
				found = s.Mid
			}
		}
		return found != ""
	})
	return found
}

// packets waits for that many packets of a section from the n-th on.
func (a *actor) packets(mid string, from, count int) []*rtp.Packet {
	a.t.Helper()
	var got []*rtp.Packet
	soon(a.t, fmt.Sprintf("%s has %d packets in section %s", a.id, from+count, mid), func() bool {
		a.mu.Lock()
		defer a.mu.Unlock()
		got = a.received[mid]
		return len(got) >= from+count
	})
	return got[from : from+count]
}

// frames puts VP8 frames together and checks that the stream has no gap.
func frames(t *testing.T, packets []*rtp.Packet) (all [][]byte) {
	t.Helper()
	var frame []byte
	for i, p := range packets {
		if i > 0 && p.SequenceNumber != packets[i-1].SequenceNumber+1 {
			t.Fatalf("number %d after %d", p.SequenceNumber, packets[i-1].SequenceNumber)
		}
		var v codecs.VP8Packet
		payload, err := v.Unmarshal(p.Payload)
		must(t, err)
		if v.S == 1 && v.PID == 0 {
			frame = nil
		}
		frame = append(frame, payload...)
		if p.Marker {
			all = append(all, frame)
		}
	}
	return all
}

func TestTwoPeopleSeeAndHearEachOther(t *testing.T) {
	f := shoot(t)
	p := newPlace(t)
	ann := p.perform("m/ann/moderator", 1, protocol.Microphone, protocol.Camera)
	bob := p.perform("m/bob/participant", 1, protocol.Microphone, protocol.Camera)
	ann.act(f)
	bob.act(f)
	for _, pair := range [][2]*actor{{ann, bob}, {bob, ann}} {
		me, other := pair[0], pair[1]
		me.ask(&protocol.View{Tiles: []protocol.Tile{{Participant: other.id, Source: protocol.Camera, Width: 320, Height: 180}}})
		got := frames(t, me.packets(me.section(other.id, protocol.Camera), 0, 200))
		if len(got) < 20 || !bytes.Equal(got[0], f.video[0]) {
			t.Fatalf("%s got %d frames, the first is not the film's", me.id, len(got))
		}
		for i, frame := range got {
			if !contains(f.video, frame) {
				t.Fatalf("%s's frame %d was never sent", me.id, i)
			}
		}
		for _, sound := range me.packets(me.section(other.id, protocol.Microphone), 0, 50) {
			if !contains(f.audio, sound.Payload) {
				t.Fatalf("%s heard what was never said", me.id)
			}
		}
		decodable(t, got)
	}
	if got, want := p.server.Publishing("m", "ann"), (Publishing{Audio: true, Video: true}); got != want {
		t.Errorf("ann publishes %+v", got)
	}
	hear(ann.guest, func(s *protocol.Speaking) bool { return len(s.Speakers) > 0 && s.Speakers[0].Level > 50 })
}

func contains(list [][]byte, one []byte) bool {
	for _, b := range list {
		if bytes.Equal(b, one) {
			return true
		}
	}
	return false
}

// decodable has ffmpeg decode what was received, the errors counted.
func decodable(t *testing.T, got [][]byte) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "received.ivf")
	w, err := ivfwriter.New(path, ivfwriter.WithCodec("video/VP8"))
	must(t, err)
	packetizer := rtp.NewPacketizer(1200, 0, 0, &codecs.VP8Payloader{}, rtp.NewRandomSequencer(), 90000)
	for _, frame := range got {
		for _, p := range packetizer.Packetize(frame, 3000) {
			must(t, w.WriteRTP(p))
		}
	}
	must(t, w.Close())
	out := ffmpeg(t, "-xerror", "-i", path, "-f", "framemd5", "pipe:1")
	decoded := 0
	for line := range strings.Lines(string(out)) {
		if !strings.HasPrefix(line, "#") {
			decoded++
		}
	}
	if decoded != len(got) {
		t.Errorf("ffmpeg decoded %d of %d frames", decoded, len(got))
	}
}

func TestAViewThatLooksElsewhereGoesOnWithoutAGap(t *testing.T) {
	f := shoot(t)
	p := newPlace(t)
	ann := p.perform("m/ann/participant", 0, protocol.Microphone, protocol.Camera)
	bob := p.perform("m/bob/participant", 0, protocol.Microphone, protocol.Camera)
	eve := p.perform("m/eve/participant", 1)
	ann.act(f)
	bob.act(f)
	look := func(at string) string {
		eve.ask(&protocol.View{Tiles: []protocol.Tile{{Participant: at, Source: protocol.Camera, Width: 320, Height: 180}}})
		return eve.section(at, protocol.Camera)
	}
	mid := look("ann")
	before := len(eve.packets(mid, 0, 60))
	if look("bob") != mid {
		t.Fatal("bob is in another section")
	}
	all := eve.packets(mid, 0, before+120)
	got := frames(t, all)
	for i := 1; i < len(all); i++ {
		if all[i].SSRC != all[0].SSRC || int32(all[i].Timestamp-all[i-1].Timestamp) < 0 {
			t.Fatalf("packet %d is of another stream or time", i)
		}
	}
	keys := 0
	for _, frame := range got {
		if frame[0]&1 == 0 {
			keys++
		}
	}
	if keys < 2 {
		t.Errorf("there are %d key frames, at the start and at the switch there is one each", keys)
	}
	decodable(t, got)
}

func TestMediaOutlivesABrokenSocket(t *testing.T) {
	f := shoot(t)
	p := newPlace(t)
	ann := p.perform("m/ann/participant", 0, protocol.Microphone, protocol.Camera)
	ann.act(f)
	eve := p.perform("m/eve/participant", 1)
	eve.ask(&protocol.View{Tiles: []protocol.Tile{{Participant: "ann", Source: protocol.Camera, Width: 320, Height: 180}}})
	mid := eve.section("ann", protocol.Camera)
	eve.packets(mid, 0, 20)

	eve.Close()
	soon(t, "eve's socket is gone", func() bool { return p.house.open() == 1 })
	eve.packets(mid, 20, 40) // media flows on
	again := p.rejoin("m/eve/participant", eve.welcome.Resume)
	if !again.welcome.Resumed {
		t.Fatal("the PeerConnection was not kept")
	}
	eve.guest, eve.slots = again, map[string]protocol.Slot{}
	if eve.section("ann", protocol.Camera) != mid {
		t.Error("the slots are not told anew")
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	must(t, eve.media.Negotiate(ctx, again.Client, true))
	eve.mu.Lock()
	n := len(eve.received[mid])
	eve.mu.Unlock()
	eve.packets(mid, n, 40)

	// Without the right resume the PeerConnection is not kept.
	other := p.rejoin("m/eve/participant", "wrong")
	if other.welcome.Resumed {
		t.Error("a wrong resume is taken")
	}
}

func TestALostPeerConnectionIsToldAndReplaced(t *testing.T) {
	f := shoot(t)
	p := newPlace(t)
	ann := p.perform("m/ann/participant", 0, protocol.Microphone, protocol.Camera)
	ann.act(f)
	eve := p.perform("m/eve/participant", 1)
	view := &protocol.View{Tiles: []protocol.Tile{{Participant: "ann", Source: protocol.Camera, Width: 320, Height: 180}}}
	eve.ask(view)
	eve.packets(eve.section("ann", protocol.Camera), 0, 5)
	must(t, eve.media.Close()) // says goodbye by DTLS
	hear[*protocol.MediaLost](eve.guest, nil)

	eve.received, eve.slots = map[string][]*rtp.Packet{}, map[string]protocol.Slot{}
	eve.connect(1)
	mid := eve.section("ann", protocol.Camera) // the view still holds
	if got := frames(t, eve.packets(mid, 0, 30)); got[0][0]&1 != 0 {
		t.Error("the first frame is no key frame")
	}
}

func TestWhatTheRoomForbidsIsNotPublished(t *testing.T) {
	f := shoot(t)
	p := newPlace(t)
	p.house.add("m", rooms.Meet, func(f *rooms.Features) { f.ParticipantsScreen, f.MuteOnJoin = false, true })
	ann := p.perform("m/ann/moderator", 1)
	bob := p.join("m/bob/participant")
	if bob.welcome.Permissions.Screen || !bob.welcome.Permissions.Video || !ann.welcome.Permissions.Screen {
		t.Errorf("permissions are %+v and %+v", bob.welcome.Permissions, ann.welcome.Permissions)
	}
	bob.refused(protocol.CodeForbidden, &protocol.Offer{SDP: "v=0", Tracks: []protocol.OfferedTrack{{Mid: "0", Source: protocol.Screen}}})
	bob.refused(protocol.CodeForbidden, &protocol.Mute{Sources: []protocol.Source{protocol.Screen}})

	actor := &actor{guest: bob, wanted: make(chan struct{}, 16), stop: make(chan struct{}), received: map[string][]*rtp.Packet{}, slots: map[string]protocol.Slot{}}
	t.Cleanup(actor.exit)
	actor.connect(0, protocol.Microphone, protocol.Camera)
	actor.act(f)
	tracks := hear(ann.guest, func(u *protocol.Updated) bool { return u.Participant.ID == "bob" }).Participant.Tracks
	if len(tracks) != 2 || tracks[0] != (protocol.Track{Source: protocol.Microphone, Muted: true}) || tracks[1].Muted {
		t.Errorf("bob publishes %+v", tracks)
	}
	bob.ask(&protocol.Mute{Sources: []protocol.Source{protocol.Microphone}})
	ann.packets(ann.section("bob", protocol.Microphone), 0, 5)
	ann.ask(&protocol.View{Tiles: []protocol.Tile{{Participant: "bob", Source: protocol.Camera, Width: 320, Height: 180}}})
	mid := ann.section("bob", protocol.Camera)
	ann.packets(mid, 0, 5)

	// The room changes its mind while bob goes on sending.
	p.house.change("m", rooms.RoomUpdated, func(v *rooms.View) { v.Settings.Features.ParticipantsVideo = false }) // never fails
	hear(ann.guest, func(s *protocol.Slots) bool { return s.Slots[0].Mid == mid && s.Slots[0].Participant == nil })
	if got, want := p.server.Publishing("m", "bob"), (Publishing{Audio: true}); got != want {
		t.Errorf("bob publishes %+v", got)
	}
	bob.refused(protocol.CodeForbidden, &protocol.Mute{Sources: []protocol.Source{protocol.Camera}})
}
