package web_test

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"roomcast/live/hls"
	"roomcast/rooms"
	"roomcast/web"
)

func TestPlaylistsStandBehindTickets(t *testing.T) {
	d := newDoor(t, nil)
	base := "/hls/" + room + "/"
	tests := map[string]struct {
		path   string
		status int
		code   string
	}{
		"a good ticket":                           {base + ticket + "/index.m3u8", 200, ""},
		"a good ticket's media playlist":          {base + ticket + "/p1/live.m3u8", 200, ""},
		"a forged ticket":                         {base + "forged/index.m3u8", 404, "not_found"},
		"another room's ticket":                   {"/hls/other/" + ticket + "/index.m3u8", 404, "not_found"},
		"a removed viewer's ticket":               {base + "removed/p1/live.m3u8", 403, "banned"},
		"no seat is left":                         {base + "full/p1/live.m3u8", 409, "room_full"},
		"a fifth player":                          {base + "fifth/p1/live.m3u8", 429, "rate_limited"},
		"another name than the playlist's":        {base + ticket + "/other.m3u8", 404, "not_found"},
		"what is no playlist":                     {base + ticket + "/p1/live.mp4", 404, "not_found"},
		"a player's name that is none":            {base + ticket + "/p%201/live.m3u8", 404, "not_found"},
		"a player's name that is too long":        {base + ticket + "/" + strings.Repeat("p", 33) + "/live.m3u8", 404, "not_found"},
		"a part without its segment":              {base + ticket + "/p1/live.m3u8?_HLS_part=1", 400, "validation_failed"},
		"the objects' folder has no playlist":     {base + "o/index.m3u8", 404, "not_found"},
		"a participant asks for the preview":      {base + ticket + "/preview.m3u8", 403, "forbidden"},
		"and for its media playlist":              {base + ticket + "/p1/preview/live.m3u8", 403, "forbidden"},
		"a forged ticket, the preview":            {base + "forged/p1/preview/live.m3u8", 404, "not_found"},
		"a moderator asks for the preview":        {base + "moderator/preview.m3u8", 200, ""},
		"and for a preview's playlist":            {base + "moderator/p1/preview/live.m3u8", 200, ""},
		"what is no preview":                      {base + "moderator/p1/preview/live.mp4", 404, "not_found"},
		"an object that is not there, or no more": {base + "o/gone.m4s", 404, "not_found"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r := d.ask("GET", tt.path)
			body := textOf(t, r)
			if r.StatusCode != tt.status || (tt.code != "" && !strings.Contains(body, `"code":"`+tt.code+`"`)) {
				t.Errorf("%d %s", r.StatusCode, body)
			}
			if r.Header.Get("Access-Control-Allow-Origin") != "*" || r.Header.Get("Cache-Control") != "no-store" {
				t.Errorf("headers %v", r.Header)
			}
			if tt.status == 429 && r.Header.Get("Retry-After") != "2" {
				t.Errorf("Retry-After %q, want the wait rounded up", r.Header.Get("Retry-After"))
			}
		})
	}
}

func TestMediaPlaylistsAreGivenWithoutBookkeepingAndRefusedWithIt(t *testing.T) {
	d := newDoor(t, nil)
	given := d.ask("GET", "/hls/"+room+"/"+ticket+"/p1/live.m3u8?_HLS_msn=1")
	if given.StatusCode != 200 || given.Header.Get("X-Request-Id") != "" || given.Header.Get("X-Content-Type-Options") != "nosniff" || strings.Contains(d.log.String(), "{player}") {
		t.Errorf("%d %v\n%s", given.StatusCode, given.Header, d.log)
	}
	refused := d.ask("GET", "/hls/"+room+"/removed/p1/live.m3u8", "X-Request-Id", "id-1")
	if refused.StatusCode != 403 || refused.Header.Get("X-Request-Id") != "id-1" || refused.Header.Get("Referrer-Policy") != "no-referrer" || !strings.Contains(d.log.String(), `"route":"/hls/{room}/{ticket}/{player}/{name}","status":403`) {
		t.Errorf("%d %v\n%s", refused.StatusCode, refused.Header, d.log)
	}
	for _, other := range []string{"/hls/" + room + "//p1/live.m3u8", "/hls/" + room + "/../p1/live.m3u8", "/hls/" + room + "/" + ticket + "/p1/x/live.m3u8"} {
		if r := d.ask("GET", other); r.StatusCode == 200 {
			t.Errorf("%s is a playlist", other)
		}
	}
	// Escaped, it is the same address.
	if r := d.ask("GET", "/hls/"+room+"/"+ticket+"/p%31/live.m3u8"); r.StatusCode != 200 {
		t.Errorf("%d", r.StatusCode)
	}
}

func TestAPreviewHasPlaylistsOfItsOwn(t *testing.T) {
	d := newDoor(t, nil)
	index := textOf(t, d.ask("GET", "/hls/"+room+"/moderator/preview.m3u8"))
	if !regexp.MustCompile(`(?m)^[\w-]+/preview/live\.m3u8$`).MatchString(index) {
		t.Errorf("%s", index)
	}
	if got := textOf(t, d.ask("GET", "/hls/"+room+"/moderator/p1/preview/live.m3u8")); !strings.HasSuffix(got, " preview") {
		t.Errorf("%s", got)
	}
}

func TestEachFetchOfTheMultivariantPlaylistBeginsAPlayer(t *testing.T) {
	d := newDoor(t, nil)
	seen := map[string]bool{}
	for range 3 {
		body := textOf(t, d.ask("GET", "/hls/"+room+"/"+ticket+"/index.m3u8"))
		player := regexp.MustCompile(`(?m)^([\w-]{12})/live\.m3u8$`).FindStringSubmatch(body)
		if len(player) != 2 || seen[player[1]] {
			t.Fatalf("playlist %q", body)
		}
		seen[player[1]] = true
		if r := d.ask("GET", "/hls/"+room+"/"+ticket+"/"+player[1]+"/live.m3u8"); r.StatusCode != 200 || d.media.player != player[1] {
			t.Errorf("%d; the door was asked for player %q", r.StatusCode, d.media.player)
		}
	}
}

func TestASegmentTooFarAheadIs400(t *testing.T) {
	d := newDoor(t, nil)
	d.media.err = &rooms.Error{Code: rooms.CodeValidationFailed, Detail: "_HLS_msn is too far ahead"}
	r := d.ask("GET", "/hls/"+room+"/"+ticket+"/p1/live.m3u8?_HLS_msn=99")
	if body := textOf(t, r); r.StatusCode != 400 || r.Header.Get("Access-Control-Allow-Origin") != "*" {
		t.Errorf("%d %s", r.StatusCode, body)
	}
}

func TestNoMediaYetIs503(t *testing.T) {
	d := newDoor(t, nil)
	d.media.err = &rooms.Error{Code: rooms.CodeNotReady, Detail: "no media yet", RetryAfter: time.Second}
	for _, path := range []string{"/index.m3u8", "/p1/live.m3u8"} {
		r := d.ask("GET", "/hls/"+room+"/"+ticket+path)
		if body := textOf(t, r); r.StatusCode != 503 || !strings.Contains(body, "not_ready") || !strings.Contains(body, `"status":503`) || r.Header.Get("Retry-After") != "1" {
			t.Errorf("%d %v %s", r.StatusCode, r.Header, body)
		}
	}
}

func TestAPlaylistTooFarAheadIs400(t *testing.T) {
	d := newDoor(t, nil)
	d.media.err = &rooms.Error{Code: rooms.CodeValidationFailed, Detail: "_HLS_msn is too far ahead"}
	r := d.ask("GET", "/hls/"+room+"/"+ticket+"/p1/live.m3u8?_HLS_msn=99")
	if body := textOf(t, r); r.StatusCode != 400 || !strings.Contains(body, `"status":400`) {
		t.Errorf("%d %s", r.StatusCode, body)
	}
}

func TestPlaylistsAreCompressedForThoseWhoReadThat(t *testing.T) {
	d := newDoor(t, nil)
	path := "/hls/" + room + "/" + ticket + "/p1/live.m3u8"
	if r := d.ask("GET", path, "Accept-Encoding", "gzip"); r.Header.Get("Content-Encoding") != "gzip" || textOf(t, r) != "#EXTM3U small" {
		t.Errorf("%v", r.Header)
	}
	if r := d.ask("GET", path); r.Header.Get("Content-Encoding") != "" || r.Header.Get("Vary") != "Accept-Encoding" || textOf(t, r) != "#EXTM3U plain" {
		t.Errorf("%v", r.Header)
	}
	if r := d.ask("HEAD", path); r.Header.Get("Content-Length") != "13" || textOf(t, r) != "" {
		t.Errorf("%v", r.Header)
	}
}

func TestObjectsAreForCaches(t *testing.T) {
	d := newDoor(t, nil)
	d.media.objects[room+"/abc.m4s"] = hls.Blob{Body: []byte("segment"), ContentType: "video/mp4", MaxAge: time.Hour}
	r := d.ask("GET", "/hls/"+room+"/o/abc.m4s")
	if r.StatusCode != 200 || textOf(t, r) != "segment" {
		t.Errorf("%d", r.StatusCode)
	}
	for header, want := range map[string]string{
		"Cache-Control": "public, max-age=3600, immutable", "Content-Type": "video/mp4", "Content-Length": "7",
		"Access-Control-Allow-Origin": "*", "X-Content-Type-Options": "nosniff", "Cross-Origin-Resource-Policy": "cross-origin",
	} {
		if got := r.Header.Get(header); got != want {
			t.Errorf("%s: %q, want %q", header, got, want)
		}
	}
	if r := d.ask("GET", "/hls/"+room+"/o/announced.m4s"); r.StatusCode != 200 || r.Header.Get("Cache-Control") != "public, max-age=3600, immutable" || textOf(t, r) == "" {
		t.Errorf("an announced part: %d %v", r.StatusCode, r.Header)
	}
	if r := d.ask("HEAD", "/hls/"+room+"/o/abc.m4s"); r.StatusCode != 200 || textOf(t, r) != "" {
		t.Errorf("HEAD: %d", r.StatusCode)
	}
	if r := d.ask("POST", "/hls/"+room+"/o/abc.m4s"); r.StatusCode != 405 {
		t.Errorf("POST: %d", r.StatusCode)
	}
}

func TestDeliveryDirectives(t *testing.T) {
	tests := map[string]struct {
		query string
		want  hls.Query
		bad   bool
	}{
		"none":                              {"", hls.Query{}, false},
		"a whole segment":                   {"_HLS_msn=7", hls.Query{MSN: 7, WholeSegment: true}, false},
		"a part":                            {"_HLS_msn=7&_HLS_part=3", hls.Query{MSN: 7, Part: 3}, false},
		"the first part of all":             {"_HLS_msn=0&_HLS_part=0", hls.Query{}, false},
		"a delta update":                    {"_HLS_skip=YES", hls.Query{Skip: true}, false},
		"a delta update with dates":         {"_HLS_skip=v2", hls.Query{Skip: true}, false},
		"parameters of others are ignored":  {"_HLS_msn=7&cache=1", hls.Query{MSN: 7, WholeSegment: true}, false},
		"a part without a segment":          {"_HLS_part=3", hls.Query{}, true},
		"a negative segment":                {"_HLS_msn=-1", hls.Query{}, true},
		"a segment that is no number":       {"_HLS_msn=x", hls.Query{}, true},
		"an empty segment":                  {"_HLS_msn=", hls.Query{}, true},
		"a segment twice":                   {"_HLS_msn=1&_HLS_msn=2", hls.Query{}, true},
		"a number beyond all":               {"_HLS_msn=99999999999999999999", hls.Query{}, true},
		"a skip that is none":               {"_HLS_skip=maybe", hls.Query{}, true},
		"a query that is not well-formed":   {"_HLS_msn=%zz", hls.Query{}, true},
		"a query that ends within a escape": {"_HLS_msn=1%", hls.Query{}, true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := web.ParsePlaylistQuery(tt.query)
			if (err != nil) != tt.bad || got != tt.want {
				t.Errorf("got %+v, %v", got, err)
			}
			if tt.bad && rooms.CodeOf(err) != rooms.CodeValidationFailed {
				t.Errorf("code %q", rooms.CodeOf(err))
			}
		})
	}
}

func FuzzPlaylistQuery(f *testing.F) {
	f.Add("_HLS_msn=7&_HLS_part=3&_HLS_skip=YES")
	f.Add("_HLS_part=%31;")
	f.Fuzz(func(t *testing.T, raw string) {
		q, err := web.ParsePlaylistQuery(raw)
		if q.MSN < 0 || q.Part < 0 || (err != nil && q != hls.Query{}) || (q.WholeSegment && q.Part != 0) {
			t.Errorf("%q gives %+v, %v", raw, q, err)
		}
	})
}

// discard is a writer that costs nothing, so that what is measured is ours.
type discard struct{ header http.Header }

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) Write(b []byte) (int, error) { return len(b), nil }
func (d *discard) WriteHeader(int)             {}

func (d *discard) SetWriteDeadline(time.Time) error { return nil }

func TestAnObjectIsServedWithoutAllocating(t *testing.T) {
	d := newDoor(t, nil)
	d.media.objects[room+"/abc.m4s"] = hls.Blob{Body: make([]byte, 4711), ContentType: "video/mp4", MaxAge: time.Hour}
	r := httptest.NewRequest("GET", "/hls/"+room+"/o/abc.m4s", nil)
	w := &discard{header: http.Header{}}
	if n := testing.AllocsPerRun(100, func() { d.ServeHTTP(w, r) }); n > 0 {
		t.Errorf("%v allocations for one object", n)
	}
}

func BenchmarkObject(b *testing.B) {
	d := newDoor(b, nil)
	d.media.objects[room+"/abc.m4s"] = hls.Blob{Body: make([]byte, 64<<10), ContentType: "video/mp4", MaxAge: time.Hour}
	r := httptest.NewRequest("GET", "/hls/"+room+"/o/abc.m4s", nil)
	w := &discard{header: http.Header{}}
	b.SetBytes(64 << 10)
	b.ReportAllocs()
	for b.Loop() {
		d.ServeHTTP(w, r)
	}
}

func BenchmarkPlaylist(b *testing.B) {
	d := newDoor(b, nil)
	r := httptest.NewRequest("GET", "/hls/"+room+"/"+ticket+"/p1/live.m3u8?_HLS_msn=7&_HLS_part=3", nil)
	w := &discard{header: http.Header{}}
	b.ReportAllocs()
	for b.Loop() {
		d.ServeHTTP(w, r)
	}
}
