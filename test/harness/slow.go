package harness

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
	"time"
)

// SlowPost is a request whose body the server is still waiting for.
type SlowPost struct {
	t    testing.TB
	conn net.Conn
	from *bufio.Reader
	rest string
}

// SlowPost begins a request with the API key and sends all but the last byte of
// its body.
func (s *Server) SlowPost(t testing.TB, path, body string) *SlowPost {
	t.Helper()
	conn, err := net.Dial("tcp", s.HTTP)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() }) // may be closed by the server already
	if err := conn.SetDeadline(time.Now().Add(requestWithin)); err != nil {
		t.Fatal(err)
	}
	last := len(body) - 1
	_, err = fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n",
		path, s.HTTP, s.key, len(body))
	if err != nil {
		t.Fatal(err)
	}
	// "100 Continue" says that the handler has begun to read.
	from := bufio.NewReader(conn)
	response, err := http.ReadResponse(from, nil)
	if err != nil || response.StatusCode != http.StatusContinue {
		t.Fatalf("waiting to be asked for the body: %v, %v", response, err)
	}
	_ = response.Body.Close() // there is none
	if _, err := io.WriteString(conn, body[:last]); err != nil {
		t.Fatal(err)
	}
	return &SlowPost{t: t, conn: conn, from: from, rest: body[last:]}
}

// Finish sends the rest of the body and returns the status of the answer.
func (p *SlowPost) Finish() int {
	p.t.Helper()
	if _, err := io.WriteString(p.conn, p.rest); err != nil {
		p.t.Fatalf("finish the request: %v", err)
	}
	response, err := http.ReadResponse(p.from, nil)
	if err != nil {
		p.t.Fatalf("read the answer of the request in flight: %v", err)
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		p.t.Fatalf("read the answer of the request in flight: %v", err)
	}
	return response.StatusCode
}
