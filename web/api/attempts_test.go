package api

import (
	"encoding/json"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"
)

func TestAttemptsAreCountedInASlidingWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAttempts(3, time.Minute)
		here, there := netip.MustParseAddr("198.51.100.1"), netip.MustParseAddr("198.51.100.2")
		for range 3 {
			if a.wait(here, time.Now()) != 0 {
				t.Error("refused too early")
			}
			a.failed(here, time.Now())
			time.Sleep(10 * time.Second)
		}
		if wait := a.wait(here, time.Now()); wait != 30*time.Second {
			t.Errorf("wait %v, want the time until the first has left the window", wait)
		}
		if a.wait(there, time.Now()) != 0 {
			t.Error("another address is refused")
		}
		time.Sleep(30 * time.Second)
		if a.wait(here, time.Now()) != 0 {
			t.Error("refused after the window")
		}
		time.Sleep(time.Minute)
		if a.wait(here, time.Now()); len(a.wrong) != 0 {
			t.Error("an address without wrong keys is remembered")
		}
	})
}

func TestAttemptsAreBounded(t *testing.T) {
	a := newAttempts(2, time.Minute)
	a.addresses = 3
	now := time.Now()
	for i := range byte(10) {
		a.failed(netip.AddrFrom4([4]byte{10, 0, 0, i}), now.Add(time.Duration(i)*time.Second))
	}
	if len(a.wrong) != 3 {
		t.Errorf("%d addresses are remembered", len(a.wrong))
	}
	if _, newest := a.wrong[netip.MustParsePrefix("10.0.0.9/32")]; !newest {
		t.Error("the newest was forgotten")
	}
	for range 10 {
		a.failed(netip.MustParseAddr("10.0.0.9"), now)
	}
	if n := len(a.wrong[netip.MustParsePrefix("10.0.0.9/32")]); n != 2 {
		t.Errorf("%d times of one address are kept", n)
	}
}

func FuzzWellFormed(f *testing.F) {
	for _, seed := range []string{`{"a":[1,2,{"b":null}]}`, `{"a":1,"a":2}`, `{}{}`, `[`, "\xff", `{"a":1e400}`, `"\ud800"`, ` `} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		err := wellFormed(raw)
		if err == nil && !json.Valid(raw) {
			t.Errorf("%q passes", raw)
		}
		if err != nil {
			return
		}
		fields := readFields(raw)
		_, _ = fields.text("a", 10)
		_ = fields.boolean("b")
		_ = fields.choices("c", "x")
		_ = fields.done()
	})
}
