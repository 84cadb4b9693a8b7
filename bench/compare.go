package bench

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// lanes are the viewers that ask at the same time, each by a connection of its own.
	lanes = 4
	// bytesPerRound and playlistsPerRound are asked of each in one round.
	bytesPerRound     = 128 << 20
	playlistsPerRound = 5000
	// quiet is how long the server is watched while nobody asks it for anything.
	quiet = 4 * time.Second
	// fresh is how long a segment's name is used before it is looked up again.
	fresh = time.Second
)

// Cost is what serving costs.
type Cost struct {
	CPUPerGB       float64 `json:"cpu_s_per_gb"`
	CPUPerPlaylist float64 `json:"cpu_us_per_playlist"`
}

// Comparison is the server beside a bare net/http handler with the same bytes.
type Comparison struct {
	Server        Cost    `json:"server"`
	Bare          Cost    `json:"bare"`
	RatioGB       float64 `json:"ratio_per_gb"`
	RatioPlaylist float64 `json:"ratio_per_playlist"`
	SegmentBytes  int     `json:"segment_bytes"`
	PlaylistBytes int     `json:"playlist_bytes"`
	Protocol      string  `json:"protocol"`
}

// subject is one of the two that are compared.
type subject struct {
	pid       int
	idle      float64 // processor seconds a second while nobody asks
	segment   func(context.Context) (string, error)
	playlist  string
	cpuBytes  time.Duration
	cpuLists  time.Duration
	wallBytes time.Duration
	wallLists time.Duration
	bytes     int64
	playlists int64
	lanes     [lanes]fetcher
}

// compare asks the server and a bare handler in turn for the newest segment and
// for the live playlist, for so many rounds: a slow minute of the machine hits both.
func compare(ctx context.Context, multivariant string, trust *tls.Config, pid, rounds int) (*Comparison, error) {
	transport := newTransport(trust)
	defer transport.CloseIdleConnections()
	f := &fetcher{client: &http.Client{Transport: transport}, tally: &tally{}}
	media, err := f.open(ctx, multivariant)
	if err != nil {
		return nil, fmt.Errorf("open the playlist: %w", err)
	}
	newest := func(ctx context.Context) (string, error) {
		b, err := f.text(ctx, media.String())
		if err != nil {
			return "", err
		}
		return lastSegment(media, b)
	}
	var b bodies
	if b.Playlist, b.Compressed, err = f.get(ctx, media.String()); err != nil {
		return nil, fmt.Errorf("fetch the playlist: %w", err)
	}
	b.Playlist = append([]byte(nil), b.Playlist...)
	address, err := newest(ctx)
	if err != nil {
		return nil, fmt.Errorf("find a segment: %w", err)
	}
	if b.Segment, _, err = f.get(ctx, address); err != nil {
		return nil, fmt.Errorf("fetch a segment: %w", err)
	}
	bareTrust := trust
	if f.certificate != nil {
		if b.Identity, err = newIdentity(f.certificate); err != nil {
			return nil, err
		}
		bareTrust = b.Identity.client()
	}
	bare, err := startBare(ctx, b)
	if err != nil {
		return nil, err
	}
	defer func() { _ = bare.stop() }() // it has served its purpose
	ours := &subject{pid: pid, segment: newest, playlist: media.String()}
	theirs := &subject{
		pid: bare.cmd.Process.Pid, playlist: bare.base + barePlaylist,
		segment: func(context.Context) (string, error) { return bare.base + bareSegment, nil },
	}
	defer ours.connect(trust)()
	defer theirs.connect(bareTrust)()
	for _, s := range []*subject{ours, theirs} {
		if err := s.prepare(ctx, f.protocol); err != nil {
			return nil, err
		}
	}
	for range rounds {
		for _, s := range []*subject{ours, theirs} {
			if err := s.round(ctx); err != nil {
				return nil, err
			}
		}
	}
	c := &Comparison{Server: ours.cost(), Bare: theirs.cost(), SegmentBytes: len(b.Segment), PlaylistBytes: len(b.Playlist), Protocol: f.protocol}
	c.RatioGB, c.RatioPlaylist = c.Server.CPUPerGB/c.Bare.CPUPerGB, c.Server.CPUPerPlaylist/c.Bare.CPUPerPlaylist
	return c, nil
}

func lastSegment(media *url.URL, playlist []byte) (string, error) {
	p := readPlaylist(playlist)
	for i := len(p.segments) - 1; i >= 0; i-- {
		if !p.segments[i].gap {
			u, err := media.Parse(p.segments[i].uri)
			if err != nil {
				return "", err
			}
			return u.String(), nil
		}
	}
	return "", fmt.Errorf("the playlist lists no segment")
}

// connect makes the lanes' clients, and answers what closes their connections.
func (s *subject) connect(trust *tls.Config) (disconnect func()) {
	var transports [lanes]*http.Transport
	for i := range s.lanes {
		transports[i] = newTransport(trust)
		s.lanes[i] = fetcher{client: &http.Client{Transport: transports[i]}, tally: &tally{}}
	}
	return func() {
		for _, t := range transports {
			t.CloseIdleConnections()
		}
	}
}

// prepare opens the connections, which are kept, and measures what the subject
// does anyway: a broadcast goes on in the server.
func (s *subject) prepare(ctx context.Context, protocol string) error {
	for i := range s.lanes {
		f := &s.lanes[i]
		if _, _, err := f.get(ctx, s.playlist); err != nil {
			return fmt.Errorf("connect: %w", err)
		}
		if f.protocol != protocol {
			return fmt.Errorf("the two servers are not alike: one speaks %s, one %s", protocol, f.protocol)
		}
	}
	before, err := processorTime(s.pid)
	if err != nil {
		return err
	}
	if err := pause(ctx, quiet); err != nil {
		return err
	}
	after, err := processorTime(s.pid)
	s.idle = (after - before).Seconds() / quiet.Seconds()
	return err
}

// round asks for segments, then for playlists.
func (s *subject) round(ctx context.Context) error {
	cpu, wall, n, err := s.measure(ctx, bytesPerRound, func(ctx context.Context, f *fetcher, address string) (int64, error) {
		b, _, err := f.get(ctx, address)
		return int64(len(b)), err
	}, s.segment)
	if err != nil {
		return fmt.Errorf("ask for segments: %w", err)
	}
	s.cpuBytes, s.wallBytes, s.bytes = s.cpuBytes+cpu, s.wallBytes+wall, s.bytes+n
	cpu, wall, n, err = s.measure(ctx, playlistsPerRound, func(ctx context.Context, f *fetcher, address string) (int64, error) {
		_, _, err := f.get(ctx, address)
		return 1, err
	}, func(context.Context) (string, error) { return s.playlist, nil })
	if err != nil {
		return fmt.Errorf("ask for playlists: %w", err)
	}
	s.cpuLists, s.wallLists, s.playlists = s.cpuLists+cpu, s.wallLists+wall, s.playlists+n
	return nil
}

// measure runs ask on every lane until it has added up to enough.
func (s *subject) measure(
	ctx context.Context, enough int64, ask func(context.Context, *fetcher, string) (int64, error), where func(context.Context) (string, error),
) (cpu, wall time.Duration, sum int64, err error) {
	address, err := where(ctx)
	if err != nil {
		return 0, 0, 0, err
	}
	var current atomic.Pointer[string]
	current.Store(&address)
	before, err := processorTime(s.pid)
	if err != nil {
		return 0, 0, 0, err
	}
	began := time.Now()
	var total atomic.Int64
	failures := make([]error, lanes)
	var group sync.WaitGroup
	for lane := range lanes {
		group.Go(func() {
			f := &s.lanes[lane]
			looked := began
			for total.Load() < enough && failures[lane] == nil {
				if lane == 0 && time.Since(looked) > fresh {
					looked = time.Now()
					if a, err := where(ctx); err == nil {
						current.Store(&a)
					}
				}
				n, err := ask(ctx, f, *current.Load())
				total.Add(n)
				failures[lane] = err
			}
		})
	}
	group.Wait()
	for _, err := range failures {
		if err != nil {
			return 0, 0, 0, err
		}
	}
	after, err := processorTime(s.pid)
	return after - before, time.Since(began), total.Load(), err
}

// cost takes off what the subject would have done anyway.
func (s *subject) cost() Cost {
	busy := func(cpu, wall time.Duration) float64 { return max(0, cpu.Seconds()-s.idle*wall.Seconds()) }
	return Cost{
		CPUPerGB:       busy(s.cpuBytes, s.wallBytes) / (float64(s.bytes) / 1e9),
		CPUPerPlaylist: busy(s.cpuLists, s.wallLists) * 1e6 / float64(s.playlists),
	}
}

// ownPID reports whether a process can be measured from here.
func ownPID(pid int) bool {
	_, err := processorTime(pid)
	return err == nil
}
