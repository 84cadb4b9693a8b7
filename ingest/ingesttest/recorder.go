package ingesttest

import (
	"slices"
	"sync"

	"roomcast/ingest"
	"roomcast/media"
)

// Recorder is a sink that remembers. Its methods may be called at the same time.
type Recorder struct {
	mu      sync.Mutex
	tracks  [][]*media.Track
	samples []ingest.Sample
	closed  bool
}

// SetTracks implements ingest.Sink.
func (r *Recorder) SetTracks(t []*media.Track) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tracks = append(r.tracks, t)
	return nil
}

// Write implements ingest.Sink.
func (r *Recorder) Write(s ingest.Sample) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.samples = append(r.samples, s)
	return nil
}

// Close implements ingest.Sink.
func (r *Recorder) Close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
}

// Tracks are what was announced, each time.
func (r *Recorder) Tracks() [][]*media.Track {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.tracks)
}

// Samples are what was written, of one track or, for nil, of all.
func (r *Recorder) Samples(of *media.Track) (ss []ingest.Sample) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.samples {
		if of == nil || s.Track == of {
			ss = append(ss, s)
		}
	}
	return ss
}

// Closed reports whether the publisher is gone.
func (r *Recorder) Closed() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.closed
}
