package srt

import (
	"encoding/binary"
	"strings"
	"testing"
	"time"

	srt "github.com/datarhei/gosrt"
	"github.com/datarhei/gosrt/packet"
)

// handshake is a conclusion of version 5 with an MTU and one extension that is cut off.
func handshake(mtu uint32) []byte {
	b := make([]byte, 16+48+1)
	b[0] = 0x80
	cif := b[16:]
	binary.BigEndian.PutUint32(cif, 5)
	binary.BigEndian.PutUint16(cif[6:], 1)
	binary.BigEndian.PutUint32(cif[12:], mtu)
	binary.BigEndian.PutUint32(cif[20:], 0xffffffff)
	return b
}

func TestOffersAreReadFromTheLibrarysLog(t *testing.T) {
	cif := &packet.CIFHandshake{
		Version: 5, HandshakeType: packet.HSTYPE_CONCLUSION, MaxTransmissionUnitSize: 1360,
		HasHS: true, SRTHS: &packet.CIFHandshakeExtension{RecvTSBPDDelay: 200, SendTSBPDDelay: 65535},
		HasSID: true, StreamId: "x\n   maxTransmissionUnitSize: 0x1 (5)\n",
	}
	var h handshakes
	h.Print("handshake:send:cif", 0, 0, func() string { t.Error("another topic is asked for"); return "" })
	h.Print("handshake:recv:cif", 0, 0, cif.String)
	want := offer{known: true, mtu: 1360, receiving: 200 * time.Millisecond, sendings: 65535 * time.Millisecond}
	if h.last != want {
		t.Errorf("%+v, want %+v", h.last, want)
	}
}

func TestOffersThatCostTooMuchAreRefused(t *testing.T) {
	fine := offer{known: true, mtu: 1500, receiving: 120 * time.Millisecond, sendings: 120 * time.Millisecond}
	if err := fine.check(); err != nil {
		t.Error(err)
	}
	for name, o := range map[string]offer{
		"nothing known":        {},
		"a tiny MTU":           {true, 10, 0, 0},
		"a giant one":          {true, 1 << 20, 0, 0},
		"a minute of hoarding": {true, 1500, time.Minute, 0},
		"a minute of sending":  {true, 1500, 0, time.Minute},
	} {
		if o.check() == nil {
			t.Errorf("%s is taken", name)
		}
	}
}

// FuzzOffer feeds the reader of the log, and with it what the library makes of
// any handshake.
func FuzzOffer(f *testing.F) {
	f.Add(handshake(1500)[16:])
	f.Add(append(handshake(10)[16:64], 0, 1, 0, 3, 0, 1, 4, 1, 0, 0, 0, 0xbf, 0, 120, 0, 120))
	f.Fuzz(func(t *testing.T, b []byte) {
		cif := &packet.CIFHandshake{}
		func() {
			defer func() { _ = recover() }() // as the server does
			if cif.Unmarshal(b) != nil {
				cif = nil
			}
		}()
		if cif == nil || cif.Version != 5 || cif.SRTHS == nil {
			return
		}
		o := readOffer(cif.String())
		if o.check() == nil && (cif.MaxTransmissionUnitSize < minMTU || cif.MaxTransmissionUnitSize > srt.MAX_MSS_SIZE) {
			t.Errorf("an MTU of %d is taken", cif.MaxTransmissionUnitSize)
		}
	})
}

func TestStreamIDs(t *testing.T) {
	for id, want := range map[string]string{
		"publish:abc":                         "publish abc",
		"play:abc":                            "play abc",
		"publish:a:b":                         "publish a:b",
		"#!::r=abc,m=publish":                 "publish abc",
		"#!::m=publish,r=abc,t=stream":        "publish abc",
		"#!::r=abc,m=request":                 "play abc",
		"%23!::r=abc,m=publish":               "publish abc",
		"#!::r=abc":                           "play abc",
		"#!::u=me,r=abc,m=publish,x=1":        "publish abc",
		"":                                    "",
		"abc":                                 "",
		"publish:":                            "",
		"publish:a b":                         "",
		"publish:\x00":                        "",
		"play:é":                              "",
		"#!::m=publish":                       "",
		"#!::r=abc,m=bidirectional":           "",
		"#!::r=abc,m=publish,t=file":          "",
		"#!:{r=abc}":                          "",
		"publish:" + strings.Repeat("x", 512): "",
	} {
		w, err := parseStreamID(id)
		got := ""
		if err == nil {
			got = "play "
			if w.publish {
				got = "publish "
			}
			got += w.key.Reveal()
		}
		if got != want {
			t.Errorf("%q is %q, want %q", id, got, want)
		}
	}
}

// FuzzStreamID feeds anything; what is taken is a key of printable letters.
func FuzzStreamID(f *testing.F) {
	for _, s := range []string{"publish:abc", "play:x", "#!::r=abc,m=publish", "#!::"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, id string) {
		w, err := parseStreamID(id)
		if err != nil {
			if strings.Contains(err.Error(), id) && len(id) > 40 {
				t.Error("the error quotes it")
			}
			return
		}
		if k := w.key.Reveal(); k == "" || strings.ContainsAny(k, " \n\x00") {
			t.Errorf("key %q", k)
		}
	})
}
