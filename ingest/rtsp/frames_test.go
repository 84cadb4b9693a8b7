package rtsp

import (
	"bufio"
	"encoding/binary"
	"io"
	"net"
	"net/http"
	"net/textproto"
	"strconv"
	"testing"
	"time"
)

// talk sends a request and reads its answer, which must be 200.
func talk(t *testing.T, nc net.Conn, request string) http.Header {
	t.Helper()
	if _, err := nc.Write([]byte(request)); err != nil {
		t.Fatal(err)
	}
	// One byte at a time: what follows the answer is not ours.
	in := bufio.NewReaderSize(oneByte{nc}, 16)
	r := textproto.NewReader(in)
	_ = nc.SetReadDeadline(time.Now().Add(10 * time.Second))
	line, err := r.ReadLine()
	if err != nil || line != "RTSP/1.0 200 OK" {
		t.Fatalf("answered %q %v", line, err)
	}
	header, err := r.ReadMIMEHeader()
	if err != nil {
		t.Fatal(err)
	}
	if n, _ := strconv.Atoi(header.Get("Content-Length")); n > 0 {
		if _, err := io.CopyN(io.Discard, in, int64(n)); err != nil {
			t.Fatal(err)
		}
	}
	return http.Header(header)
}

type oneByte struct{ r io.Reader }

func (o oneByte) Read(p []byte) (int, error) { return o.r.Read(p[:1]) }

// frames reads the pictures that the test numbered.
type frames struct {
	in   *bufio.Reader
	conn net.Conn
}

func newFrames(nc net.Conn) *frames { return &frames{in: bufio.NewReader(nc), conn: nc} }

// next is the number of the next picture, by the first packet of its slice.
func (f *frames) next() (n int, key bool, err error) {
	for {
		_ = f.conn.SetReadDeadline(time.Now().Add(10 * time.Second))
		var head [4]byte
		if _, err := io.ReadFull(f.in, head[:]); err != nil {
			return 0, false, err
		}
		body := make([]byte, binary.BigEndian.Uint16(head[2:]))
		if _, err := io.ReadFull(f.in, body); err != nil {
			return 0, false, err
		}
		if head[0] != '$' || head[1] != 0 || len(body) < 16 {
			continue
		}
		payload := body[12:]
		// FU-A that begins a slice (RFC 6184, section 5.8).
		if payload[0]&0x1f == 28 && payload[1]&0x80 != 0 {
			return int(payload[2]) | int(payload[3])<<8, payload[1]&0x1f == 5, nil
		}
	}
}
