package live

// Phase is where a broadcast is in its life.
type Phase string

// The phases of a broadcast.
const (
	Waiting     Phase = "waiting"     // no publisher
	Preview     Phase = "preview"     // a publisher, but the show has not been started
	Live        Phase = "live"        // on air
	Interrupted Phase = "interrupted" // the publisher is gone and may come back
	Ended       Phase = "ended"       // over; waiting again after a rest
)

// event is what moves a broadcast from one phase to another.
type event int

const (
	published        event = iota // a publisher is on air, no start needed
	publishedPreview              // a publisher is on air, the room wants a start
	gone                          // the publisher left, or was cut or lost
	started                       // POST .../stream/start
	stopped                       // POST .../stream/stop
	windowPassed                  // the reconnect window is over
	rested                        // the end was shown long enough
	over                          // the run was ended, the room deleted or suspended
)

var eventNames = [...]string{"published", "published for preview", "gone", "started", "stopped", "window passed", "rested", "over"}

// String names the event for logs and tests.
func (e event) String() string { return eventNames[e] }

// transitions holds every move there is; what is not in it changes nothing.
var transitions = map[Phase]map[event]Phase{
	Waiting: {published: Live, publishedPreview: Preview},
	Preview: {
		published: Preview, publishedPreview: Preview, // a takeover
		gone: Waiting, started: Live, over: Waiting,
	},
	Live: {
		published: Live, publishedPreview: Live, // a takeover
		gone: Interrupted, stopped: Preview, over: Ended,
	},
	Interrupted: {
		published: Live, publishedPreview: Live, // the same show goes on
		stopped: Ended, windowPassed: Ended, over: Ended,
	},
	Ended: {published: Live, publishedPreview: Preview, rested: Waiting},
}

// next is the phase after an event; ok is false if the event means nothing in p.
func (p Phase) next(e event) (to Phase, ok bool) {
	to, ok = transitions[p][e]
	return to, ok
}

// newShow reports whether entering to from p is the beginning of a show.
func (p Phase) newShow(to Phase) bool { return to == Live && p != Live && p != Interrupted }

// endsShow reports whether entering to from p is the end of one.
func (p Phase) endsShow(to Phase) bool {
	return (p == Live || p == Interrupted) && to != Live && to != Interrupted
}
