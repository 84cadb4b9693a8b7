package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
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

// Run implements the command.
func (c *demoCommand) Run(p *process) error {
	key, err := c.key(p)
	if err != nil {
		return err
	}
	client := &demoClient{base: c.URL, key: key, http: &http.Client{Timeout: 10 * time.Second}}
	if err := client.ready(p.ctx, c.Wait); err != nil {
		return err
	}
	return client.run(p.ctx, p.stdout)
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

// demoRoom is what is asked for.
type demoRoom struct {
	Type        string `json:"room_type"`
	Name        string `json:"room_name"`
	Description string `json:"room_description"`
	AccessCode  string `json:"room_access_code"`
}

// demoRooms are one of each type.
var demoRooms = []demoRoom{
	{"meet", "Demo meeting", "Camera, microphone, screen and chat.", "4711"},
	{"live", "Demo broadcast", "Push a stream from OBS or ffmpeg; viewers watch in the browser.", "4711"},
	{"simulcast", "Demo simulcast", "One stream in, many platforms out.", "4711"},
	{"video", "Demo video", "Upload once, watch when you like.", "4711"},
}

// madeRoom is what is read of an answer. URLs and keys are the operator's to see.
type madeRoom struct {
	Name           string `json:"room_name"`
	Type           string `json:"room_type"`
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

// print writes how the room is used.
func (r *madeRoom) print(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s (%s)\n", r.Name, r.Type)
	fmt.Fprintf(&b, "  moderator    %s\n", r.ModeratorURL)
	fmt.Fprintf(&b, "  participant  %s\n", r.ParticipantURL)
	if r.AccessCode != "" {
		fmt.Fprintf(&b, "  access code  %s\n", r.AccessCode)
	}
	if r.IngestURLs != nil && r.IngestURLs.RTMP != nil {
		in := r.IngestURLs.RTMP
		fmt.Fprintf(&b, "  publish to   server %s\n               stream key %s\n", in.URL, in.StreamKey)
		fmt.Fprintf(&b, "  or try       ffmpeg -re -f lavfi -i testsrc2=size=1280x720:rate=30 -f lavfi -i sine=frequency=440 \\\n"+
			"                 -c:v libx264 -preset veryfast -tune zerolatency -pix_fmt yuv420p -g 60 -c:a aac \\\n"+
			"                 -f flv %s/%s\n", strings.TrimSuffix(in.URL, "/"), in.StreamKey)
	}
	b.WriteByte('\n')
	_, err := io.WriteString(w, b.String())
	return err
}
