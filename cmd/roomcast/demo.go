package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"roomcast/secret"
)

// demoCommand is "roomcast demo": a client of the API, nothing more.
type demoCommand struct {
	URL     string        `default:"http://localhost:8080" help:"Where the server is."`
	KeyFile string        `placeholder:"FILE" help:"File with the API key; without it ROOMCAST_ADMIN_KEY is read."`
	Wait    time.Duration `default:"30s" help:"How long to wait for the server to be ready."`
}

// demoRoom is what the command asks for, one of each type.
type demoRoom struct {
	Type        string `json:"room_type"`
	Name        string `json:"room_name"`
	Description string `json:"room_description"`
	AccessCode  string `json:"room_access_code"`
}

var demoRooms = []demoRoom{
	{"meet", "Demo meeting", "Camera, microphone, screen and chat.", "4711"},
	{"live", "Demo broadcast", "Push a stream from OBS or ffmpeg; viewers watch in the browser.", "4711"},
	{"simulcast", "Demo simulcast", "One stream in, many platforms out.", "4711"},
	{"video", "Demo video", "Upload once, watch when you like.", "4711"},
}

// madeRoom is what is read of the answer. URLs and keys are the operator's to see.
type madeRoom struct {
	Type           string `json:"room_type"`
	Name           string `json:"room_name"`
	AccessCode     string `json:"room_access_code"`
	ModeratorURL   string `json:"moderator_url"`
	ParticipantURL string `json:"participant_url"`
	IngestURLs     *struct {
		RTMP *struct {
			URL       string `json:"url"`
			StreamKey string `json:"stream_key"`
		} `json:"rtmp"`
	} `json:"ingest_urls"`
}

// Run implements the command.
func (c *demoCommand) Run(p *process) error {
	key, err := c.key(p)
	if err != nil {
		return err
	}
	client := &demoClient{base: strings.TrimSuffix(c.URL, "/"), key: key, http: &http.Client{Timeout: 10 * time.Second}}
	if err := client.ready(p.ctx, c.Wait); err != nil {
		return err
	}
	for _, room := range demoRooms {
		made, err := client.make(p.ctx, room)
		if err != nil {
			return fmt.Errorf("make a %s room: %w", room.Type, err)
		}
		if err := made.print(p.stdout); err != nil {
			return err
		}
	}
	return nil
}

func (c *demoCommand) key(p *process) (secret.Text, error) {
	if c.KeyFile != "" {
		body, err := os.ReadFile(c.KeyFile)
		if err != nil {
			return secret.Text{}, fmt.Errorf("read the API key: %w", err)
		}
		return secret.New(strings.TrimSpace(string(body))), nil
	}
	for _, variable := range p.env {
		if value, ok := strings.CutPrefix(variable, "ROOMCAST_ADMIN_KEY="); ok && value != "" {
			return secret.New(value), nil
		}
	}
	return secret.Text{}, errors.New("no API key: set ROOMCAST_ADMIN_KEY, or give --key-file")
}

// demoClient calls the API.
type demoClient struct {
	base string
	key  secret.Text
	http *http.Client
}

// ready waits until the server says so.
func (c *demoClient) ready(ctx context.Context, wait time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		status, _, err := c.call(ctx, http.MethodGet, "/readyz", nil)
		if err == nil && status == http.StatusOK {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			if err == nil {
				err = fmt.Errorf("it answers %d", status)
			}
			return fmt.Errorf("wait for %s to be ready: %w", c.base, err)
		}
	}
}

func (c *demoClient) make(ctx context.Context, room demoRoom) (madeRoom, error) {
	body, err := json.Marshal(room)
	if err != nil {
		return madeRoom{}, err
	}
	status, answer, err := c.call(ctx, http.MethodPost, "/api/v1/rooms", body)
	if err != nil {
		return madeRoom{}, err
	}
	if status != http.StatusCreated {
		var problem struct{ Code, Detail string }
		_ = json.Unmarshal(answer, &problem)
		return madeRoom{}, fmt.Errorf("the server answers %d %s: %s", status, problem.Code, problem.Detail)
	}
	var made madeRoom
	if err := json.Unmarshal(answer, &made); err != nil {
		return madeRoom{}, fmt.Errorf("read the answer: %w", err)
	}
	return made, nil
}

// call gives status and body of one request.
func (c *demoClient) call(ctx context.Context, method, path string, body []byte) (int, []byte, error) {
	address, err := url.JoinPath(c.base, path)
	if err != nil {
		return 0, nil, fmt.Errorf("build the address: %w", err)
	}
	request, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err != nil {
		return 0, nil, fmt.Errorf("build the request: %w", err)
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
		request.Header.Set("Authorization", "Bearer "+c.key.Reveal())
	}
	response, err := c.http.Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		return 0, nil, fmt.Errorf("read the answer: %w", err)
	}
	return response.StatusCode, answer, nil
}

// print writes how the room is used.
func (r *madeRoom) print(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "\n%s (%s)\n", r.Name, r.Type)
	fmt.Fprintf(&b, "  moderator    %s\n", r.ModeratorURL)
	fmt.Fprintf(&b, "  participant  %s  (access code %s)\n", r.ParticipantURL, r.AccessCode)
	if r.IngestURLs != nil && r.IngestURLs.RTMP != nil {
		in := r.IngestURLs.RTMP
		fmt.Fprintf(&b, "  publish      server %s, stream key %s\n", in.URL, in.StreamKey)
		fmt.Fprintf(&b, "               ffmpeg -re -f lavfi -i testsrc2=size=1280x720:rate=30 -f lavfi -i sine=frequency=440 \\\n"+
			"                 -c:v libx264 -preset veryfast -tune zerolatency -pix_fmt yuv420p -g 60 -c:a aac \\\n"+
			"                 -f flv %s/%s\n", strings.TrimSuffix(in.URL, "/"), in.StreamKey)
	}
	_, err := io.WriteString(w, b.String())
	return err
}
