package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"roomcast/rooms"
	"roomcast/secret"
	"roomcast/web/api"
)

// demoClient calls the API.
type demoClient struct {
	base string
	key  secret.Text
	http *http.Client
}

// run makes the rooms that are not there yet, and prints how each is used.
func (c *demoClient) run(ctx context.Context, w io.Writer) error {
	for _, room := range demoRooms {
		made, err := c.room(ctx, room)
		if err != nil {
			return fmt.Errorf("make a %s room: %w", room.Type, err)
		}
		if err := made.print(w); err != nil {
			return err
		}
	}
	return nil
}

// ready waits until the server says so.
func (c *demoClient) ready(ctx context.Context, wait time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		err := c.call(ctx, http.MethodGet, "/readyz", nil, nil)
		if err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("wait for %s to be ready: %w", c.base, err)
		}
	}
}

// room gives the room of that type and name, made if there is none.
func (c *demoClient) room(ctx context.Context, room demoRoom) (madeRoom, error) {
	query := url.Values{"room_type": {room.Type}, "q": {room.Name}}
	var page struct {
		Items []madeRoom `json:"items"`
	}
	if err := c.call(ctx, http.MethodGet, "/api/v1/rooms?"+query.Encode(), nil, &page); err != nil {
		return madeRoom{}, err
	}
	for _, found := range page.Items {
		if found.Name == room.Name {
			return found, nil
		}
	}
	var made madeRoom
	err := c.call(ctx, http.MethodPost, "/api/v1/rooms", room, &made)
	return made, err
}

// call sends body and reads the answer, both JSON and both optional.
func (c *demoClient) call(ctx context.Context, method, path string, body, answer any) error {
	var content bytes.Buffer
	if body != nil {
		if err := json.NewEncoder(&content).Encode(body); err != nil {
			return fmt.Errorf("write the request: %w", err)
		}
	}
	request, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(c.base, "/")+path, &content)
	if err != nil {
		return fmt.Errorf("build the request: %w", err)
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	if path != "/readyz" {
		request.Header.Set("Authorization", "Bearer "+c.key.Reveal())
	}
	response, err := c.http.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	if response.StatusCode/100 != 2 {
		var problem struct{ Code, Detail string }
		_ = json.Unmarshal(text, &problem) // without a problem the status has to do
		return fmt.Errorf("the server answers %d %s %s", response.StatusCode, problem.Code, problem.Detail)
	}
	if answer == nil {
		return nil
	}
	if err := json.Unmarshal(text, answer); err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	return nil
}

// demoKeys lets one key more in while demo runs, which only this process knows
// and keeps nowhere: "serve --demo" makes its rooms by the API, through the same
// checks as everybody, without asking the operator for a key.
type demoKeys struct {
	api.Keys
	key   secret.Text
	valid atomic.Bool
}

func newDemoKeys(keys api.Keys) *demoKeys {
	return &demoKeys{Keys: keys, key: secret.New("demo-" + rand.Text())}
}

// Check implements api.Keys.
func (k *demoKeys) Check(ctx context.Context, presented secret.Text) (rooms.Key, error) {
	if k.valid.Load() && k.key.Equal(presented.Reveal()) {
		return rooms.Key{ID: "demo", Scopes: []string{rooms.ScopeAll}}, nil
	}
	return k.Keys.Check(ctx, presented)
}

// demo makes and prints the rooms. It asks handler directly, as if requests came
// to base.
func (k *demoKeys) demo(ctx context.Context, handler http.Handler, base string, w io.Writer) error {
	k.valid.Store(true)
	defer k.valid.Store(false)
	client := &demoClient{base: base, key: k.key, http: &http.Client{Transport: inProcess{handler}}}
	return client.run(ctx, w)
}

// inProcess is an http.RoundTripper that asks a handler. No listener's address,
// certificate or proxy stands between.
type inProcess struct{ handler http.Handler }

// RoundTrip implements http.RoundTripper.
func (t inProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.RemoteAddr, r.RequestURI, r.Host = "127.0.0.1:0", r.URL.RequestURI(), r.URL.Host
	if r.URL.Scheme == "https" {
		r.TLS = &tls.ConnectionState{HandshakeComplete: true}
	}
	w := &answer{header: http.Header{}, status: http.StatusOK}
	t.handler.ServeHTTP(w, r)
	return &http.Response{
		StatusCode: w.status, Header: w.header, Request: r,
		ProtoMajor: 1, ProtoMinor: 1, ContentLength: int64(w.body.Len()), Body: io.NopCloser(&w.body),
	}, nil
}

// answer is an http.ResponseWriter that keeps what is written.
type answer struct {
	header http.Header
	body   bytes.Buffer
	status int
}

// Header implements http.ResponseWriter.
func (a *answer) Header() http.Header { return a.header }

// WriteHeader implements http.ResponseWriter.
func (a *answer) WriteHeader(status int) { a.status = status }

// Write implements http.ResponseWriter.
func (a *answer) Write(p []byte) (int, error) { return a.body.Write(p) }
