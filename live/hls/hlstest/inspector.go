package hlstest

import (
	"context"
	"time"
)

// Inspector looks at one media playlist and its media as they change, whenever
// it is told: for tests in which time is made up.
type Inspector struct{ stream *stream }

// NewInspector returns an Inspector that asks fetch for segments, parts and
// initialization segments, by the URIs in the playlist.
func NewInspector(fetch func(uri string) ([]byte, error)) *Inspector {
	f := &follower{seen: map[string]bool{}}
	f.o.Fetch = func(_ context.Context, uri string) ([]byte, error) { return fetch(uri) }
	return &Inspector{stream: newStream(f, "", "")}
}

// See takes the whole playlist as it is at a time, and all that is new in it.
func (i *Inspector) See(at time.Time, text []byte) *Media {
	m, found := i.stream.walker.See(at, text)
	i.stream.note("", found)
	i.stream.fetchMedia(context.Background(), m)
	i.stream.last = m
	return m
}

// Measured is what the playlist carried.
func (i *Inspector) Measured() *Measured {
	m := &Measured{}
	m.add(i.stream)
	return m
}

// Findings are what was wrong until now, nothing twice.
func (i *Inspector) Findings() []Finding { return i.stream.findings }
