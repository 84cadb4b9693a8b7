package hlstest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"sync"
	"time"
)

// FollowOptions say what to follow.
type FollowOptions struct {
	// URI is the multivariant playlist's.
	URI string
	// Fetch answers a URI, query included, or says why not. A request for a
	// playlist to come may block.
	Fetch func(ctx context.Context, uri string) ([]byte, error)
	// For is how long to look; a playlist that ends is looked at no longer.
	For time.Duration
}

// Follow looks at all that a multivariant playlist names, as it changes: every
// playlist, segment and part is fetched once and checked. It returns what was
// found, nothing twice. The error is only about the multivariant playlist.
func Follow(ctx context.Context, o FollowOptions) ([]Finding, error) {
	text, err := o.Fetch(ctx, o.URI)
	if err != nil {
		return nil, fmt.Errorf("fetch the multivariant playlist: %w", err)
	}
	m, found := ParseMultivariant(text)
	f := &follower{o: o, playlists: map[string]*stream{}, seen: map[string]bool{}}
	f.note("", found)
	for _, uri := range m.uris() {
		address, err := resolve(o.URI, uri)
		if err != nil {
			return nil, fmt.Errorf("read a playlist's URI: %w", err)
		}
		if f.playlists[address] == nil {
			f.playlists[address] = newStream(f, uri, address)
		}
	}
	looking, stop := context.WithTimeout(ctx, o.For)
	defer stop()
	var streams sync.WaitGroup
	for _, s := range f.playlists {
		streams.Go(func() { s.run(looking) })
	}
	streams.Wait()
	// BANDWIDTH may have grown with what was seen since.
	if text, err = o.Fetch(ctx, o.URI); err != nil {
		return nil, fmt.Errorf("fetch the multivariant playlist again: %w", err)
	}
	m, found = ParseMultivariant(text)
	f.note("", found)
	f.checkVariants(m)
	return f.findings, nil
}

// uris are the playlists that are named, each once.
func (m *Multivariant) uris() (all []string) {
	for _, v := range m.Variants {
		all = append(all, v.URI)
	}
	for _, r := range m.Renditions {
		if r.URI != "" {
			all = append(all, r.URI)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func resolve(base, reference string) (string, error) {
	b, err := url.Parse(base)
	if err != nil {
		return "", err
	}
	r, err := b.Parse(reference)
	if err != nil {
		return "", err
	}
	return r.String(), nil
}

// follower collects what the streams of a presentation find.
type follower struct {
	o         FollowOptions
	playlists map[string]*stream

	mu       sync.Mutex
	seen     map[string]bool
	findings []Finding
}

// note keeps findings that were not made before.
func (f *follower) note(playlist string, found []Finding) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, one := range found {
		one.Playlist = playlist
		key := one
		key.Line = 0
		if text := key.String(); !f.seen[text] {
			f.seen[text] = true
			f.findings = append(f.findings, one)
		}
	}
}

// stream is one media playlist and its media.
type stream struct {
	*follower
	name, uri string
	walker    Walker
	inits     map[string]*Init     // by URI
	fragments map[string]*Fragment // of segments and parts, by URI
	sizes     map[int]int          // of segments, by number
	shortest  time.Duration        // picture
	longest   time.Duration
	rate      float64 // pictures a second, the largest of any segment
	updates   int
	missed    map[string]int // how many versions lacked a report of another one

	mu   sync.Mutex
	last *Media
}

func newStream(f *follower, name, uri string) *stream {
	return &stream{follower: f, name: name, uri: uri, sizes: map[int]int{}, inits: map[string]*Init{}, fragments: map[string]*Fragment{}, missed: map[string]int{}}
}

func (s *stream) newest() *Media {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last
}

// deltaEvery is how many updates lie between two delta updates that are asked for.
const deltaEvery = 4

// run follows the playlist until ctx ends or it does.
func (s *stream) run(ctx context.Context) {
	for ctx.Err() == nil {
		m, ok := s.update(ctx)
		if !ok {
			return
		}
		s.mu.Lock()
		s.last = m
		s.mu.Unlock()
		s.fetchMedia(ctx, m)
		s.checkOthers(ctx, m)
		if m.Ended {
			return
		}
		if !m.Control.CanBlockReload {
			select {
			case <-time.After(m.Target / 2):
			case <-ctx.Done():
			}
		}
	}
}

// update fetches the next version of the playlist.
func (s *stream) update(ctx context.Context) (*Media, bool) {
	last, query := s.walker.Last(), ""
	if last != nil && last.Control.CanBlockReload {
		query = fmt.Sprintf("_HLS_msn=%d", last.end()+1)
		if last.PartTarget > 0 {
			query += fmt.Sprintf("&_HLS_part=%d", len(last.Making.Parts))
		}
	}
	s.updates++
	delta := last != nil && last.Control.CanSkipUntil > 0 && s.updates%deltaEvery == 0
	if delta {
		if query != "" {
			query += "&"
		}
		query += "_HLS_skip=YES"
	}
	text, ok := s.fetch(ctx, s.uri, query)
	if !ok {
		return nil, false
	}
	if !delta {
		m, found := s.walker.See(time.Now(), text)
		s.note(s.name, found)
		return m, true
	}
	m, found := s.walker.SeeDelta(time.Now(), text)
	s.note(s.name, found)
	if text, ok = s.fetch(ctx, s.uri, ""); ok {
		all, _ := ParseMedia(text)
		if all.MediaSequence == m.MediaSequence && all.end() == m.end() && len(all.Making.Parts) == len(m.Making.Parts) {
			s.note(s.name, Same(m, all))
		}
	}
	return m, true
}

func (s *stream) fetch(ctx context.Context, uri, query string) ([]byte, bool) {
	if query != "" {
		uri += "?" + query
	}
	b, err := s.o.Fetch(ctx, uri)
	if err == nil {
		return b, true
	}
	if ctx.Err() == nil && !errors.Is(err, context.Canceled) {
		s.note(s.name, []Finding{{Rule: RuleAnswer, Detail: fmt.Sprintf("%s: %v", uri, err)}})
	}
	return nil, false
}

// fetchMedia fetches what is new in a playlist and checks it.
func (s *stream) fetchMedia(ctx context.Context, m *Media) {
	var before *Fragment
	for i := range m.Segments {
		segment := &m.Segments[i]
		fresh := s.fragments[segment.URI] == nil
		s.fetchParts(ctx, segment)
		if segment.Gap {
			before = nil
			continue
		}
		fragment := s.fragment(ctx, segment, segment.URI)
		if fragment == nil {
			before = nil
			continue
		}
		if fresh {
			s.note(s.name, CheckFragment(segment, -1, fragment, m.IndependentSegments))
			if before != nil {
				s.note(s.name, CheckTimeline(segment, before, fragment))
			}
			s.checkParts(segment, fragment)
		}
		before = fragment
	}
	s.fetchParts(ctx, &m.Making)
	s.forget(m)
}

func (s *stream) fetchParts(ctx context.Context, segment *Segment) {
	for i, p := range segment.Parts {
		if p.Gap || s.fragments[p.URI] != nil {
			continue
		}
		if fragment := s.fragment(ctx, segment, p.URI); fragment != nil {
			part := *fragment
			if s.longest-s.shortest > mediaSlack {
				part.Longest, part.Shortest = max(part.Longest, s.longest), min(part.Shortest, s.shortest)
			}
			s.note(s.name, CheckFragment(segment, i, &part, false))
		}
	}
}

func (s *stream) checkParts(segment *Segment, whole *Fragment) {
	var parts []*Fragment
	for _, p := range segment.Parts {
		if fragment := s.fragments[p.URI]; fragment != nil {
			parts = append(parts, fragment)
		}
	}
	if len(parts) > 0 && len(parts) == len(segment.Parts) {
		s.note(s.name, CheckPartsMedia(segment, whole, parts))
	}
}

// fragment fetches a segment or part; nil if it is not there or none.
func (s *stream) fragment(ctx context.Context, segment *Segment, uri string) *Fragment {
	if f := s.fragments[uri]; f != nil {
		return f
	}
	in := s.inits[segment.Map]
	if in == nil {
		b, ok := s.object(ctx, segment.Map)
		if !ok {
			return nil
		}
		var err error
		if in, err = ReadInit(b); err != nil {
			s.note(s.name, []Finding{{Rule: RuleMedia, Line: segment.Line, Detail: err.Error()}})
			return nil
		}
		s.inits[segment.Map] = in
	}
	b, ok := s.object(ctx, uri)
	if !ok {
		return nil
	}
	f, err := ReadFragment(in, b)
	if err != nil {
		s.note(s.name, []Finding{{Rule: RuleMedia, Line: segment.Line, Detail: err.Error()}})
		return nil
	}
	s.fragments[uri] = f
	if uri == segment.URI {
		s.sizes[segment.Number] = len(b)
	}
	if in.main().Video && f.Samples > 2 {
		if s.shortest == 0 || f.Shortest < s.shortest {
			s.shortest = f.Shortest
		}
		s.longest = max(s.longest, f.Longest)
		if uri == segment.URI && f.End > f.Start {
			s.rate = max(s.rate, float64(f.Samples)/(f.End-f.Start).Seconds())
		}
	}
	return f
}

func (s *stream) object(ctx context.Context, uri string) ([]byte, bool) {
	address, err := resolve(s.uri, uri)
	if err != nil {
		s.note(s.name, []Finding{{Rule: RuleAnswer, Detail: err.Error()}})
		return nil, false
	}
	return s.fetch(ctx, address, "")
}

// forget lets go of media that is not listed any more.
func (s *stream) forget(m *Media) {
	listed := map[string]bool{}
	for i := range m.Segments {
		listed[m.Segments[i].URI] = true
		for _, p := range m.Segments[i].Parts {
			listed[p.URI] = true
		}
	}
	for _, p := range m.Making.Parts {
		listed[p.URI] = true
	}
	maps.DeleteFunc(s.fragments, func(uri string, _ *Fragment) bool { return !listed[uri] })
}

// missedReports is how many versions of a playlist in a row may lack a report:
// the other playlist may have come up since the first of them was made.
const missedReports = 3

// checkOthers compares a playlist with those of the other renditions, and what
// it reports of them.
func (s *stream) checkOthers(ctx context.Context, m *Media) {
	reported := map[string]*Report{}
	for i := range m.Reports {
		r := &m.Reports[i]
		address, err := resolve(s.uri, r.URI)
		if err != nil || s.playlists[address] == nil || address == s.uri {
			s.note(s.name, []Finding{{Rule: RuleReport, Line: r.Line, Detail: r.URI + " is no other playlist"}})
			continue
		}
		reported[address] = r
	}
	for address, other := range s.playlists {
		before := other.newest()
		if other == s || before == nil {
			continue
		}
		s.note(s.name, CheckAligned(m, before))
		r := reported[address]
		if r != nil || m.PartTarget == 0 || m.Ended {
			s.missed[address] = 0
		} else if s.missed[address]++; s.missed[address] == missedReports {
			s.note(s.name, []Finding{{Rule: RuleReport, Detail: "there is no report of " + other.name}})
		}
		if r != nil && s.updates%deltaEvery == 1 {
			// The newest that is known of it may be older than what was reported.
			if text, ok := s.fetch(ctx, address, ""); ok {
				after, _ := ParseMedia(text)
				s.note(s.name, CheckReport(r, before, after))
			}
		}
	}
}

// checkVariants compares what variants say with what came.
func (f *follower) checkVariants(m *Multivariant) {
	for i := range m.Variants {
		v := &m.Variants[i]
		var measured Measured
		measured.add(f.stream(v.URI))
		if v.Audio != "" {
			peak := measured.Peak
			for _, r := range m.Renditions {
				if r.Type != "AUDIO" || r.Group != v.Audio || r.URI == "" {
					continue
				}
				one := Measured{Peak: peak}
				one.add(f.stream(r.URI))
				measured.Tracks, measured.Peak = append(measured.Tracks, one.Tracks...), max(measured.Peak, one.Peak)
			}
		}
		f.note("", CheckVariant(v, &measured))
	}
}

func (f *follower) stream(uri string) *stream {
	address, err := resolve(f.o.URI, uri)
	if err != nil {
		return nil
	}
	return f.playlists[address]
}

func (m *Measured) add(s *stream) {
	if s == nil || s.last == nil {
		return
	}
	for _, in := range s.inits {
		for _, t := range in.Tracks {
			t.ID = 0
			if !slices.Contains(m.Tracks, t) {
				m.Tracks = append(m.Tracks, t)
			}
		}
	}
	m.Peak += Peak(s.last, s.sizes)
	m.FrameRate = max(m.FrameRate, s.rate)
	m.Variable = m.Variable || s.longest-s.shortest > mediaSlack
}
