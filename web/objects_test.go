package web_test

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"roomcast/live/hls"
)

func TestTheRewindWindowHasAMultivariantPlaylist(t *testing.T) {
	d := newDoor(t, nil)
	r := d.ask("GET", "/hls/"+room+"/"+ticket+"/dvr.m3u8")
	if body := textOf(t, r); r.StatusCode != 200 || !strings.HasSuffix(body, "/dvr-live.m3u8\n") || r.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("%d %v %s", r.StatusCode, r.Header, body)
	}
	if r := d.ask("GET", "/hls/"+room+"/forged/dvr.m3u8"); r.StatusCode != 404 {
		t.Errorf("a forged ticket: %d", r.StatusCode)
	}
}

// Objects are served alike out of memory and from disk.
func TestObjectsHaveRangesAndTags(t *testing.T) {
	const body = "0123456789"
	d := newDoor(t, nil)
	d.media.objects[room+"/memory.m4s"] = hls.Blob{Body: []byte(body), ContentType: "video/mp4", MaxAge: time.Hour, ETag: []string{`"memory.m4s"`}}
	d.media.files = t.TempDir()
	if err := os.WriteFile(filepath.Join(d.media.files, "disk.m4s"), []byte(body), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		method  string
		headers []string
		status  int
		body    string
		length  string
	}{
		"all of it":                     {"GET", nil, 200, body, "10"},
		"its head":                      {"HEAD", nil, 200, "", "10"},
		"a range":                       {"GET", []string{"Range", "bytes=2-4"}, 206, "234", "3"},
		"its end":                       {"GET", []string{"Range", "bytes=-3"}, 206, "789", "3"},
		"a range beyond it":             {"GET", []string{"Range", "bytes=20-"}, 416, "", ""},
		"a range if it is the same":     {"GET", []string{"Range", "bytes=0-0", "If-Range", "TAG"}, 206, "0", "1"},
		"all of it if it is not":        {"GET", []string{"Range", "bytes=0-0", "If-Range", `"other"`}, 200, body, "10"},
		"what the caller has already":   {"GET", []string{"If-None-Match", `"x", TAG`}, 304, "", ""},
		"what the caller has other of":  {"GET", []string{"If-None-Match", `"x"`}, 200, body, "10"},
		"a range that is no range":      {"GET", []string{"Range", "lines=1-2"}, 416, "", ""},
		"a range of an unknown segment": {"GET", []string{"Range", "bytes=0-0"}, 404, "", ""},
	}
	for name, tt := range tests {
		for _, object := range []string{"memory.m4s", "disk.m4s"} {
			t.Run(name+" of "+object, func(t *testing.T) {
				for i := range tt.headers {
					tt.headers[i] = strings.ReplaceAll(tt.headers[i], "TAG", `"`+object+`"`)
				}
				path := object
				if tt.status == 404 {
					path = "gone.m4s"
				}
				r := d.ask(tt.method, "/hls/"+room+"/o/"+path, tt.headers...)
				got := textOf(t, r)
				if r.StatusCode != tt.status || tt.status < 300 && got != tt.body {
					t.Fatalf("%d %q", r.StatusCode, got)
				}
				if tt.status == 416 && (got != "" || r.Header.Get("Content-Type") != "" || r.Header.Get("Content-Length") != "0") {
					t.Errorf("it says %q, %v", got, r.Header)
				}
				if tt.length != "" && r.Header.Get("Content-Length") != tt.length {
					t.Errorf("Content-Length %q", r.Header.Get("Content-Length"))
				}
				if tt.status == 200 || tt.status == 206 {
					if r.Header.Get("Etag") != `"`+object+`"` || r.Header.Get("Accept-Ranges") != "bytes" ||
						r.Header.Get("Cache-Control") != "public, max-age=3600, immutable" || r.Header.Get("Content-Type") != "video/mp4" {
						t.Errorf("headers %v", r.Header)
					}
				}
				for i := range tt.headers {
					tt.headers[i] = strings.ReplaceAll(tt.headers[i], `"`+object+`"`, "TAG")
				}
			})
		}
	}
}

func TestASegmentFromDiskComesWhole(t *testing.T) {
	d := newDoor(t, nil)
	d.media.files = t.TempDir()
	body := strings.Repeat("segment ", 1<<18)
	if err := os.WriteFile(filepath.Join(d.media.files, "large.m4s"), []byte(body), 0o600); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(d)
	defer server.Close()
	client := &http.Client{Transport: &http.Transport{DialContext: (&net.Dialer{}).DialContext, DisableKeepAlives: true}}
	r, err := client.Get(server.URL + "/hls/" + room + "/o/large.m4s")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Body.Close() }()
	if got, err := io.ReadAll(r.Body); err != nil || string(got) != body {
		t.Errorf("%d bytes of %d, %v", len(got), len(body), err)
	}
}

func BenchmarkObjectFromDisk(b *testing.B) {
	d := newDoor(b, nil)
	d.media.files = b.TempDir()
	if err := os.WriteFile(filepath.Join(d.media.files, "abc.m4s"), make([]byte, 64<<10), 0o600); err != nil {
		b.Fatal(err)
	}
	r := httptest.NewRequest("GET", "/hls/"+room+"/o/abc.m4s", nil)
	w := &discard{header: http.Header{}}
	b.SetBytes(64 << 10)
	b.ReportAllocs()
	for b.Loop() {
		d.ServeHTTP(w, r)
	}
}
