package bench

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

const (
	// fetchWithin bounds one request; a blocking reload waits for up to three target durations.
	fetchWithin = 45 * time.Second
	// settle is how long a viewer waits for a playlist that is not there yet.
	settle = 20 * time.Second
	// maxBody bounds one answer.
	maxBody = 64 << 20
)

// fetcher gets what a player gets.
type fetcher struct {
	client *http.Client
	body   bytes.Buffer
	plain  bytes.Buffer
	unzip  gzip.Reader
	tally  *tally
	// protocol is what the first answer came by, and certificate the server's, nil without TLS.
	protocol    string
	certificate *x509.Certificate
}

// errNotYet is a 503: no media yet.
var errNotYet = errors.New("not ready")

// get fetches a URL; the bytes are good until the next call. compressed says that they came so.
func (f *fetcher) get(ctx context.Context, address string) (body []byte, compressed bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, fetchWithin)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return nil, false, err
	}
	req.Header["Accept-Encoding"] = []string{"gzip"}
	answer, err := f.client.Do(req)
	if err != nil {
		return nil, false, err
	}
	defer func() { _ = answer.Body.Close() }() // it was read
	f.body.Reset()
	if _, err := f.body.ReadFrom(io.LimitReader(answer.Body, maxBody)); err != nil {
		return nil, false, err
	}
	f.tally.answered(f.body.Len())
	if f.protocol == "" {
		f.protocol = protocolOf(answer)
		if answer.TLS != nil {
			f.certificate = answer.TLS.PeerCertificates[0]
		}
	}
	switch answer.StatusCode {
	case http.StatusOK:
	case http.StatusServiceUnavailable:
		return nil, false, errNotYet
	default:
		return nil, false, fmt.Errorf("answered %s", answer.Status)
	}
	return f.body.Bytes(), answer.Header.Get("Content-Encoding") == "gzip", nil
}

// text fetches a playlist.
func (f *fetcher) text(ctx context.Context, address string) ([]byte, error) {
	b, compressed, err := f.get(ctx, address)
	if err != nil {
		return nil, err
	}
	if f.tally.counts() {
		f.tally.playlists++
	}
	if !compressed {
		return b, nil
	}
	if err := f.unzip.Reset(bytes.NewReader(b)); err != nil {
		return nil, fmt.Errorf("read a compressed playlist: %w", err)
	}
	f.plain.Reset()
	if _, err := f.plain.ReadFrom(io.LimitReader(&f.unzip, maxBody)); err != nil {
		return nil, fmt.Errorf("read a compressed playlist: %w", err)
	}
	return f.plain.Bytes(), nil
}

// open gets the first media playlist's URL, waiting while there is none.
func (f *fetcher) open(ctx context.Context, multivariant string) (*url.URL, error) {
	base, err := url.Parse(multivariant)
	if err != nil {
		return nil, err
	}
	patience := time.Now().Add(settle)
	for {
		b, err := f.text(ctx, multivariant)
		if err == nil {
			uris := variants(b)
			if len(uris) == 0 {
				return nil, errors.New("the multivariant playlist names no rendition")
			}
			return base.Parse(uris[0])
		}
		if !errors.Is(err, errNotYet) || time.Now().After(patience) {
			return nil, err
		}
		if err := pause(ctx, 200*time.Millisecond); err != nil {
			return nil, err
		}
	}
}

// hlsViewer is one player without a screen.
type hlsViewer struct {
	fetcher
	lowLatency bool
	player     playout
	media      *url.URL
	msn, part  int // the newest piece it has
}

// watch plays until ctx ends.
func (v *hlsViewer) watch(ctx context.Context, multivariant string) error {
	var err error
	if v.media, err = v.open(ctx, multivariant); err != nil {
		return fmt.Errorf("open the multivariant playlist: %w", err)
	}
	v.msn, v.part = -1, -1
	query := ""
	for {
		b, err := v.text(ctx, v.media.String()+query)
		if err != nil {
			return fmt.Errorf("reload the playlist: %w", err)
		}
		p := readPlaylist(b)
		if v.lowLatency && !p.blocking {
			return errors.New("the playlist offers no low latency")
		}
		if err := v.take(ctx, &p); err != nil {
			return err
		}
		if p.ended {
			return nil
		}
		if v.lowLatency {
			query = "?_HLS_msn=" + strconv.Itoa(p.nextMSN) + "&_HLS_part=" + strconv.Itoa(p.nextPart)
			continue
		}
		if err := pause(ctx, p.target/2); err != nil {
			return err
		}
	}
}

// take fetches what the playlist has and the viewer has not.
func (v *hlsViewer) take(ctx context.Context, p *playlist) error {
	pieces := p.segments
	if v.lowLatency {
		pieces = p.parts
	}
	if v.msn < 0 {
		pieces = v.begin(p, pieces)
	}
	for _, next := range pieces {
		if next.msn < v.msn || next.msn == v.msn && next.part <= v.part {
			continue
		}
		v.msn, v.part = next.msn, next.part
		if next.gap {
			continue
		}
		u, err := v.media.Parse(next.uri)
		if err != nil {
			return err
		}
		b, _, err := v.get(ctx, u.String())
		if err != nil {
			return fmt.Errorf("fetch media: %w", err)
		}
		v.tally.media(b)
		if stalled := v.player.arrive(time.Now(), next.duration); stalled > 0 {
			v.tally.stall(stalled)
		}
	}
	return nil
}

// begin chooses where a player begins: at a picture that stands alone, as far
// from the end as the server asks, or three segments from it without parts.
func (v *hlsViewer) begin(p *playlist, pieces []piece) []piece {
	v.msn, v.part = 0, -1
	v.player.behind = p.holdBack
	if !v.lowLatency {
		v.player.behind = p.target
		return pieces[max(0, len(pieces)-3):]
	}
	var after time.Duration
	for i := len(pieces) - 1; i >= 0; i-- {
		after += pieces[i].duration
		if after >= p.holdBack && pieces[i].independent {
			return pieces[i:]
		}
	}
	return pieces
}
