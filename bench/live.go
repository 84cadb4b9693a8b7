package bench

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// Modes of watching.
const (
	ModeHLS   = "hls"   // whole segments
	ModeLLHLS = "llhls" // parts, by blocking reloads
	ModeRTSP  = "rtsp"
	ModeRTMP  = "rtmp"
)

// LiveOptions say what load to make.
type LiveOptions struct {
	// URL of the server, and an API key that may make rooms.
	URL, Key string
	// Publishers, each in a room of its own, and Viewers over all rooms.
	Publishers, Viewers int
	Mode                string
	// Duration of the measurement, after everybody is watching.
	Duration time.Duration
	// BitrateBps of each broadcast's picture, in bits per second.
	BitrateBps int
	// DVRWindow is the rooms' rewind window, 0 for none. It is full before anything is measured.
	DVRWindow time.Duration
	// Insecure takes any certificate, such as a self-signed one.
	Insecure bool
	// ServerPID is the server's process, for its processor time; 0 leaves that out.
	ServerPID int
	// Rounds of the comparison with a bare handler; 0 leaves it out.
	Rounds int
	// FFmpeg is the program that makes the clip.
	FFmpeg string
	Log    *slog.Logger
}

// LiveReport is what a run found. Figures of the server's processor time are
// null without a process to look at.
type LiveReport struct {
	Mode             string      `json:"mode"`
	Protocol         string      `json:"protocol"`
	Publishers       int         `json:"publishers"`
	Viewers          int         `json:"viewers"`
	DurationS        float64     `json:"duration_s"`
	BitrateBps       int         `json:"bitrate_bps"`
	DVRWindowSeconds float64     `json:"dvr_window_seconds"`
	DVRWindowFull    bool        `json:"dvr_window_full"`
	DeliveredBytes   int64       `json:"delivered_bytes"`
	Requests         int64       `json:"requests"`
	Playlists        int64       `json:"playlists"`
	ServerCPUS       *float64    `json:"server_cpu_s"`
	ServerCPUSPerGB  *float64    `json:"server_cpu_s_per_gb"`
	CPUUsPerPlaylist *float64    `json:"server_cpu_us_per_playlist"`
	Stalls           int         `json:"stalls"`
	StalledMs        int64       `json:"stalled_ms"`
	Failures         int         `json:"failures"`
	FirstFailure     string      `json:"first_failure,omitempty"`
	LatencyP50Ms     float64     `json:"latency_p50_ms"`
	LatencyP95Ms     float64     `json:"latency_p95_ms"`
	LatencyP99Ms     float64     `json:"latency_p99_ms"`
	Pictures         int         `json:"pictures"`
	Bare             *Comparison `json:"bare"`
}

const (
	// onAirWithin is how long a broadcast may take to be live.
	onAirWithin = 20 * time.Second
	// warmUp is how long everybody watches before the measurement begins.
	warmUp = 3 * time.Second
)

func (o *LiveOptions) check() error {
	u, err := url.Parse(o.URL)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		return fmt.Errorf("--url must be the address of a server, such as http://localhost:8080")
	case o.Publishers < 1 || o.Publishers > 100:
		return errors.New("--publishers must be 1 to 100")
	case o.Viewers < 0 || o.Viewers > 20_000:
		return errors.New("--viewers must be 0 to 20000")
	case o.Rounds < 0 || o.Rounds > 1000:
		return errors.New("--rounds must be 0 to 1000")
	case o.DVRWindow < 0 || o.DVRWindow > 12*time.Hour:
		return errors.New("--dvr-window must be 0 to 43200 s")
	case o.Duration <= 0:
		return errors.New("--duration must be longer than nothing")
	case o.ServerPID != 0 && !ownPID(o.ServerPID):
		return fmt.Errorf("--server-pid: there is no process %d on this machine", o.ServerPID)
	}
	return nil
}

// Live runs one measurement. It deletes the rooms that it made, also when it fails.
func Live(ctx context.Context, o LiveOptions) (report *LiveReport, err error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	trust := trusting(o.Insecure)
	transport := newTransport(trust)
	defer transport.CloseIdleConnections()
	api := &control{base: strings.TrimSuffix(o.URL, "/"), key: o.Key, client: &http.Client{Transport: transport}}
	o.Log.Info("encoding the clip", "seconds", clipSeconds, "bitrate_bps", o.BitrateBps)
	c, err := Encode(ctx, o.FFmpeg, "1280x720", o.BitrateBps)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	var group sync.WaitGroup
	defer group.Wait()
	defer cancel(nil)
	stage, err := openRooms(ctx, api, &o)
	defer func() {
		for _, r := range stage {
			err = errors.Join(err, api.remove(ctx, r))
		}
	}()
	if err != nil {
		return nil, err
	}
	for _, r := range stage {
		address := r.IngestURLs.RTMP.URL + "#" + r.IngestURLs.RTMP.StreamKey
		group.Go(func() {
			if err := (&Publication{Clip: c, TLS: trust}).Run(ctx, address); err != nil {
				cancel(err)
			}
		})
	}
	for _, r := range stage {
		if err := awaitLive(ctx, api, r); err != nil {
			return nil, errors.Join(err, context.Cause(ctx))
		}
	}
	o.Log.Info("on air", "publishers", o.Publishers)
	run := &liveRun{o: o, api: api, trust: trust, rooms: stage}
	return run.measure(ctx)
}

func openRooms(ctx context.Context, api *control, o *LiveOptions) (all []room, err error) {
	for i := range o.Publishers {
		r, err := api.makeRoom(ctx, fmt.Sprintf("bench %d", i+1), o.DVRWindow)
		if r.ID != "" {
			all = append(all, r)
		}
		if err != nil {
			return all, err
		}
	}
	return all, nil
}

func awaitLive(ctx context.Context, api *control, r room) error {
	patience := time.Now().Add(onAirWithin)
	for {
		state, err := api.state(ctx, r)
		if err != nil {
			return err
		}
		if state == "live" {
			return nil
		}
		if time.Now().After(patience) {
			return fmt.Errorf("the broadcast of room %s is still %s after %s", r.ID, state, onAirWithin)
		}
		if err := pause(ctx, 100*time.Millisecond); err != nil {
			return err
		}
	}
}

// liveRun is a run whose rooms are on air.
type liveRun struct {
	o     LiveOptions
	api   *control
	trust *tls.Config
	rooms []room
}

// measure lets everybody watch and reads the figures.
func (l *liveRun) measure(ctx context.Context) (*LiveReport, error) {
	audience, stop := context.WithCancel(ctx)
	defer stop()
	var group sync.WaitGroup
	defer group.Wait()
	defer stop()
	if err := l.fillWindows(ctx); err != nil {
		return nil, err
	}
	var seen sum
	viewers, err := l.admit(ctx)
	if err != nil {
		return nil, err
	}
	measuring := make(chan struct{})
	for _, v := range viewers {
		group.Go(func() {
			t := v(audience, measuring)
			seen.add(t)
		})
	}
	l.o.Log.Info("watching", "viewers", len(viewers), "mode", l.o.Mode)
	if err := pause(ctx, warmUp); err != nil {
		return nil, context.Cause(ctx)
	}
	report := &LiveReport{
		Mode: l.o.Mode, Publishers: l.o.Publishers, Viewers: len(viewers), DurationS: l.o.Duration.Seconds(), BitrateBps: l.o.BitrateBps,
		DVRWindowSeconds: l.o.DVRWindow.Seconds(), DVRWindowFull: l.o.DVRWindow > 0,
	}
	close(measuring)
	spent, err := l.serverTime(ctx, l.o.Duration)
	if err != nil {
		return nil, err
	}
	stop()
	group.Wait()
	seen.fill(report)
	if l.o.ServerPID != 0 {
		s := spent.Seconds()
		report.ServerCPUS = &s
		if report.DeliveredBytes > 0 {
			perGB := s / (float64(report.DeliveredBytes) / 1e9)
			report.ServerCPUSPerGB = &perGB
		}
	}
	return report, l.compare(ctx, report)
}

// fillWindows waits until every room's rewind window is full.
func (l *liveRun) fillWindows(ctx context.Context) error {
	if l.o.DVRWindow == 0 {
		return nil
	}
	l.o.Log.Info("filling the rewind window", "seconds", l.o.DVRWindow.Seconds())
	transport := newTransport(l.trust)
	defer transport.CloseIdleConnections()
	f := &fetcher{client: &http.Client{Transport: transport}, tally: &tally{}}
	for _, r := range l.rooms {
		seat, err := l.api.join(ctx, r)
		if err != nil {
			return fmt.Errorf("look at the rewind window: %w", err)
		}
		if err := fillWindow(ctx, f, seat.DVR, l.o.DVRWindow); err != nil {
			return err
		}
	}
	return nil
}

// compare adds the bare handler's figures where there is something to compare.
func (l *liveRun) compare(ctx context.Context, report *LiveReport) error {
	if l.o.ServerPID == 0 || l.o.Rounds == 0 || l.o.Mode != ModeHLS && l.o.Mode != ModeLLHLS {
		return nil
	}
	seat, err := l.api.join(ctx, l.rooms[0])
	if err != nil {
		return err
	}
	l.o.Log.Info("comparing with a bare net/http handler", "rounds", l.o.Rounds)
	c, err := compare(ctx, seat.HLS, l.trust, l.o.ServerPID, l.o.Rounds)
	if err != nil {
		return err
	}
	report.Bare, report.CPUUsPerPlaylist = c, &c.Server.CPUPerPlaylist
	return nil
}

// serverTime waits for d and answers what the server used meanwhile.
func (l *liveRun) serverTime(ctx context.Context, d time.Duration) (time.Duration, error) {
	if l.o.ServerPID == 0 {
		return 0, pause(ctx, d)
	}
	before, err := processorTime(l.o.ServerPID)
	if err != nil {
		return 0, err
	}
	if err := pause(ctx, d); err != nil {
		return 0, context.Cause(ctx)
	}
	after, err := processorTime(l.o.ServerPID)
	return after - before, err
}

// viewer watches until its context ends; what it sees counts from measuring on.
type viewer func(ctx context.Context, measuring <-chan struct{}) *tally

// admit joins the rooms and hands out the viewers, up to four on one ticket.
func (l *liveRun) admit(ctx context.Context) ([]viewer, error) {
	seats := make([]endpoints, len(l.rooms))
	taken := make([]int, len(l.rooms))
	all := make([]viewer, 0, l.o.Viewers)
	for i := range l.o.Viewers {
		n := i % len(l.rooms)
		if taken[n]%perTicket == 0 {
			var err error
			if seats[n], err = l.api.join(ctx, l.rooms[n]); err != nil {
				return nil, fmt.Errorf("let viewer %d in: %w", i+1, err)
			}
		}
		taken[n]++
		v, err := l.viewer(seats[n])
		if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	return all, nil
}

// viewer makes one for the mode.
func (l *liveRun) viewer(at endpoints) (viewer, error) {
	var watch func(ctx context.Context, t *tally) error
	switch {
	case l.o.Mode == ModeHLS || l.o.Mode == ModeLLHLS:
		watch = func(ctx context.Context, t *tally) error {
			transport := newTransport(l.trust)
			defer transport.CloseIdleConnections()
			v := &hlsViewer{fetcher: fetcher{client: &http.Client{Transport: transport}, tally: t}, lowLatency: l.o.Mode == ModeLLHLS}
			err := v.watch(ctx, at.HLS)
			t.protocol = v.protocol
			return err
		}
	case l.o.Mode == ModeRTSP && at.RTSP != "":
		watch = func(ctx context.Context, t *tally) error { return watchRTSP(ctx, at.RTSP, t) }
	case l.o.Mode == ModeRTMP && at.RTMP != "":
		watch = func(ctx context.Context, t *tally) error { return watchRTMP(ctx, at.RTMP, l.trust, t) }
	default:
		return nil, fmt.Errorf("the server offers nothing to watch by %q", l.o.Mode)
	}
	return func(ctx context.Context, measuring <-chan struct{}) *tally {
		t := &tally{gate: measuring}
		if err := watch(ctx, t); err != nil && ctx.Err() == nil {
			t.failure = err
		}
		return t
	}, nil
}
