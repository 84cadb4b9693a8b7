package signaling

import (
	"sync"

	"github.com/gorilla/websocket"

	"roomcast/signaling/protocol"
)

// Bounds of what waits for a slow client. A client that lets more pile up is
// dropped and comes back with resume.
const (
	maxQueuedFrames = 512
	maxQueuedBytes  = 2 << 20
)

// frame is a rendered message: one client's own, or prepared once and shared by
// all who are told.
type frame struct {
	own    []byte
	shared *websocket.PreparedMessage
	size   int
}

func ownFrame(m protocol.ServerMessage) (frame, error) {
	text, err := protocol.EncodeServer(m)
	return frame{own: text, size: len(text)}, err
}

func sharedFrame(m protocol.ServerMessage) (frame, error) {
	text, err := protocol.EncodeServer(m)
	if err != nil {
		return frame{}, err
	}
	shared, err := websocket.NewPreparedMessage(websocket.TextMessage, text)
	return frame{shared: shared, size: len(text)}, err
}

// queue is the bounded line of frames to one client. Whoever has something to
// say puts it in without ever waiting; the socket's writer takes it out.
type queue struct {
	wake chan struct{} // a frame or the end is there; capacity 1

	mu     sync.Mutex
	frames []frame
	bytes  int
	end    int // close code to send after the frames; 0 while open
}

func newQueue() *queue { return &queue{wake: make(chan struct{}, 1)} }

// put adds a frame and leaves it to the caller to signal. A client for whom too much waits loses all of it, for it
// could not catch up with that either, and is to come back.
func (q *queue) put(f frame) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.end != 0 {
		return // what comes after the end is nobody's loss
	}
	// However long, one frame is taken.
	if len(q.frames) >= maxQueuedFrames || q.bytes > 0 && q.bytes+f.size > maxQueuedBytes {
		q.frames, q.bytes, q.end = nil, 0, protocol.CloseTryAgain
	} else {
		q.frames = append(q.frames, f)
		q.bytes += f.size
	}
}

// finish ends the queue: frames that wait are still written, then the socket is
// closed with code. Only the first finish counts.
func (q *queue) finish(code int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.end == 0 {
		q.end = code
		q.signal()
	}
}

// take returns all that waits and, once the queue has ended, the close code.
func (q *queue) take() (frames []frame, end int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	frames, q.frames, q.bytes = q.frames, nil, 0
	return frames, q.end
}

// ended reports whether finish was called.
func (q *queue) ended() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.end != 0
}

// signal wakes the writer.
func (q *queue) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}
