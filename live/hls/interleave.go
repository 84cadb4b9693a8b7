package hls

import (
	"time"

	"roomcast/media"
)

const (
	// maxSkew is how long one track is waited for before the other goes on alone.
	maxSkew = 500 * time.Millisecond
	// maxWaiting is how many bytes may wait; frames may be as large, and their
	// times as close, as the source likes.
	maxWaiting = 16 << 20
)

// interleaver puts the units of two tracks, each in its own order, into the
// order of their decode times.
type interleaver struct {
	tracks int
	queues [2][]*media.Unit // video, audio
	absent [2]bool          // was waited for in vain, and did not come since
	bytes  int              // of all that wait
	emit   func(*media.Unit)
}

func (i *interleaver) reset(tracks int) {
	i.tracks, i.bytes = tracks, 0
	for k := range i.queues {
		clear(i.queues[k])
		i.queues[k] = i.queues[k][:0]
		i.absent[k] = false
	}
}

func (i *interleaver) push(u *media.Unit) {
	if i.tracks < 2 {
		i.emit(u)
		return
	}
	k := 0
	if u.Track.Kind == media.Audio {
		k = 1
	}
	i.absent[k] = false
	i.queues[k] = append(i.queues[k], u)
	i.bytes += len(u.Payload)
	for len(i.queues[0]) > 0 && len(i.queues[1]) > 0 {
		i.pop(i.first())
	}
	for k := range i.queues {
		for q := i.queues[k]; len(q) > 1 && (i.bytes > maxWaiting || q[len(q)-1].DTS-q[0].DTS > maxSkew); q = i.queues[k] {
			i.pop(k)
			i.absent[1-k] = true
		}
		for i.absent[1-k] && len(i.queues[k]) > 0 {
			i.pop(k)
		}
	}
}

// first is the queue whose first unit comes first; both hold one.
func (i *interleaver) first() int {
	if i.queues[1][0].DTS < i.queues[0][0].DTS {
		return 1
	}
	return 0
}

func (i *interleaver) pop(k int) {
	q := i.queues[k]
	u := q[0]
	copy(q, q[1:])
	q[len(q)-1] = nil
	i.queues[k] = q[:len(q)-1]
	i.bytes -= len(u.Payload)
	i.emit(u)
}

// drain emits everything that is left.
func (i *interleaver) drain() {
	for len(i.queues[0]) > 0 || len(i.queues[1]) > 0 {
		switch {
		case len(i.queues[0]) == 0:
			i.pop(1)
		case len(i.queues[1]) == 0:
			i.pop(0)
		default:
			i.pop(i.first())
		}
	}
}
