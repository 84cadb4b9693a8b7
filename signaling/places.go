package signaling

import (
	"slices"

	"roomcast/signaling/protocol"
)

// max_publishers counts who can be heard or seen at one time. Who comes too
// late is in the room like everybody else, with their own tracks muted, and may
// unmute them once somebody else has fallen silent.

// publishing reports whether the member takes one of the places.
func (m *member) publishing() bool {
	return m.beginning || slices.ContainsFunc(m.published, func(s protocol.Source) bool { return !m.silenced(s) })
}

// wouldSend reports whether unmuting sources makes others hear or see them.
func (m *member) wouldSend(sources []protocol.Source) bool {
	return slices.ContainsFunc(sources, func(s protocol.Source) bool { return slices.Contains(m.published, s) })
}

// hasPlace reports whether the member publishes already or still may begin to.
func (r *room) hasPlace(m *member) bool {
	most := r.view.Settings.Limits.MaxPublishers
	if most == nil || m.publishing() {
		return true
	}
	var taken int64
	for _, other := range r.members {
		if other != m && other.publishing() {
			taken++
		}
	}
	return taken < *most
}

// takePlace holds a place while an offer with these sources is answered, or
// mutes them when there is none.
func (m *member) takePlace(r *room, sources []protocol.Source) {
	if !slices.ContainsFunc(sources, func(s protocol.Source) bool { return !m.silenced(s) }) {
		return
	}
	if r.hasPlace(m) {
		m.beginning = true
		return
	}
	for _, source := range sources {
		m.muted[source] = true
	}
	m.enforce()
}
