package harness

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

const requestWithin = 30 * time.Second

// Client makes requests in somebody's name. It is a value: With and its kin
// return changed copies.
type Client struct {
	server *Server
	header map[string]string
}

// API returns a client that carries the server's API key.
func (s *Server) API() Client { return s.Stranger().With("Authorization", "Bearer "+s.key) }

// Stranger returns a client without any credential, at an address of its own.
func (s *Server) Stranger() Client {
	return Client{server: s}.With("X-Forwarded-For", NewAddress().String())
}

var addresses atomic.Uint32

// NewAddress returns a client address that was not returned before, from the
// network that RFC 2544 sets aside for tests.
func NewAddress() netip.Addr {
	n := addresses.Add(1)
	return netip.AddrFrom4([4]byte{198, 18 + byte(n>>16&1), byte(n >> 8), byte(n)})
}

// With returns the client with one more header; an empty value removes it.
func (c Client) With(name, value string) Client {
	c.header = maps.Clone(c.header)
	if c.header == nil {
		c.header = make(map[string]string)
	}
	c.header[name] = value
	if value == "" {
		delete(c.header, name)
	}
	return c
}

// Bearer returns the client with another credential.
func (c Client) Bearer(credential string) Client {
	return c.With("Authorization", "Bearer "+credential)
}

// From returns the client at another address.
func (c Client) From(address string) Client { return c.With("X-Forwarded-For", address) }

// Answer is a whole HTTP response.
type Answer struct {
	// Call is the method and path it answers.
	Call   string
	Status int
	Header http.Header
	Body   []byte
}

// Raw is a request body that is sent as it is.
type Raw string

// Send makes a request. body is nil, Raw, or a value to be sent as JSON; path
// may also be a whole URL.
func (c Client) Send(ctx context.Context, method, path string, body any) (Answer, error) {
	reader, err := encode(body)
	if err != nil {
		return Answer{}, err
	}
	url := path
	if strings.HasPrefix(path, "/") {
		url = c.server.URL(path)
	}
	ctx, cancel := context.WithTimeout(ctx, requestWithin)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, url, reader)
	if err != nil {
		return Answer{}, err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	for name, value := range c.header {
		req.Header.Set(name, value)
	}
	res, err := c.server.http.Do(req)
	if err != nil {
		return Answer{}, err
	}
	defer res.Body.Close()
	got, err := io.ReadAll(res.Body)
	if err != nil {
		return Answer{}, fmt.Errorf("read answer of %s %s: %w", method, path, err)
	}
	return Answer{Call: method + " " + path, Status: res.StatusCode, Header: res.Header, Body: got}, nil
}

func encode(body any) (io.Reader, error) {
	switch b := body.(type) {
	case nil:
		return http.NoBody, nil
	case Raw:
		return strings.NewReader(string(b)), nil
	default:
		encoded, err := json.Marshal(b)
		if err != nil {
			return nil, fmt.Errorf("encode body: %w", err)
		}
		return bytes.NewReader(encoded), nil
	}
}

// Do makes a request that the test cannot go on without.
func (c Client) Do(t testing.TB, method, path string, body any) Answer {
	t.Helper()
	answer, err := c.Send(context.Background(), method, path, body)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	return answer
}

// Want makes a request, requires its status, and reads the answer into into if
// that is not nil.
func (c Client) Want(t testing.TB, method, path string, body any, status int, into any) Answer {
	t.Helper()
	answer := c.Do(t, method, path, body)
	answer.Is(t, status, "")
	if into != nil {
		answer.Into(t, into)
	}
	return answer
}

// Refused makes a request and requires that it is refused with status and code.
func (c Client) Refused(t testing.TB, method, path string, body any, status int, code string) Problem {
	t.Helper()
	answer := c.Do(t, method, path, body)
	answer.Is(t, status, code)
	return answer.Problem(t)
}

// Is requires the status and, if not empty, the problem's code.
func (a Answer) Is(t testing.TB, status int, code string) {
	t.Helper()
	if a.Status != status {
		t.Fatalf("%s: status %d, want %d %s\n%.800s", a.Call, a.Status, status, code, a.Body)
	}
	if code == "" {
		return
	}
	if got := a.Problem(t).Code; got != code {
		t.Fatalf("%s: code %q, want %q\n%.800s", a.Call, got, code, a.Body)
	}
}

// Into reads the body as JSON.
func (a Answer) Into(t testing.TB, into any) {
	t.Helper()
	if err := json.Unmarshal(a.Body, into); err != nil {
		t.Fatalf("%s: %v\n%.800s", a.Call, err, a.Body)
	}
}

// Problem is an application/problem+json body (RFC 9457).
type Problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"`
	Code   string `json:"code"`
	Errors []struct {
		Pointer string `json:"pointer"`
		Code    string `json:"code"`
		Detail  string `json:"detail"`
	} `json:"errors"`
	StartsAt *time.Time `json:"starts_at"`
	Limit    string     `json:"limit"`
	Value    *int64     `json:"value"`
	Source   string     `json:"source"`
}

// Problem reads the body as one; anything else fails the test.
func (a Answer) Problem(t testing.TB) Problem {
	t.Helper()
	if got := a.Header.Get("Content-Type"); !strings.HasPrefix(got, "application/problem+json") {
		t.Fatalf("%s: %d with content type %q, want application/problem+json\n%.400s", a.Call, a.Status, got, a.Body)
	}
	var p Problem
	a.Into(t, &p)
	if p.Status != a.Status || p.Code == "" || p.Title == "" {
		t.Fatalf("%s: status %d with an incomplete problem %s", a.Call, a.Status, a.Body)
	}
	return p
}

// Code returns the code of the problem that the answer is, "" if it is none.
func (a Answer) Code() string {
	var p Problem
	if json.Unmarshal(a.Body, &p) != nil {
		return ""
	}
	return p.Code
}
