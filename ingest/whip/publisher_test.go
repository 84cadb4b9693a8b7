package whip

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
	rtcmedia "github.com/pion/webrtc/v4/pkg/media"
	"github.com/pion/webrtc/v4/pkg/media/ivfreader"
	"github.com/pion/webrtc/v4/pkg/media/oggreader"

	"roomcast/media"
)

// encoded is what ffmpeg made: one access unit after the other, the first a key frame.
type encoded struct {
	mime  string
	units [][]byte
	lasts time.Duration // each
	shown []int         // in which order, where that is another one
}

// reordered is H.264 with B-frames.
const reordered media.Codec = "h264-reordered"

var encodings sync.Map

// encode has ffmpeg make some seconds of a codec, once for all tests.
func encode(t testing.TB, codec media.Codec, size string) encoded {
	t.Helper()
	name := string(codec) + size
	once, _ := encodings.LoadOrStore(name, sync.OnceValues(func() (encoded, error) { return encodeOnce(codec, size) }))
	e, err := once.(func() (encoded, error))()
	must(t, err)
	return e
}

func encodeOnce(codec media.Codec, size string) (encoded, error) {
	picture := []string{"-f", "lavfi", "-i", "testsrc2=rate=30:size=" + size, "-t", "3"}
	e := encoded{lasts: time.Second / 30}
	var args []string
	switch codec {
	case media.H264:
		e.mime = webrtc.MimeTypeH264
		args = slices.Concat(picture, []string{"-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-g", "90", "-x264-params", "aud=1", "-f", "h264"})
	case reordered:
		// Every key frame is followed by groups of one picture and two that are shown before it.
		e.mime = webrtc.MimeTypeH264
		args = slices.Concat(picture, []string{"-c:v", "libx264", "-preset", "ultrafast", "-bf", "2", "-g", "90", "-sc_threshold", "0", "-x264-params", "aud=1:b-adapt=0:b-pyramid=0", "-f", "h264"})
		e.shown = []int{0}
		for n := 1; n < 90; n += 3 {
			e.shown = append(e.shown, n+2, n, n+1)
		}
	case media.VP9:
		e.mime = webrtc.MimeTypeVP9
		args = slices.Concat(picture, []string{"-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-lag-in-frames", "0", "-g", "90", "-f", "ivf"})
	case media.AV1:
		e.mime = webrtc.MimeTypeAV1
		args = slices.Concat(picture, []string{"-c:v", "libaom-av1", "-usage", "realtime", "-cpu-used", "8", "-lag-in-frames", "0", "-g", "90", "-f", "ivf"})
	default:
		e.mime, e.lasts = webrtc.MimeTypeOpus, 20*time.Millisecond
		args = []string{"-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000", "-t", "3", "-c:a", "libopus", "-page_duration", "20000", "-f", "ogg"}
	}
	var out, complaints bytes.Buffer
	cmd := exec.Command("ffmpeg", append(append([]string{"-hide_banner", "-loglevel", "error"}, args...), "-")...)
	cmd.Stdout, cmd.Stderr = &out, &complaints
	if err := cmd.Run(); err != nil {
		return e, fmt.Errorf("ffmpeg makes %s: %w\n%s", codec, err, complaints.String())
	}
	var err error
	switch codec {
	case media.H264, reordered:
		for _, unit := range bytes.Split(out.Bytes(), []byte{0, 0, 0, 1, 9})[1:] {
			e.units = append(e.units, unit[1:])
		}
	case media.Opus:
		e.units, err = oggUnits(&out)
	default:
		e.units, err = ivfUnits(&out)
	}
	if err == nil && len(e.units) < 80 {
		err = fmt.Errorf("%d units of %s", len(e.units), codec)
	}
	return e, err
}

func ivfUnits(r io.Reader) (units [][]byte, err error) {
	ivf, _, err := ivfreader.NewWith(r)
	for err == nil {
		var unit []byte
		if unit, _, err = ivf.ParseNextFrame(); err == nil {
			units = append(units, unit)
		}
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return units, err
}

func oggUnits(r io.Reader) (units [][]byte, err error) {
	ogg, _, err := oggreader.NewWith(r)
	for err == nil {
		var unit []byte
		if unit, _, err = ogg.ParseNextPage(); err == nil && !bytes.HasPrefix(unit, []byte("OpusTags")) {
			units = append(units, unit)
		}
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return units, err
}

// publisher is a WHIP client made of the WebRTC library: it sends what was
// encoded, in a loop, and begins anew when it is asked for a key frame.
type publisher struct {
	t      *testing.T
	house  *house
	pc     *webrtc.PeerConnection
	answer Answer
	wire   *wire

	plis   atomic.Int32
	still  atomic.Bool // pictures are only sent when asked for
	silent atomic.Bool // no sound is sent
	stop   chan struct{}
	group  sync.WaitGroup
}

// wire is what is done to packets on their way.
type wire struct {
	interceptor.NoOp
	// lose reports whether a packet of video is lost, the n-th without those that are sent again.
	lose func(n int, h *rtp.Header) bool
	// always has lose asked also for what is sent again.
	always bool
	mu     sync.Mutex
	seen   map[uint16]bool
	n      int
}

func (w *wire) NewInterceptor(string) (interceptor.Interceptor, error) { return w, nil }

func (w *wire) BindLocalStream(info *interceptor.StreamInfo, next interceptor.RTPWriter) interceptor.RTPWriter {
	if info.MimeType == webrtc.MimeTypeOpus {
		return next
	}
	return interceptor.RTPWriterFunc(func(h *rtp.Header, payload []byte, a interceptor.Attributes) (int, error) {
		w.mu.Lock()
		again := w.seen[h.SequenceNumber]
		if !again {
			w.n++
			w.seen[h.SequenceNumber] = true
		}
		lost := w.lose != nil && (!again || w.always) && w.lose(w.n, h)
		w.mu.Unlock()
		if lost {
			return len(payload), nil
		}
		return next.Write(h, payload, a)
	})
}

// connect makes a client; lose as in wire.
func connect(h *house, lose func(int, *rtp.Header) bool, mimes ...string) *publisher {
	h.t.Helper()
	p := &publisher{t: h.t, house: h, stop: make(chan struct{}), wire: &wire{lose: lose, seen: map[uint16]bool{}}}
	var settings webrtc.SettingEngine
	settings.SetIncludeLoopbackCandidate(true)
	settings.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	engine := &webrtc.MediaEngine{}
	must(h.t, engine.RegisterDefaultCodecs())
	registry := &interceptor.Registry{}
	registry.Add(p.wire)
	must(h.t, webrtc.RegisterDefaultInterceptors(engine, registry))
	pc, err := webrtc.NewAPI(webrtc.WithSettingEngine(settings), webrtc.WithMediaEngine(engine),
		webrtc.WithInterceptorRegistry(registry)).NewPeerConnection(webrtc.Configuration{})
	must(h.t, err)
	p.pc = pc
	h.t.Cleanup(p.close)
	for _, mime := range mimes {
		p.add(mime)
	}
	return p
}

func (p *publisher) close() {
	select {
	case <-p.stop:
	default:
		close(p.stop)
	}
	must(p.t, p.pc.GracefulClose())
	p.group.Wait()
}

// add sends a codec.
func (p *publisher) add(mime string) {
	track, err := webrtc.NewTrackLocalStaticSample(webrtc.RTPCodecCapability{MimeType: mime}, mime, "studio")
	must(p.t, err)
	t, err := p.pc.AddTransceiverFromTrack(track, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly})
	must(p.t, err)
	only := slices.DeleteFunc(t.Sender().GetParameters().Codecs, func(c webrtc.RTPCodecParameters) bool { return c.MimeType != mime })
	must(p.t, t.SetCodecPreferences(only))
	source := map[string]media.Codec{
		webrtc.MimeTypeH264: media.H264, webrtc.MimeTypeVP9: media.VP9, webrtc.MimeTypeAV1: media.AV1,
		webrtc.MimeTypeOpus: media.Opus,
	}[mime]
	if source == "" {
		return // nothing to send
	}
	again := make(chan struct{}, 1)
	p.group.Go(func() { p.listen(t.Sender(), again) })
	data := encode(p.t, source, "320x180")
	p.group.Go(func() { p.play(track, data, again) })
}

// listen counts requests for key frames.
func (p *publisher) listen(sender *webrtc.RTPSender, again chan struct{}) {
	for {
		list, _, err := sender.ReadRTCP()
		if err != nil {
			return
		}
		for _, packet := range list {
			if _, ok := packet.(*rtcp.PictureLossIndication); ok {
				p.plis.Add(1)
				select {
				case again <- struct{}{}:
				default:
				}
			}
		}
	}
}

// play sends at the pace of real time until the publisher stops.
func (p *publisher) play(track *webrtc.TrackLocalStaticSample, data encoded, again chan struct{}) {
	ticker := time.NewTicker(data.lasts)
	defer ticker.Stop()
	video := data.mime != webrtc.MimeTypeOpus
	var skipped time.Duration
	for n := 0; ; n++ {
		select {
		case <-p.stop:
			return
		case <-ticker.C:
		}
		asked := false
		select {
		case <-again:
			n, asked = 0, true
		default:
		}
		if video && p.still.Load() && !asked || !video && p.silent.Load() {
			skipped += data.lasts
			continue
		}
		if err := track.WriteSample(rtcmedia.Sample{
			Data: data.units[n%len(data.units)], Duration: data.lasts + skipped,
		}); err != nil {
			return
		}
		skipped = 0
	}
}

// offer makes an offer with all candidates in it.
func (p *publisher) offer(o *webrtc.OfferOptions) string {
	p.t.Helper()
	desc, err := p.pc.CreateOffer(o)
	must(p.t, err)
	gathered := webrtc.GatheringCompletePromise(p.pc)
	must(p.t, p.pc.SetLocalDescription(desc))
	<-gathered
	return p.pc.LocalDescription().SDP
}

// publish posts the offer and applies the answer.
func (p *publisher) publish(room string, c Credential) {
	p.t.Helper()
	answer, err := p.house.server.Publish(p.t.Context(), Offer{RoomID: room, Credential: c, Caller: caller(), SDP: []byte(p.offer(nil))})
	must(p.t, err)
	p.answer = answer
	must(p.t, p.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: string(answer.Body)}))
}
