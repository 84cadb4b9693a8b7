package jitter

import (
	"slices"
	"testing"
	"time"

	"github.com/pion/rtp"
)

const wait = 400 * time.Millisecond

var start = time.Unix(1000, 0)

func packet(seq uint16) *rtp.Packet { return &rtp.Packet{Header: rtp.Header{SequenceNumber: seq}} }

// drain pops all there is; a loss is written as -1 before the packet.
func drain(b *Buffer, now time.Time) (got []int) {
	for {
		p, lost := b.Pop(now)
		if p == nil {
			return got
		}
		if lost {
			got = append(got, -1)
		}
		got = append(got, int(p.SequenceNumber))
	}
}

func TestPacketsComeOutInOrder(t *testing.T) {
	for name, tt := range map[string]struct {
		in   []uint16
		now  []int // at once
		then []int // once waiting is over
	}{
		"as they came":                    {[]uint16{5, 6, 7}, []int{5, 6, 7}, nil},
		"sorted":                          {[]uint16{5, 7, 8, 6}, []int{5, 6, 7, 8}, nil},
		"once each":                       {[]uint16{5, 6, 6, 5, 7}, []int{5, 6, 7}, nil},
		"over the end of the numbers":     {[]uint16{65534, 0, 65535, 1}, []int{65534, 65535, 0, 1}, nil},
		"after a hole, in time":           {[]uint16{5, 7, 8}, []int{5}, []int{-1, 7, 8}},
		"after two holes":                 {[]uint16{5, 7, 9}, []int{5}, []int{-1, 7, -1, 9}},
		"after a leap, at once":           {[]uint16{5, 9000, 9001}, []int{5, -1, 9000, 9001}, nil},
		"the first decides the beginning": {[]uint16{5, 4, 3, 6}, []int{5, 6}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			b := New(wait)
			var got []int
			for _, seq := range tt.in {
				b.Push(packet(seq), start)
				if seq == tt.in[0] || seq == 9000 {
					got = append(got, drain(b, start)...)
				}
			}
			if got = append(got, drain(b, start)...); !slices.Equal(got, tt.now) {
				t.Errorf("at once %v, want %v", got, tt.now)
			}
			if got := drain(b, start.Add(wait)); !slices.Equal(got, tt.then) {
				t.Errorf("then %v, want %v", got, tt.then)
			}
			if b.Held() != 0 {
				t.Errorf("%d still held", b.Held())
			}
		})
	}
}

func TestALossIsAskedForAndRepaired(t *testing.T) {
	b := New(wait)
	b.Push(packet(1), start)
	drain(b, start)
	b.Push(packet(4), start)
	at := func(ms int) time.Time { return start.Add(time.Duration(ms) * time.Millisecond) }
	for _, step := range []struct {
		ms   int
		want []uint16
	}{{0, nil}, {5, nil}, {10, []uint16{2, 3}}, {50, nil}, {80, []uint16{2, 3}}} {
		if got := b.Missing(nil, at(step.ms), 10); !slices.Equal(got, step.want) {
			t.Errorf("after %d ms %v is asked for, want %v", step.ms, got, step.want)
		}
	}
	b.Push(packet(3), at(90))
	if got := b.Missing(nil, at(200), 10); !slices.Equal(got, []uint16{2}) {
		t.Errorf("%v is asked for, want 2", got)
	}
	b.Push(packet(2), at(210))
	if got := drain(b, at(210)); !slices.Equal(got, []int{2, 3, 4}) {
		t.Errorf("out came %v", got)
	}
	if lost, repaired := b.Stats(); lost != 0 || repaired != 2 {
		t.Errorf("%d lost, %d repaired", lost, repaired)
	}
	if got := b.Missing(nil, at(900), 10); got != nil {
		t.Errorf("%v is asked for with nothing missing", got)
	}
}

func TestRequestsAreBounded(t *testing.T) {
	b := New(wait)
	b.Push(packet(1), start)
	drain(b, start)
	b.Push(packet(500), start)
	if got := b.Missing(nil, start.Add(20*time.Millisecond), 16); len(got) != 16 || got[0] != 2 {
		t.Errorf("%v are asked for at once", got)
	}
}

func TestASenderThatCountsAnewIsFollowed(t *testing.T) {
	b := New(wait)
	for n := range uint16(100) {
		b.Push(packet(30000+n), start)
	}
	drain(b, start)
	var got []int
	for n := range uint16(200) {
		b.Push(packet(n+1000), start)
		got = append(got, drain(b, start)...)
	}
	if len(got) < 100 || got[0] != -1 {
		t.Errorf("%d packets came out of 200", len(got))
	}
}

func FuzzBuffer(f *testing.F) {
	f.Add([]byte{1, 1, 1, 3, 0, 255, 1, 90, 1})
	f.Fuzz(func(t *testing.T, steps []byte) {
		b := New(wait)
		now, seq := start, uint16(65500)
		var last *uint16
		pushed, popped := 0, 0
		for i, s := range steps {
			seq += uint16(int8(s))
			if s == 127 {
				seq += 4000
			}
			b.Push(packet(seq), now)
			pushed++
			now = now.Add(time.Duration(s%32) * time.Millisecond)
			if len(b.Missing(nil, now, 8)) > 8 {
				t.Fatal("more asked for than allowed")
			}
			for {
				p, lost := b.Pop(now)
				if p == nil {
					break
				}
				popped++
				if last != nil && !lost && p.SequenceNumber != *last+1 {
					t.Fatalf("step %d: %d after %d without a loss", i, p.SequenceNumber, *last)
				}
				n := p.SequenceNumber
				last = &n
			}
		}
		if popped+b.Held() > pushed {
			t.Fatalf("%d in, %d out", pushed, popped)
		}
	})
}

func BenchmarkBuffer(b *testing.B) {
	buf := New(wait)
	packets := make([]*rtp.Packet, 256)
	for i := range packets {
		packets[i] = &rtp.Packet{}
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		p := packets[i%len(packets)]
		p.SequenceNumber = uint16(i)
		buf.Push(p, start)
		buf.Pop(start)
	}
}
