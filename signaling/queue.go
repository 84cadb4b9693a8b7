package signaling

import "sync"

// Bounds of what waits for a slow client. A client that lets more pile up is
// dropped and comes back with resume.
const (
	maxQueuedFrames = 512
	maxQueuedBytes  = 2 << 20
)

// queue is the bounded line of frames to one client. Whoever has something to
// say puts it in without ever waiting; the socket's writer takes it out.
type queue struct {
	wake chan struct{} // a frame or the end is there; capacity 1

	mu     sync.Mutex
	frames [][]byte
	bytes  int
	end    int // close code to send after the frames; 0 while open
}

func newQueue() *queue { return &queue{wake: make(chan struct{}, 1)} }

// put adds a frame, which must not be changed any more. It reports false when
// the client is too slow: then nothing more is taken.
func (q *queue) put(frame []byte) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.end != 0 {
		return true // what comes after the end is nobody's loss
	}
	if len(q.frames) >= maxQueuedFrames || q.bytes+len(frame) > maxQueuedBytes {
		return false
	}
	q.frames = append(q.frames, frame)
	q.bytes += len(frame)
	q.signal()
	return true
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
func (q *queue) take() (frames [][]byte, end int) {
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

func (q *queue) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}
