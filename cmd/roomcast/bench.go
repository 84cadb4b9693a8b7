package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strconv"
	"time"

	"roomcast/bench"
)

// benchCommand is "roomcast bench": a running server under load.
type benchCommand struct {
	Live benchLive `cmd:"" help:"Publish broadcasts to a running server, watch them many times, and say what it cost."`
	Bare benchBare `cmd:"" hidden:"" help:"Serve what comes in on standard input (the other side of a comparison)."`
}

// benchLive is "roomcast bench live".
type benchLive struct {
	URL        string `name:"url" default:"http://localhost:8080" help:"The server's address."`
	Key        string `name:"key" env:"ROOMCAST_ADMIN_KEY" required:"" help:"An API key that may make rooms; best by the environment, where other users do not see it."`
	Publishers int    `default:"1" help:"Broadcasts, each in a room of its own."`
	Viewers    int    `default:"100" help:"Viewers, over all rooms."`
	Mode       string `enum:"hls,llhls,rtsp,rtmp" default:"llhls" help:"How they watch: ${enum}."`
	Duration   span   `default:"30" help:"How long is measured, in seconds or as in 1m30s."`
	Bitrate    int    `default:"2500000" help:"Of each picture, in bits per second."`
	DVRWindow  span   `name:"dvr-window" default:"30" help:"The rooms' rewind window, in seconds or as in 1m30s. Measuring begins when it is full; 0 is none."`
	ServerPID  int    `name:"server-pid" help:"The server's process on this machine: adds its processor time, and the comparison with a bare net/http handler."`
	Rounds     int    `default:"12" help:"Rounds of the comparison; 0 leaves it out."`
	Insecure   bool   `help:"Take any certificate, such as a self-signed one."`
	FFmpeg     string `name:"ffmpeg" default:"ffmpeg" help:"The program that makes the clip."`
	JSON       bool   `name:"json" help:"Print the report as JSON."`
}

// span is a time on the command line: a number of seconds, or Go's notation.
type span time.Duration

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *span) UnmarshalText(b []byte) error {
	text := string(b)
	if _, err := strconv.ParseFloat(text, 64); err == nil {
		text += "s"
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		return fmt.Errorf("%q is neither seconds nor like 1m30s", b)
	}
	*s = span(d)
	return nil
}

// Run implements the command.
func (c *benchLive) Run(p *process) error {
	report, err := bench.Live(p.ctx, bench.LiveOptions{
		URL: c.URL, Key: c.Key, Publishers: c.Publishers, Viewers: c.Viewers, Mode: c.Mode, Duration: time.Duration(c.Duration),
		BitrateBps: c.Bitrate, DVRWindow: time.Duration(c.DVRWindow), Insecure: c.Insecure, ServerPID: c.ServerPID, Rounds: c.Rounds, FFmpeg: c.FFmpeg,
		Log: slog.New(slog.NewTextHandler(p.stderr, nil)),
	})
	if err != nil {
		return err
	}
	if c.JSON {
		e := json.NewEncoder(p.stdout)
		e.SetIndent("", "  ")
		err = e.Encode(report)
	} else {
		err = printLive(p.stdout, report)
	}
	if report.Failures > 0 {
		err = errors.Join(err, fmt.Errorf("%d of %d viewers failed, the first: %s", report.Failures, report.Viewers, report.FirstFailure))
	}
	return err
}

// printLive is the report for people.
func printLive(out io.Writer, r *bench.LiveReport) error {
	_, err := fmt.Fprintf(out, "%d broadcasts of %.1f Mb/s, %d viewers by %s (%s), %.0f s\n", r.Publishers, float64(r.BitrateBps)/1e6, r.Viewers, r.Mode, r.Protocol, r.DurationS)
	say := func(name, format string, a ...any) {
		_, e := fmt.Fprintf(out, "  %-12s "+format+"\n", append([]any{name}, a...)...)
		err = errors.Join(err, e)
	}
	if r.DVRWindowFull {
		say("window", "%.0f s, full", r.DVRWindowSeconds)
	}
	say("delivered", "%.1f MB, %d requests, %d of them playlists", float64(r.DeliveredBytes)/1e6, r.Requests, r.Playlists)
	say("latency", "%.0f ms median, %.0f ms 95%%, %.0f ms 99%% (%d pictures, from their clock to the viewer's memory)", r.LatencyP50Ms, r.LatencyP95Ms, r.LatencyP99Ms, r.Pictures)
	say("stalls", "%d, %d ms", r.Stalls, r.StalledMs)
	if r.ServerCPUS != nil {
		say("server", "%.2f CPU s", *r.ServerCPUS)
	}
	if r.ServerCPUSPerGB != nil {
		say("", "%.3f CPU s per GB, with playlists and ingest", *r.ServerCPUSPerGB)
	}
	if b := r.Bare; b != nil {
		say("per GB", "%.3f CPU s; bare handler %.3f; ratio %.2f (segments of %d bytes)", b.Server.CPUPerGB, b.Bare.CPUPerGB, b.RatioGB, b.SegmentBytes)
		say("per playlist", "%.1f CPU us; bare handler %.1f; ratio %.2f (%d bytes; %s)", b.Server.CPUPerPlaylist, b.Bare.CPUPerPlaylist, b.RatioPlaylist, b.PlaylistBytes, b.Protocol)
	}
	return err
}

// benchBare is the hidden other side of a comparison.
type benchBare struct{}

// Run implements the command.
func (benchBare) Run(p *process) error { return bench.ServeBare(p.ctx, os.Stdin, p.stdout) }
