package srt

import (
	"bytes"
	"math/rand/v2"
	"net"
	"testing"
	"time"

	srt "github.com/datarhei/gosrt"
	"github.com/datarhei/gosrt/circular"
	"github.com/datarhei/gosrt/packet"

	"roomcast/media"
)

// raw is a client that sends packets of its own making.
type raw struct {
	t    *testing.T
	nc   net.Conn
	peer uint32 // the server's socket
}

// handshakeWith goes through both steps of the handshake; change may spoil the second.
func (r *raw) handshakeWith(change func(*packet.CIFHandshake)) *packet.CIFHandshake {
	r.t.Helper()
	cif := &packet.CIFHandshake{
		IsRequest: true, Version: 4, ExtensionField: 2, InitialPacketSequenceNumber: circular.New(1, packet.MAX_SEQUENCENUMBER),
		MaxTransmissionUnitSize: srt.MAX_MSS_SIZE, MaxFlowWindowSize: 8192, HandshakeType: packet.HSTYPE_INDUCTION, SRTSocketId: rand.Uint32() >> 2,
	}
	cif.PeerIP.FromNetAddr(r.nc.LocalAddr())
	answer := r.exchange(cif)
	if answer == nil {
		return nil
	}
	cif.Version, cif.SynCookie, cif.HandshakeType = 5, answer.SynCookie, packet.HSTYPE_CONCLUSION
	cif.ExtensionField = 5
	cif.HasHS, cif.HasSID, cif.StreamId = true, true, "publish:"+key
	cif.SRTHS = &packet.CIFHandshakeExtension{
		SRTVersion: srt.SRT_VERSION, RecvTSBPDDelay: 120, SendTSBPDDelay: 120,
		SRTFlags: packet.CIFHandshakeExtensionFlags{TSBPDSND: true, TSBPDRCV: true, CRYPT: true, TLPKTDROP: true, PERIODICNAK: true, REXMITFLG: true},
	}
	change(cif)
	answer = r.exchange(cif)
	if answer != nil {
		r.peer = answer.SRTSocketId
	}
	return answer
}

// exchange sends a handshake and waits for the answer; nil if there is none.
func (r *raw) exchange(cif *packet.CIFHandshake) *packet.CIFHandshake {
	r.t.Helper()
	p := packet.NewPacket(r.nc.RemoteAddr())
	p.Header().IsControlPacket, p.Header().ControlType = true, packet.CTRLTYPE_HANDSHAKE
	p.MarshalCIF(cif)
	var b bytes.Buffer
	if err := p.Marshal(&b); err != nil {
		r.t.Fatal(err)
	}
	if _, err := r.nc.Write(b.Bytes()); err != nil {
		r.t.Fatal(err)
	}
	buf := make([]byte, 1500)
	_ = r.nc.SetReadDeadline(time.Now().Add(2 * time.Second))
	n, err := r.nc.Read(buf)
	if err != nil {
		return nil
	}
	got, err := packet.NewPacketFromData(r.nc.RemoteAddr(), buf[:n])
	if err != nil {
		r.t.Fatal(err)
	}
	answer := &packet.CIFHandshake{}
	if err := got.UnmarshalCIF(answer); err != nil {
		r.t.Fatal(err)
	}
	return answer
}

func rawClient(t *testing.T, address string) *raw {
	t.Helper()
	nc, err := net.Dial("udp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = nc.Close() })
	return &raw{t: t, nc: nc}
}

func TestCostlyHandshakesAreRefused(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*packet.CIFHandshake)
		in     bool
	}{
		"an ordinary one":       {func(*packet.CIFHandshake) {}, true},
		"packets of ten bytes":  {func(c *packet.CIFHandshake) { c.MaxTransmissionUnitSize = 10 }, false},
		"a minute of latency":   {func(c *packet.CIFHandshake) { c.SRTHS.SendTSBPDDelay = 60_000 }, false},
		"a minute of rereading": {func(c *packet.CIFHandshake) { c.SRTHS.RecvTSBPDDelay = 60_000 }, false},
		"the old version":       {func(c *packet.CIFHandshake) { c.Version, c.ExtensionField = 4, 2 }, false},
	} {
		t.Run(name, func(t *testing.T) {
			h := &house{}
			answer := rawClient(t, serve(t, h, Options{})).handshakeWith(tt.change)
			if in := answer != nil && answer.HandshakeType == packet.HSTYPE_CONCLUSION; in != tt.in || (h.sink(0) != nil) != tt.in {
				t.Errorf("let in: %v, answer %+v", in, answer)
			}
		})
	}
}

// TestHostilePeersEndTheirOwnConnectionOnly lets a peer that was let in send
// control and data packets of every kind with anything in them. Nothing of ours
// could catch a panic in the library's goroutines.
func TestHostilePeersEndTheirOwnConnectionOnly(t *testing.T) {
	h := onAir(t, media.H264, media.AAC)
	address := serve(t, h, Options{})
	random := rand.New(rand.NewPCG(3, 5))
	kinds := []packet.CtrlType{
		packet.CTRLTYPE_HANDSHAKE, packet.CTRLTYPE_KEEPALIVE, packet.CTRLTYPE_ACK, packet.CTRLTYPE_NAK, packet.CTRLTYPE_WARN,
		packet.CTRLTYPE_ACKACK, packet.CRTLTYPE_DROPREQ, packet.CRTLTYPE_PEERERROR, packet.CTRLTYPE_USER,
	}
	for _, id := range []string{"publish:" + key, "play:" + ticket, "publish:" + key, "play:" + ticket} {
		r := rawClient(t, address)
		if r.handshakeWith(func(c *packet.CIFHandshake) { c.StreamId = id }) == nil || r.peer == 0 {
			t.Fatal("not let in")
		}
		for n := range 3000 {
			p := packet.NewPacket(r.nc.RemoteAddr())
			head := p.Header()
			head.DestinationSocketId, head.Timestamp = r.peer, random.Uint32()
			if random.IntN(3) > 0 {
				head.IsControlPacket, head.ControlType = true, kinds[random.IntN(len(kinds))]
				head.SubType, head.TypeSpecific = packet.CtrlSubType(random.IntN(10)), random.Uint32()
			} else {
				head.PacketSequenceNumber = circular.New(random.Uint32()>>1, packet.MAX_SEQUENCENUMBER)
				head.MessageNumber, head.KeyBaseEncryptionFlag = random.Uint32()>>6, packet.PacketEncryption(random.IntN(4))
				head.RetransmittedPacketFlag = random.IntN(2) == 0
			}
			body := make([]byte, random.IntN(64))
			for i := range body {
				body[i] = byte(random.Uint32())
			}
			p.SetData(body)
			var b bytes.Buffer
			if err := p.Marshal(&b); err != nil {
				t.Fatal(err)
			}
			if _, err := r.nc.Write(b.Bytes()); err != nil {
				t.Fatal(err)
			}
			if n%100 == 0 { // let the server come along
				<-time.After(2 * time.Millisecond)
			}
		}
	}
	if _, err := dial(t, address, "publish:"+key, ""); err != nil {
		t.Errorf("the server is gone: %v", err)
	}
}
