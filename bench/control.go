package bench

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	callWithin   = 30 * time.Second
	maxAnswer    = 4 << 20
	maxPatience  = time.Minute // for the door to let another one in
	perTicket    = 4           // players on one ticket
	cleanupGrace = 10 * time.Second
)

// control makes rooms and joins them through the server's API.
type control struct {
	base   string
	key    string
	client *http.Client
}

// room is a live room of ours.
type room struct {
	ID               string `json:"id"`
	ParticipantToken string `json:"participant_token"`
	IngestURLs       struct {
		RTMP *struct {
			URL       string `json:"url"`
			StreamKey string `json:"stream_key"`
		} `json:"rtmp"`
	} `json:"ingest_urls"`
}

// endpoints are where a viewer may watch.
type endpoints struct {
	HLS  string `json:"hls"`
	DVR  string `json:"dvr"`
	RTSP string `json:"rtsp"`
	RTMP string `json:"rtmp"`
}

// makeRoom makes a live room that is deleted by remove.
func (c *control) makeRoom(ctx context.Context, name string, dvr time.Duration) (room, error) {
	var r room
	err := c.call(ctx, http.MethodPost, "/api/v1/rooms", map[string]any{
		"room_name": name, "room_type": "live",
		"room_features": map[string]any{"dvr_window_seconds": int(dvr.Seconds())},
	}, &r)
	if err == nil && r.IngestURLs.RTMP == nil {
		err = fmt.Errorf("the server at %s takes no RTMP publishers", c.base)
	}
	return r, err
}

// remove deletes a room, whatever became of the run.
func (c *control) remove(ctx context.Context, r room) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupGrace)
	defer cancel()
	return c.call(ctx, http.MethodDelete, "/api/v1/rooms/"+r.ID, nil, nil)
}

// join takes a seat, and waits when the door lets in no more for now.
func (c *control) join(ctx context.Context, r room) (endpoints, error) {
	var joined struct {
		Endpoints endpoints `json:"endpoints"`
	}
	err := c.call(ctx, http.MethodPost, "/api/v1/join", map[string]any{"token": r.ParticipantToken, "name": "bench"}, &joined)
	return joined.Endpoints, err
}

// state is the phase of a room's broadcast.
func (c *control) state(ctx context.Context, r room) (string, error) {
	var s struct {
		State string `json:"state"`
	}
	err := c.call(ctx, http.MethodGet, "/api/v1/rooms/"+r.ID+"/stream", nil, &s)
	return s.State, err
}

// call makes one request, again while it is answered 429.
func (c *control) call(ctx context.Context, method, path string, body, into any) error {
	var sent []byte
	if body != nil {
		var err error
		if sent, err = json.Marshal(body); err != nil {
			return fmt.Errorf("%s %s: %w", method, path, err)
		}
	}
	patience := time.Now().Add(maxPatience)
	for {
		again, err := c.once(ctx, method, path, sent, into)
		if again == 0 || time.Now().Add(again).After(patience) {
			return err
		}
		if err := pause(ctx, again); err != nil {
			return err
		}
	}
}

// once makes one request; again is after what time another one may succeed.
func (c *control) once(ctx context.Context, method, path string, body []byte, into any) (again time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, callWithin)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(body))
	if err != nil {
		return 0, fmt.Errorf("%s %s: %w", method, path, err)
	}
	req.Header.Set("Content-Type", "application/json")
	if !strings.HasSuffix(path, "/join") {
		req.Header.Set("Authorization", "Bearer "+c.key)
	}
	answer, err := c.client.Do(req)
	var strange *tls.CertificateVerificationError
	if errors.As(err, &strange) {
		return 0, fmt.Errorf("%s %s: %w (--insecure takes any certificate)", method, path, err)
	}
	if err != nil {
		return 0, fmt.Errorf("%s %s: %w", method, path, err)
	}
	defer func() { _ = answer.Body.Close() }() // it was read
	b, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	if err != nil {
		return 0, fmt.Errorf("%s %s: %w", method, path, err)
	}
	if answer.StatusCode >= http.StatusMultipleChoices {
		if answer.StatusCode == http.StatusTooManyRequests {
			n, _ := strconv.Atoi(answer.Header.Get("Retry-After")) // absent is a second
			again = time.Duration(max(n, 1)) * time.Second
		}
		return again, fmt.Errorf("%s %s: %s: %s", method, path, answer.Status, bytes.TrimSpace(b))
	}
	if into == nil {
		return 0, nil
	}
	if err := json.Unmarshal(b, into); err != nil {
		return 0, fmt.Errorf("%s %s: read the answer: %w", method, path, err)
	}
	return 0, nil
}

// pause waits for d, or for the end of ctx.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
