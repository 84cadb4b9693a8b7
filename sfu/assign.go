package sfu

import "slices"

// Source is what a track of a participant shows or lets hear, in the words of
// the one who calls this package.
type Source string

// trackID names a track in a room. The zero value is no track.
type trackID struct {
	peer   string
	source Source
}

// assign decides which tracks a set of slots carries. now is what each carries,
// wanted what there is to carry, the most wanted first. Who stays wanted stays
// in its slot; what does not fit is left out.
func assign(now, wanted []trackID) []trackID {
	wanted = wanted[:min(len(wanted), len(now))]
	next := make([]trackID, len(now))
	for i, id := range now {
		if slices.Contains(wanted, id) {
			next[i] = id
		}
	}
	free := 0
	for _, id := range wanted {
		if slices.Contains(next, id) {
			continue
		}
		for next[free] != (trackID{}) {
			free++
		}
		next[free] = id
	}
	return next
}
