package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"roomcast/outbound"
)

const (
	// maxPictureBytes and pictureTimeout bound the fetching of an offline_image.
	maxPictureBytes = 8 << 20
	pictureTimeout  = 15 * time.Second
)

// pictureFetcher gets the pictures that rooms name as offline_image, from where
// the dialer goes. Its errors hold no URL.
func pictureFetcher(dialer *outbound.Dialer) func(ctx context.Context, address string) ([]byte, error) {
	client := &http.Client{
		Timeout:   pictureTimeout,
		Transport: &http.Transport{DialContext: dialer.DialContext, DisableKeepAlives: true},
	}
	return func(ctx context.Context, address string) ([]byte, error) {
		u, err := url.Parse(address)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" {
			return nil, errors.New("fetch a picture: the address is not one of http or https")
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
		if err != nil {
			return nil, errors.New("fetch a picture: the address cannot be read")
		}
		resp, err := client.Do(req)
		if err != nil {
			var where *url.Error
			if errors.As(err, &where) {
				err = where.Err
			}
			return nil, fmt.Errorf("fetch a picture: %w", err)
		}
		defer func() { _ = resp.Body.Close() }()
		if resp.StatusCode != http.StatusOK {
			return nil, fmt.Errorf("fetch a picture: the answer is %s", resp.Status)
		}
		b, err := io.ReadAll(io.LimitReader(resp.Body, maxPictureBytes+1))
		switch {
		case err != nil:
			return nil, fmt.Errorf("fetch a picture: %w", err)
		case len(b) > maxPictureBytes:
			return nil, fmt.Errorf("fetch a picture: it is larger than %d bytes", maxPictureBytes)
		}
		return b, nil
	}
}
