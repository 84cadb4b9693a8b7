package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"roomcast/configs"
	"roomcast/web/api"
)

func TestPicturesAreFetchedWithinBounds(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/picture":
			_, _ = w.Write([]byte("png"))
		case "/large":
			_, _ = w.Write(make([]byte, maxPictureBytes+1))
		default:
			http.NotFound(w, r)
		}
	}))
	defer server.Close()
	for _, tt := range []struct {
		name, address string
		private       bool
		want, fault   string
	}{
		{"a picture", server.URL + "/picture?key=canary", true, "png", ""},
		{"a private address", server.URL + "/picture?key=canary", false, "", "ROOMCAST_OUTBOUND_ALLOW_PRIVATE"},
		{"too large", server.URL + "/large?key=canary", true, "", "larger than"},
		{"missing", server.URL + "/none?key=canary", true, "", "404"},
		{"a file", "file:///etc/passwd", true, "", "http"},
		{"nonsense", "::canary", true, "", "http"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			config := configs.Default()
			config.Outbound.AllowPrivate = tt.private
			b, err := pictureFetcher(newDialer(config, &api.Listeners{}))(t.Context(), tt.address)
			if string(b) != tt.want || tt.fault == "" && err != nil || tt.fault != "" && (err == nil || !strings.Contains(err.Error(), tt.fault)) {
				t.Errorf("%q, %v", b, err)
			}
			if err != nil && strings.Contains(err.Error(), "canary") {
				t.Errorf("the address is told: %v", err)
			}
		})
	}
}
