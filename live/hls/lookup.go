package hls

import (
	"bytes"
	"context"
	"strings"
	"time"

	"roomcast/rooms"
)

var (
	errNotReady = &rooms.Error{Code: rooms.CodeNotReady, Detail: "no media yet", RetryAfter: time.Second}
	errNoList   = &rooms.Error{Code: rooms.CodeNotFound, Detail: "no such playlist"}
	errNoObject = &rooms.Error{Code: rooms.CodeNotFound, Detail: "no such object"}
	errNoPart   = &rooms.Error{Code: rooms.CodeNotReady, Detail: "the part asked for did not come", RetryAfter: time.Second}
	errFarMSN   = &rooms.Error{Code: rooms.CodeValidationFailed, Detail: "_HLS_msn is too far ahead"}
	errFarPart  = &rooms.Error{Code: rooms.CodeValidationFailed, Detail: "_HLS_part is too far ahead"}
)

// Multivariant is the multivariant playlist for one player, a path element
// under which its media playlists stand. not_ready before there is media.
func (p *Packager) Multivariant(player string) (Blob, error) {
	l := p.lineup.Load()
	if l == nil {
		return Blob{}, errNotReady
	}
	b := append(make([]byte, 0, len(l.text)+256), multivariantHead...)
	if v := l.offered[0].view.Load(); v != nil && v.back > 0 && !v.ended {
		// Key frames are so far apart that there is none where a player would begin.
		b = append(b, "#EXT-X-START:TIME-OFFSET=-"...)
		b = append(seconds(b, v.back), '\n')
	}
	b = append(b, bytes.ReplaceAll(l.text, playerMark, append([]byte(player), '/'))...)
	return Blob{Body: b, ContentType: typePlaylist}, nil
}

// Playlist is the media playlist of a name, with or without ".m3u8". A request
// for a part to come waits for it, at most three target durations.
func (p *Packager) Playlist(ctx context.Context, name string, q Query) (Blob, error) {
	l := p.lineup.Load()
	if l == nil {
		if name, _ = strings.CutSuffix(name, ".m3u8"); name == Name {
			return Blob{}, errNotReady
		}
		return Blob{}, errNoList
	}
	r := l.find(name)
	if r == nil {
		return Blob{}, errNoList
	}
	v := r.view.Load()
	if v.gone {
		return Blob{}, errNoList
	}
	if v.has(q) {
		return v.blob(), nil
	}
	if err := v.reachable(q); err != nil {
		return Blob{}, err
	}
	return r.await(ctx, v, q)
}

// await waits until a playlist holds what is asked for.
func (r *rendition) await(ctx context.Context, v *view, q Query) (Blob, error) {
	t := time.NewTimer(v.wait)
	defer t.Stop()
	for !v.has(q) {
		select {
		case <-v.next:
			if v = r.view.Load(); v.gone {
				return Blob{}, errNoList
			}
		case <-t.C:
			return Blob{}, errNoPart
		case <-ctx.Done():
			return Blob{}, ctx.Err()
		}
	}
	return v.blob(), nil
}

// meant is what a query asks for: a part beyond the last of its segment is the
// first of the next (rfc8216bis, 6.2.5.2).
func (v *view) meant(q Query) Query {
	if q.MSN == v.last && !q.WholeSegment && v.lastParts > 0 && q.Part >= v.lastParts {
		q.MSN, q.Part = v.last+1, 0
	}
	return q
}

// has reports whether the view holds what a query asks for.
func (v *view) has(q Query) bool {
	q = v.meant(q)
	if v.ended || q.MSN <= v.last {
		return true
	}
	return q.MSN == v.last+1 && !q.WholeSegment && q.Part < v.parts
}

// reachable refuses what is so far ahead that nobody can mean it (rfc8216bis, 6.2.5.2).
func (v *view) reachable(q Query) error {
	q = v.meant(q)
	parts := v.parts
	switch {
	case q.MSN > v.last+2:
		return errFarMSN
	case q.MSN == v.last+2:
		parts = 0
	}
	if !q.WholeSegment && q.Part >= parts+v.advance {
		return errFarPart
	}
	return nil
}

// Object is a segment, part or init segment by its name.
func (p *Packager) Object(name string) (Blob, error) {
	b, ok := p.objects.get(name)
	if !ok {
		return Blob{}, errNoObject
	}
	return b, nil
}

// Announced reports whether name is a part that is to come next.
func (p *Packager) Announced(name string) bool {
	_, v := p.announcing(name)
	return v != nil
}

// announcing is the rendition that announces a part, and its view; nil if none does.
func (p *Packager) announcing(name string) (*rendition, *view) {
	l := p.lineup.Load()
	if l == nil || name == "" {
		return nil, nil
	}
	for _, r := range l.renditions {
		if v := r.view.Load(); v.hint == name {
			return r, v
		}
	}
	return nil, nil
}

// Await is Object, but for a part that is announced as the next it waits
// until it is there (rfc8216bis, 6.2.6), at most three target durations.
func (p *Packager) Await(ctx context.Context, name string) (Blob, error) {
	if b, ok := p.objects.get(name); ok {
		return b, nil
	}
	r, v := p.announcing(name)
	if v == nil {
		return p.Object(name)
	}
	t := time.NewTimer(v.wait)
	defer t.Stop()
	for v.hint == name {
		select {
		case <-v.next:
			v = r.view.Load()
		case <-t.C:
			return Blob{}, errNoObject
		case <-ctx.Done():
			return Blob{}, ctx.Err()
		}
	}
	return p.Object(name)
}
