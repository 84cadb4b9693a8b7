package rewrite_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"roomcast/sfu/rewrite"
	"roomcast/sfu/vp8"
)

var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func at(ms int) time.Time { return epoch.Add(time.Duration(ms) * time.Millisecond) }

// step is one packet in, or a switch before it.
type step struct {
	switched bool
	seq      uint16
	ts       uint32
	ms       int
	wantSeq  uint16
	wantTS   uint32
	dropped  bool
}

func TestMap(t *testing.T) {
	tests := map[string][]step{
		"the first packet gets the first numbers": {
			{seq: 7, ts: 900, wantSeq: 100, wantTS: 5000},
		},
		"what follows keeps its distances": {
			{seq: 7, ts: 900, wantSeq: 100, wantTS: 5000},
			{seq: 8, ts: 3900, ms: 33, wantSeq: 101, wantTS: 8000},
			{seq: 11, ts: 6900, ms: 66, wantSeq: 104, wantTS: 11000},
		},
		"a late packet takes the place kept for it": {
			{seq: 7, ts: 900, wantSeq: 100, wantTS: 5000},
			{seq: 9, ts: 6900, ms: 66, wantSeq: 102, wantTS: 11000},
			{seq: 8, ts: 3900, ms: 67, wantSeq: 101, wantTS: 8000},
		},
		"a packet is sent once": {
			{seq: 7, ts: 900, wantSeq: 100, wantTS: 5000},
			{seq: 7, ts: 900, dropped: true},
			{seq: 9, ts: 900, wantSeq: 102, wantTS: 5000},
			{seq: 8, ts: 900, wantSeq: 101, wantTS: 5000},
			{seq: 8, ts: 900, dropped: true},
		},
		"a packet of before the first is not sent": {
			{seq: 7, ts: 900, wantSeq: 100, wantTS: 5000},
			{seq: 6, ts: 900, dropped: true},
		},
		"sequence numbers wrap": {
			{seq: 65535, ts: 4294967295, wantSeq: 100, wantTS: 5000},
			{seq: 0, ts: 2999, ms: 33, wantSeq: 101, wantTS: 8000},
			{seq: 65535, dropped: true},
		},
		"a switch goes on with the next number, as much later as it is": {
			{seq: 7, ts: 900, wantSeq: 100, wantTS: 5000},
			{switched: true, seq: 40000, ts: 123456, ms: 100, wantSeq: 101, wantTS: 14000},
			{seq: 40001, ts: 126456, ms: 133, wantSeq: 102, wantTS: 17000},
			{seq: 39999, ts: 120456, dropped: true},
		},
		"a switch at the same moment still moves time on": {
			{seq: 7, ts: 900, wantSeq: 100, wantTS: 5000},
			{switched: true, seq: 1, ts: 1, wantSeq: 101, wantTS: 5001},
		},
		"a switch after a loss leaves no gap of the old source": {
			{seq: 7, ts: 900, wantSeq: 100, wantTS: 5000},
			{seq: 10, ts: 900, wantSeq: 103, wantTS: 5000},
			{switched: true, seq: 3, ts: 1, ms: 10, wantSeq: 104, wantTS: 5900},
		},
		"a jump over the window forgets what was before": {
			{seq: 0, ts: 0, wantSeq: 100, wantTS: 5000},
			{seq: 5000, ts: 0, wantSeq: 5100, wantTS: 5000},
			{seq: 3000, ts: 0, dropped: true},
			{seq: 4999, ts: 0, wantSeq: 5099, wantTS: 5000},
		},
	}
	for name, steps := range tests {
		t.Run(name, func(t *testing.T) {
			r := rewrite.New(90000, 100, 5000)
			for i, s := range steps {
				if s.switched {
					r.Switch()
				}
				seq, ts, ok := r.Map(s.seq, s.ts, at(s.ms))
				if ok == s.dropped {
					t.Fatalf("step %d: ok is %v", i, ok)
				}
				if ok && (seq != s.wantSeq || ts != s.wantTS) {
					t.Fatalf("step %d: got %d at %d, want %d at %d", i, seq, ts, s.wantSeq, s.wantTS)
				}
			}
		})
	}
}

// TestNoNumberIsUsedTwice drives the rewriter with reordered, repeated and
// lost packets over many switches: an SRTP nonce is its sequence number.
func TestNoNumberIsUsedTwice(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	r := rewrite.New(90000, 65000, 0)
	var highest uint64 = 64999 // extended
	used := map[uint64]bool{}
	now := 0
	for range 200 {
		r.Switch()
		base, baseTS := uint16(rnd.Uint32()), rnd.Uint32()
		for i := range 500 {
			now += 3
			seq := base + uint16(max(0, i-rnd.IntN(40)))
			out, _, ok := r.Map(seq, baseTS+uint32(i)*270, at(now))
			if !ok {
				continue
			}
			extended := highest + uint64(int64(int16(out-uint16(highest))))
			if used[extended] {
				t.Fatalf("number %d was used twice", out)
			}
			used[extended] = true
			highest = max(highest, extended)
			if back, ok := r.Source(out); !ok || back != seq {
				t.Fatalf("Source(%d) = %d, %v; was %d", out, back, ok, seq)
			}
		}
	}
}

func TestSourceKnowsOnlyWhatWasSent(t *testing.T) {
	r := rewrite.New(90000, 100, 0)
	if _, ok := r.Source(100); ok {
		t.Error("a packet is known before any was sent")
	}
	r.Map(7, 0, at(0))
	r.Map(9, 0, at(0))
	for out, want := range map[uint16]bool{99: false, 100: true, 101: false, 102: true, 103: false} {
		if _, ok := r.Source(out); ok != want {
			t.Errorf("Source(%d) known: %v", out, ok)
		}
	}
	r.Switch()
	if _, ok := r.Source(100); ok {
		t.Error("a packet of the source before the switch is known")
	}
}

func TestNowRunsOnBetweenPackets(t *testing.T) {
	r := rewrite.New(48000, 1, 1000)
	if _, ok := r.Now(at(0)); ok {
		t.Error("there is a time before the first packet")
	}
	r.Map(1, 77, at(0))
	if ts, _ := r.Now(at(500)); ts != 25000 {
		t.Errorf("half a second later it is %d", ts)
	}
}

func TestVP8CountersGoOnOverASwitch(t *testing.T) {
	r := rewrite.New(90000, 1, 0)
	feed := func(picture uint16, tl0 uint8) (uint16, uint8) {
		payload := []byte{0x90, 0xe0, 0x80 | byte(picture>>8), byte(picture), tl0, 0x00, 0x01}
		d, ok := vp8.Parse(payload)
		if !ok {
			t.Fatal("not parsed")
		}
		r.VP8(&d, payload)
		d, _ = vp8.Parse(payload)
		return d.PictureID, d.TL0PicIdx
	}
	expect := func(picture uint16, tl0 uint8, wantPicture uint16, wantTL0 uint8) {
		t.Helper()
		if gotPicture, gotTL0 := feed(picture, tl0); gotPicture != wantPicture || gotTL0 != wantTL0 {
			t.Errorf("picture %d, layer %d became %d, %d; want %d, %d", picture, tl0, gotPicture, gotTL0, wantPicture, wantTL0)
		}
	}
	expect(0x7ffe, 200, 1, 1)
	expect(0x7fff, 201, 2, 2)
	expect(0, 202, 3, 3)
	expect(0x7fff, 201, 2, 2) // a late packet of the picture before
	r.Switch()
	expect(5000, 9, 4, 4)
	expect(5001, 10, 5, 5)
}
