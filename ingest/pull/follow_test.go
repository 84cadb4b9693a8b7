package pull

import (
	"strings"
	"testing"

	"github.com/bluenviron/gortsplib/v5/pkg/base"
)

// FuzzFollow follows made-up redirects: never out of RTSP, never to less
// safety, and never with the credentials to another host.
func FuzzFollow(f *testing.F) {
	for _, l := range []string{
		"rtsp://camera/other", "rtsp://CAMERA:8554/", "rtsps://elsewhere/x", "rtsp://a:b@elsewhere/", "/relative", "http://camera/", "rtsp://camera@elsewhere/", "rtsp://",
	} {
		f.Add(l, false)
		f.Add(l, true)
	}
	f.Fuzz(func(t *testing.T, location string, secure bool) {
		scheme := "rtsp"
		if secure {
			scheme = "rtsps"
		}
		from, err := base.ParseURL(scheme + "://user:s3cret@camera/stream")
		if err != nil {
			t.Fatal(err)
		}
		to, err := follow(from, location)
		if err != nil {
			return
		}
		if to.Scheme != "rtsps" && (secure || to.Scheme != "rtsp") {
			t.Fatalf("%q leads to %s", location, to.Scheme)
		}
		if to.User == nil || strings.Contains(location, "s3cret") {
			return
		}
		if p, _ := to.User.Password(); p == "s3cret" && !strings.EqualFold(to.Hostname(), "camera") {
			t.Fatalf("the password goes to %s", to.Hostname())
		}
	})
}
