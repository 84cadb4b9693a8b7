//go:build long && !race

package scale

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/bluenviron/gortmplib"
	"github.com/bluenviron/gortmplib/pkg/codecs"
)

const (
	frameRate  = 30
	frameTime  = time.Second / frameRate
	frameBytes = 8 << 10 // about 2 Mb/s
)

// frameMark stands in every picture, before the time when it was sent.
var frameMark = []byte("picture sent at ")

// broadcast publishes pictures that nobody can decode, each with the time when
// it was sent, until ctx ends.
func broadcast(ctx context.Context, address string) error {
	u, err := url.Parse(address)
	if err != nil {
		return err
	}
	client := &gortmplib.Client{URL: u, Publish: true}
	if err := client.Initialize(ctx); err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer client.Close()
	sps, _ := hex.DecodeString("67640028acd940780227e5c05a808080a0000003002000000651e30632c0") // well-formed
	pps, _ := hex.DecodeString("68ebe3cb22c0")
	track := &gortmplib.Track{Codec: &codecs.H264{SPS: sps, PPS: pps}}
	w := &gortmplib.Writer{Conn: client, Tracks: []*gortmplib.Track{track}}
	if err := w.Initialize(); err != nil {
		return fmt.Errorf("announce: %w", err)
	}
	filling := bytes.Repeat([]byte{0x5a}, frameBytes)
	began := time.Now()
	pace := time.NewTimer(0)
	defer pace.Stop()
	for n := 0; ; n++ {
		at := time.Duration(n) * frameTime
		pace.Reset(time.Until(began.Add(at)))
		select {
		case <-pace.C:
		case <-ctx.Done():
			return nil
		}
		nal := []byte{0x41}
		if n%frameRate == 0 {
			nal[0] = 0x65
		}
		nal = fmt.Appendf(append(nal, frameMark...), "%020d", time.Now().UnixNano())
		if err := w.WriteH264(track, at, at, [][]byte{append(nal, filling...)}); err != nil && ctx.Err() == nil {
			return fmt.Errorf("publish: %w", err)
		}
	}
}

// follow asks for one playlist after the other, each blocked until it has the
// next part, and notes how long after that part was complete it came: when the
// first picture beyond it was sent. It ends with ctx, with its error.
func follow(ctx context.Context, multivariant string, delays *histogram) error {
	body, err := fetch(ctx, multivariant)
	if err != nil {
		return err
	}
	media, err := resolve(multivariant, lastLine(body))
	if err != nil {
		return err
	}
	address := media
	for {
		body, err := fetch(ctx, address)
		came := time.Now()
		if err != nil {
			return err
		}
		sequence, parts, part := position(body)
		address = fmt.Sprintf("%s?_HLS_msn=%d&_HLS_part=%d", media, sequence, parts)
		if part == "" {
			continue
		}
		if part, err = resolve(media, part); err != nil {
			return err
		}
		bytesOf, err := fetch(ctx, part)
		if err != nil {
			return err
		}
		if i := bytes.LastIndex(bytesOf, frameMark); i >= 0 {
			last := time.Unix(0, number(bytesOf[i+len(frameMark):]))
			delays.add(came.Sub(last.Add(frameTime)))
		}
	}
}

var partURI = regexp.MustCompile(`URI="([^"]+)"`)

// position reads where a playlist ends: the media sequence number of the
// segment that is being made, how many parts it has, and the last part of all.
func position(playlist []byte) (sequence, parts int, last string) {
	for line := range strings.Lines(string(playlist)) {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "#EXT-X-MEDIA-SEQUENCE:"):
			sequence, _ = strconv.Atoi(line[len("#EXT-X-MEDIA-SEQUENCE:"):])
		case strings.HasPrefix(line, "#EXT-X-PART:"):
			parts++
			if m := partURI.FindStringSubmatch(line); m != nil {
				last = m[1]
			}
		case line != "" && line[0] != '#':
			sequence, parts = sequence+1, 0
		}
	}
	return sequence, parts, last
}

func lastLine(body []byte) string {
	lines := strings.Split(strings.TrimSpace(string(body)), "\n")
	return lines[len(lines)-1]
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

func fetch(ctx context.Context, address string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s: %s", req.URL.Path, res.Status, body)
	}
	return body, err
}
