package harness

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"
	"github.com/pion/logging"
	"github.com/pion/webrtc/v4"
	"github.com/pion/webrtc/v4/pkg/media"
)

// Attendee is somebody in a meeting who sends and receives media. It was written
// from PROTOCOL.md alone: that it gets by is a check of that page.
//
// Its methods return errors, for many attendees run in goroutines of their own.
type Attendee struct {
	// ID is the participant's id.
	ID string

	conn    *websocket.Conn
	pc      *webrtc.PeerConnection
	camera  *webrtc.TrackLocalStaticSample
	mic     *webrtc.TrackLocalStaticSample
	video   atomic.Int64
	audio   atomic.Int64
	writing sync.Mutex
	answers chan Message
	gone    chan struct{} // closed when the socket has ended
	closed  int           // its close code, valid after gone
	ended   string        // the code of an "ended" message, valid after gone
	stop    context.CancelFunc
	running sync.WaitGroup
}

// attendWithin bounds each step of coming into a meeting.
const attendWithin = 20 * time.Second

// key frame of 16x16 pixels: enough for a forwarder, which looks no further than
// the header (RFC 6386 section 9.1).
var keyFrame = append([]byte{0x10, 0x02, 0x00, 0x9d, 0x01, 0x2a, 16, 0, 16, 0}, make([]byte, 200)...)

// Attend joins the room by a token and negotiates media: camera and microphone
// out, three videos and two voices in.
func (s *Server) Attend(ctx context.Context, token, name string) (*Attendee, error) {
	answer, err := s.Stranger().Send(ctx, http.MethodPost, "/api/v1/join", Fields{"token": token, "name": name})
	if err != nil {
		return nil, fmt.Errorf("join: %w", err)
	}
	if answer.Status != http.StatusOK {
		return nil, fmt.Errorf("join: %d %s", answer.Status, answer.Code())
	}
	var joined Joined
	if err := json.Unmarshal(answer.Body, &joined); err != nil {
		return nil, fmt.Errorf("read join answer: %w", err)
	}
	return s.attend(ctx, joined)
}

func (s *Server) attend(ctx context.Context, joined Joined) (*Attendee, error) {
	ctx, cancel := context.WithTimeout(ctx, attendWithin)
	defer cancel()
	conn, res, err := websocket.DefaultDialer.DialContext(ctx, joined.Endpoints["signaling"], nil)
	if err != nil {
		return nil, fmt.Errorf("dial signaling: %w", err)
	}
	_ = res.Body.Close() // empty after the upgrade
	running, stop := context.WithCancel(context.Background())
	a := &Attendee{ID: joined.ParticipantID, conn: conn, answers: make(chan Message, 16), gone: make(chan struct{}), stop: stop}
	go a.read()
	if err := a.negotiate(ctx, joined.Session); err != nil {
		return nil, errors.Join(err, a.Close())
	}
	a.running.Go(func() { a.send(running) })
	return a, nil
}

// read takes the server's messages until the socket ends.
func (a *Attendee) read() {
	defer close(a.gone)
	for {
		_, body, err := a.conn.ReadMessage()
		var end *websocket.CloseError
		if errors.As(err, &end) {
			a.closed = end.Code
		}
		if err != nil {
			return
		}
		var m Message
		if json.Unmarshal(body, &m) != nil {
			return
		}
		switch {
		case m.Type() == "ended":
			a.ended = fmt.Sprint(m["code"])
		case m["re"] != nil || m.Type() == "error":
			select {
			case a.answers <- m:
			default: // nobody asked
			}
		}
	}
}

// ask sends a message and waits for its answer.
func (a *Attendee) ask(ctx context.Context, m Message) (Message, error) {
	m["id"] = m.Type()
	a.writing.Lock()
	err := a.conn.WriteJSON(m)
	a.writing.Unlock()
	if err != nil {
		return nil, fmt.Errorf("send %s: %w", m.Type(), err)
	}
	for gone := a.gone; ; {
		select {
		case answer := <-a.answers:
			switch {
			case answer.Type() == "error":
				return nil, fmt.Errorf("%s: refused: %v", m.Type(), answer)
			case answer["re"] == m["id"]:
				return answer, nil
			}
			continue
		case <-gone:
			gone = nil // what came before the end still counts
		case <-ctx.Done():
			return nil, fmt.Errorf("%s: no answer: %w", m.Type(), ctx.Err())
		}
		if len(a.answers) == 0 {
			return nil, fmt.Errorf("%s: the socket ended with %d %s", m.Type(), a.closed, a.ended)
		}
	}
}

func (a *Attendee) negotiate(ctx context.Context, session string) error {
	if _, err := a.ask(ctx, Message{"type": "hello", "session": session}); err != nil {
		return err
	}
	settings := webrtc.SettingEngine{LoggerFactory: &logging.DefaultLoggerFactory{Writer: io.Discard, DefaultLogLevel: logging.LogLevelDisabled}}
	settings.SetIncludeLoopbackCandidate(true)
	settings.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	pc, err := webrtc.NewAPI(webrtc.WithSettingEngine(settings)).NewPeerConnection(webrtc.Configuration{BundlePolicy: webrtc.BundlePolicyMaxBundle})
	if err != nil {
		return fmt.Errorf("make a peer connection: %w", err)
	}
	a.pc = pc
	tracks, err := a.sections()
	if err != nil {
		return err
	}
	connected := make(chan struct{})
	var once sync.Once
	pc.OnConnectionStateChange(func(state webrtc.PeerConnectionState) {
		if state == webrtc.PeerConnectionStateConnected {
			once.Do(func() { close(connected) })
		}
	})
	pc.OnTrack(a.receive)
	offer, err := pc.CreateOffer(nil)
	if err != nil {
		return fmt.Errorf("make an offer: %w", err)
	}
	if err := pc.SetLocalDescription(offer); err != nil {
		return fmt.Errorf("take the offer: %w", err)
	}
	named := make([]Message, 0, len(tracks))
	for source, transceiver := range tracks {
		named = append(named, Message{"mid": transceiver.Mid(), "source": source})
	}
	answer, err := a.ask(ctx, Message{"type": "offer", "sdp": pc.LocalDescription().SDP, "tracks": named})
	if err != nil {
		return err
	}
	sdp, _ := answer["sdp"].(string)
	if err := pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: sdp}); err != nil {
		return fmt.Errorf("take the answer: %w", err)
	}
	select {
	case <-connected:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("connect media: %w; it is %v", ctx.Err(), pc.ConnectionState())
	}
}

// sections lays out the offer: what is sent, and slots for what is received.
func (a *Attendee) sections() (map[string]*webrtc.RTPTransceiver, error) {
	var err error
	if a.mic, err = webrtc.NewTrackLocalStaticSample(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus, ClockRate: 48000, Channels: 2}, "mic", "me"); err != nil {
		return nil, err
	}
	if a.camera, err = webrtc.NewTrackLocalStaticSample(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeVP8, ClockRate: 90000}, "camera", "me"); err != nil {
		return nil, err
	}
	tracks := make(map[string]*webrtc.RTPTransceiver)
	for source, track := range map[string]webrtc.TrackLocal{"microphone": a.mic, "camera": a.camera} {
		transceiver, err := a.pc.AddTransceiverFromTrack(track, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly})
		if err != nil {
			return nil, fmt.Errorf("add %s: %w", source, err)
		}
		tracks[source] = transceiver
		a.running.Go(func() { drain(transceiver.Sender()) })
	}
	slots := []webrtc.RTPCodecType{webrtc.RTPCodecTypeAudio, webrtc.RTPCodecTypeAudio, webrtc.RTPCodecTypeVideo, webrtc.RTPCodecTypeVideo, webrtc.RTPCodecTypeVideo}
	for _, kind := range slots {
		if _, err := a.pc.AddTransceiverFromKind(kind, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}); err != nil {
			return nil, fmt.Errorf("add a slot: %w", err)
		}
	}
	return tracks, nil
}

// drain reads a sender's RTCP until it is closed, as pion wants it.
func drain(sender *webrtc.RTPSender) {
	buf := make([]byte, 1500)
	for {
		if _, _, err := sender.Read(buf); err != nil {
			return
		}
	}
}

func (a *Attendee) receive(track *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
	counter := &a.audio
	if track.Kind() == webrtc.RTPCodecTypeVideo {
		counter = &a.video
	}
	for {
		if _, _, err := track.ReadRTP(); err != nil {
			return
		}
		counter.Add(1)
	}
}

// send sends 20 pictures and 50 sounds a second until the context ends.
func (a *Attendee) send(ctx context.Context) {
	pictures, sounds := time.NewTicker(50*time.Millisecond), time.NewTicker(20*time.Millisecond)
	defer pictures.Stop()
	defer sounds.Stop()
	for {
		var err error
		select {
		case <-ctx.Done():
			return
		case <-pictures.C:
			err = a.camera.WriteSample(media.Sample{Data: keyFrame, Duration: 50 * time.Millisecond})
		case <-sounds.C:
			// A silent Opus frame (RFC 6716 section 3.1: CELT, 20 ms, no data).
			err = a.mic.WriteSample(media.Sample{Data: []byte{0xf8, 0xff, 0xfe}, Duration: 20 * time.Millisecond})
		}
		if err != nil && !errors.Is(err, io.ErrClosedPipe) {
			return
		}
	}
}

// View asks for the cameras of others.
func (a *Attendee) View(ctx context.Context, participants ...string) error {
	tiles := make([]Message, 0, len(participants))
	for _, id := range participants {
		tiles = append(tiles, Message{"participant": id, "source": "camera", "width": 320, "height": 180})
	}
	_, err := a.ask(ctx, Message{"type": "view", "tiles": tiles})
	return err
}

// Received returns how many packets of video and audio have come.
func (a *Attendee) Received() (video, audio int64) { return a.video.Load(), a.audio.Load() }

// Ask sends a message and returns its answer; a refusal is an error.
func (a *Attendee) Ask(ctx context.Context, m Message) (Message, error) { return a.ask(ctx, m) }

// Gone is closed when the server has ended the socket; Why tells how then.
func (a *Attendee) Gone() <-chan struct{} { return a.gone }

// Why returns the close code and the code of the "ended" message before it.
func (a *Attendee) Why() (closed int, ended string) { return a.closed, a.ended }

// Leave says goodbye and closes everything.
func (a *Attendee) Leave(ctx context.Context) error {
	_, err := a.ask(ctx, Message{"type": "leave"})
	if err == nil {
		<-a.gone
	}
	return errors.Join(err, a.Close())
}

// Close closes everything without a goodbye.
func (a *Attendee) Close() error {
	a.stop()
	_ = a.conn.Close() // may be closed by the server already
	<-a.gone
	var err error
	if a.pc != nil {
		err = a.pc.Close()
	}
	a.running.Wait()
	return err
}
