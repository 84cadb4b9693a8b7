package live

import "testing"

// TestEveryEdgeOfTheLifeOfABroadcast walks the whole table, absent moves included.
func TestEveryEdgeOfTheLifeOfABroadcast(t *testing.T) {
	phases := []Phase{Waiting, Preview, Live, Interrupted, Ended}
	// Rows: from; columns in the order of the events; "" is no move.
	want := map[Phase][8]Phase{
		//            published publishedPreview gone  started stopped windowPassed rested over
		Waiting:     {Live, Preview, "", "", "", "", "", ""},
		Preview:     {Preview, Preview, Waiting, Live, "", "", "", Waiting},
		Live:        {Live, Live, Interrupted, "", Preview, "", "", Ended},
		Interrupted: {Live, Live, "", "", Ended, Ended, "", Ended},
		Ended:       {Live, Preview, "", "", "", "", Waiting, ""},
	}
	if len(eventNames) != 8 {
		t.Fatalf("%d events", len(eventNames))
	}
	reached := map[Phase]bool{Waiting: true}
	for _, from := range phases {
		for e := published; e <= over; e++ {
			to, ok := from.next(e)
			if to != want[from][e] || ok != (want[from][e] != "") {
				t.Errorf("%s, %s: %q (%v), want %q", from, e, to, ok, want[from][e])
			}
			if ok {
				reached[to] = true
			}
			// A show is open exactly in live and interrupted.
			open := func(p Phase) bool { return p == Live || p == Interrupted }
			if ok && from.newShow(to) != (!open(from) && open(to)) {
				t.Errorf("%s to %s: new show %v", from, to, from.newShow(to))
			}
			if ok && from.endsShow(to) != (open(from) && !open(to)) {
				t.Errorf("%s to %s: ends show %v", from, to, from.endsShow(to))
			}
		}
	}
	for _, p := range phases {
		if !reached[p] {
			t.Errorf("%s is never reached", p)
		}
	}
}
