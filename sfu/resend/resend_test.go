package resend_test

import (
	"bytes"
	"testing"

	"roomcast/sfu/resend"
)

func TestCacheKeepsTheLastPackets(t *testing.T) {
	c := resend.New()
	if _, _, _, ok := c.Get(0, make([]byte, resend.MaxPayload)); ok {
		t.Error("an empty cache has a packet")
	}
	for i := range resend.Packets + 1 {
		c.Put(uint16(65530+i), uint32(i), i%2 == 0, []byte{byte(i), byte(i >> 8)})
	}
	buf := make([]byte, resend.MaxPayload)
	if _, _, _, ok := c.Get(65530, buf); ok {
		t.Error("the oldest packet is still there")
	}
	n, ts, marker, ok := c.Get(65531, buf)
	if !ok || ts != 1 || marker || !bytes.Equal(buf[:n], []byte{1, 0}) {
		t.Errorf("got % x at %d, marker %v, %v", buf[:n], ts, marker, ok)
	}
	if _, _, _, ok := c.Get(4000, buf); ok {
		t.Error("a packet that never was is there")
	}
}

func TestCacheLeavesOutWhatIsTooLong(t *testing.T) {
	c := resend.New()
	c.Put(1, 0, false, make([]byte, resend.MaxPayload+1))
	if _, _, _, ok := c.Get(1, make([]byte, resend.MaxPayload)); ok {
		t.Error("it was kept")
	}
}

func TestCacheNeedsNoAllocation(t *testing.T) {
	c := resend.New()
	payload, buf := make([]byte, 1200), make([]byte, resend.MaxPayload)
	if n := testing.AllocsPerRun(100, func() {
		c.Put(1, 2, true, payload)
		c.Get(1, buf)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
