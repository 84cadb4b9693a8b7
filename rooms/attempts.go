package rooms

import (
	"net/netip"
	"sync"
	"time"
)

// The limits of guessing and joining.
const (
	wrongCodes        = 10
	wrongCodesIn      = 5 * time.Minute
	wrongAtRoomURL    = 100
	wrongAtRoomURLIn  = time.Hour
	joinsPerAddress   = 200
	joinsPerAddressIn = time.Minute

	// maxWindows bounds what is remembered of all addresses together.
	maxWindows = 50_000
)

// windowKey is whose events a window counts; unused fields are zero.
type windowKey struct {
	what    string
	network netip.Prefix
	room    string
	door    via
}

// windows count events in sliding windows, exactly: each holds the times of its
// last events.
type windows struct {
	limit int
	in    time.Duration
	times map[windowKey][]time.Time
	swept time.Time // when makeRoom last looked for finished ones
}

func newWindows(limit int, in time.Duration) *windows {
	return &windows{limit: limit, in: in, times: map[windowKey][]time.Time{}}
}

// full returns how long the window has no room for another event; 0 when it has.
func (w *windows) full(k windowKey, now time.Time) time.Duration {
	times := w.times[k]
	if len(times) < w.limit {
		return 0
	}
	return max(0, times[len(times)-w.limit].Add(w.in).Sub(now))
}

// add counts an event.
func (w *windows) add(k windowKey, now time.Time) {
	times, known := w.times[k]
	if !known && len(w.times) >= maxWindows {
		w.makeRoom(now)
	}
	for len(times) > 0 && !now.Before(times[0].Add(w.in)) {
		times = times[1:]
	}
	w.times[k] = append(times, now)
}

// prune forgets windows that count nothing any more.
func (w *windows) prune(now time.Time) {
	for k, times := range w.times {
		if !now.Before(times[len(times)-1].Add(w.in)) {
			delete(w.times, k)
		}
	}
}

// makeRoom forgets the finished, or else any one. It looks at all of them once
// a second at most: a flood from many addresses must not make each join slow.
func (w *windows) makeRoom(now time.Time) {
	if now.Sub(w.swept) >= time.Second {
		w.swept = now
		w.prune(now)
	}
	for k := range w.times {
		if len(w.times) < maxWindows {
			return
		}
		delete(w.times, k)
	}
}

// attempts keep guessers away from codes, and joins at a rate.
type attempts struct {
	mu      sync.Mutex
	codes   *windows // by address, room and door
	roomURL *windows // by room
	joins   *windows // by address
}

func newAttempts() *attempts {
	return &attempts{
		codes: newWindows(wrongCodes, wrongCodesIn), roomURL: newWindows(wrongAtRoomURL, wrongAtRoomURLIn),
		joins: newWindows(joinsPerAddress, joinsPerAddressIn),
	}
}

func tooMany(retry time.Duration) *Error {
	e := refuse(CodeTooManyAttempts, "too many wrong attempts: wait")
	e.RetryAfter = retry
	return e
}

// join counts a join, or refuses it.
func (a *attempts) join(c Caller, now time.Time) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	k := windowKey{what: "join", network: Line(c.Address)}
	if retry := a.joins.full(k, now); retry > 0 {
		e := refuse(CodeRateLimited, "too many joins from this address: wait")
		e.RetryAfter = retry
		return e
	}
	a.joins.add(k, now)
	return nil
}

// code lets a caller try a code at a door of a room, unless there were too many
// wrong ones. try returns the role the code gives, "" when it is wrong. Trying
// and counting are one step, so many tries at once are no way around.
func (a *attempts) code(c Caller, room string, door via, now time.Time, try func() Role) (Role, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	mine := windowKey{what: "code", network: Line(c.Address), room: room, door: door}
	everybody := windowKey{what: "room_url", room: room}
	retry := a.codes.full(mine, now)
	if door == viaRoomURL {
		retry = max(retry, a.roomURL.full(everybody, now))
	}
	if retry > 0 {
		return "", tooMany(retry)
	}
	role := try()
	if role == "" {
		a.codes.add(mine, now)
		if door == viaRoomURL {
			a.roomURL.add(everybody, now)
		}
		return "", refuse(CodeAccessCodeInvalid, "this access code is not right")
	}
	return role, nil
}

// blocked is code without a try: who is blocked learns it also without a code.
func (a *attempts) blocked(c Caller, room string, door via, now time.Time) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	retry := a.codes.full(windowKey{what: "code", network: Line(c.Address), room: room, door: door}, now)
	if door == viaRoomURL {
		retry = max(retry, a.roomURL.full(windowKey{what: "room_url", room: room}, now))
	}
	if retry > 0 {
		return tooMany(retry)
	}
	return nil
}

// prune forgets what is over.
func (a *attempts) prune(now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, w := range []*windows{a.codes, a.roomURL, a.joins} {
		w.prune(now)
	}
}
