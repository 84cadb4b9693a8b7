package web_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"strings"
	"syscall"
	"testing"
	"time"

	"roomcast/live/hls"
	"roomcast/rooms"
	"roomcast/web"
)

// running is a server that is up.
type running struct {
	*web.Server
	door *door
	stop context.CancelFunc
	end  chan error
}

func start(t *testing.T, change func(*web.ServerOptions), parts func(*web.Options)) *running {
	t.Helper()
	d := newDoor(t, parts)
	o := web.ServerOptions{HTTPAddress: "127.0.0.1:0", MetricsAddress: "127.0.0.1:0", Handler: d.Handler, Log: slog.New(slog.DiscardHandler)}
	if change != nil {
		change(&o)
	}
	ctx, stop := context.WithCancel(t.Context())
	s := &running{Server: web.NewServer(o), door: d, stop: stop, end: make(chan error, 1)}
	go func() { s.end <- s.Run(ctx) }()
	select {
	case <-s.Ready():
	case err := <-s.end:
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stop()
		http.DefaultClient.CloseIdleConnections()
	})
	return s
}

func fetch(t *testing.T, client *http.Client, url string) (int, string) {
	t.Helper()
	r, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, textOf(t, r)
}

func TestTheServerServesUntilItIsTold(t *testing.T) {
	s := start(t, nil, nil)
	if status, body := fetch(t, http.DefaultClient, "http://"+s.Addr().String()+"/healthz"); status != 200 || strings.TrimSpace(body) != `{"status":"ok"}` {
		t.Errorf("%d %s", status, body)
	}
	s.stop()
	if err := <-s.end; err != nil {
		t.Error(err)
	}
	<-s.door.sockets.told
	if _, err := net.Dial("tcp", s.Addr().String()); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("still accepting: %v", err)
	}
}

func TestAShutdownFinishesRequestsAndRefusesNewOnes(t *testing.T) {
	entered, release := make(chan struct{}), make(chan struct{})
	s := start(t, nil, func(o *web.Options) {
		o.Tickets = slowTickets{tickets: o.Tickets, entered: entered, release: release}
	})
	base := "http://" + s.Addr().String()
	answered := make(chan int, 1)
	go func() {
		r, err := http.Get(base + "/hls/" + room + "/" + ticket + "/index.m3u8")
		if err != nil {
			answered <- 0
			return
		}
		_ = r.Body.Close()
		answered <- r.StatusCode
	}()
	<-entered
	s.stop()
	<-s.door.sockets.told // The shutdown has begun.
	r := s.door.ask("GET", "/healthz")
	if body := textOf(t, r); r.StatusCode != 503 || !strings.Contains(body, `"code":"shutting_down"`) || r.Header.Get("Retry-After") != "1" {
		t.Errorf("a new request: %d %s", r.StatusCode, body)
	}
	close(release)
	if status := <-answered; status != 200 {
		t.Errorf("the request in flight got %d", status)
	}
	if err := <-s.end; err != nil {
		t.Error(err)
	}
}

// slowTickets holds a request until it is released.
type slowTickets struct {
	tickets          web.Tickets
	entered, release chan struct{}
}

func (s slowTickets) Ticket(ctx context.Context, roomID, given, player string) (rooms.Grant, error) {
	close(s.entered)
	<-s.release
	return s.tickets.Ticket(ctx, roomID, given, player)
}

func TestAShutdownIsBounded(t *testing.T) {
	entered, release := make(chan struct{}), make(chan struct{})
	s := start(t, func(o *web.ServerOptions) { o.Drain = 50 * time.Millisecond }, func(o *web.Options) {
		o.Tickets = slowTickets{tickets: o.Tickets, entered: entered, release: release}
	})
	failed := make(chan error, 1)
	go func() {
		r, err := http.Get("http://" + s.Addr().String() + "/hls/" + room + "/" + ticket + "/index.m3u8")
		if err == nil {
			_ = r.Body.Close()
		}
		failed <- err
	}()
	<-entered
	s.stop()
	if err := <-s.end; err != nil {
		t.Error(err)
	}
	if err := <-failed; err == nil {
		t.Error("a request that never ends was answered")
	}
	close(release)
}

// overTLS starts a server that speaks TLS, and makes a client for it.
func overTLS(t *testing.T, change func(*web.ServerOptions)) (*running, *http.Client) {
	t.Helper()
	issuer := httptest.NewUnstartedServer(nil)
	issuer.StartTLS()
	t.Cleanup(issuer.Close)
	s := start(t, func(o *web.ServerOptions) {
		o.TLS = &tls.Config{Certificates: issuer.TLS.Certificates, MinVersion: tls.VersionTLS12}
		if change != nil {
			change(o)
		}
	}, nil)
	transport := &http.Transport{TLSClientConfig: issuer.Client().Transport.(*http.Transport).TLSClientConfig, ForceAttemptHTTP2: true}
	t.Cleanup(transport.CloseIdleConnections)
	return s, &http.Client{Transport: transport}
}

func TestTLSSpeaksHTTP2(t *testing.T) {
	s, client := overTLS(t, nil)
	r, err := client.Get("https://" + s.Addr().String() + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	_ = textOf(t, r)
	if r.ProtoMajor != 2 || r.StatusCode != 200 {
		t.Errorf("%s %d", r.Proto, r.StatusCode)
	}
}

func TestMetricsHaveRoutesAndFigures(t *testing.T) {
	s := start(t, nil, func(o *web.Options) {
		o.Census = func(context.Context) web.Census {
			return web.Census{ActiveRooms: map[string]int{"meet": 2}, Participants: map[string]int{"meet": 5}, Broadcasts: map[string]int{"live": 1}}
		}
	})
	fetch(t, http.DefaultClient, "http://"+s.Addr().String()+"/join/canary-token")
	_, body := fetch(t, http.DefaultClient, "http://"+s.MetricsAddr().String()+"/metrics")
	for _, want := range []string{
		`roomcast_http_request_duration_seconds_count{route="/join/{token}",status="2xx"} 1`, `roomcast_active_rooms{room_type="meet"} 2`,
		`roomcast_participants{room_type="meet"} 5`, `roomcast_broadcasts{state="live"} 1`, "go_goroutines", "process_open_fds",
	} {
		if !strings.Contains(body, want) {
			t.Errorf("no %s", want)
		}
	}
	if strings.Contains(body, "canary") {
		t.Error("a metric holds a secret")
	}
}

func TestAListenerThatCannotOpenIsNamed(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	d := newDoor(t, nil)
	for name, o := range map[string]web.ServerOptions{
		"HTTP":    {HTTPAddress: taken.Addr().String(), MetricsAddress: "off"},
		"metrics": {HTTPAddress: "127.0.0.1:0", MetricsAddress: taken.Addr().String()},
	} {
		o.Handler, o.Log = d.Handler, slog.New(slog.DiscardHandler)
		if err := web.NewServer(o).Run(t.Context()); !errors.Is(err, syscall.EADDRINUSE) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestReadinessNamesWhatIsMissing(t *testing.T) {
	missing := []string{"rtmp"}
	d := newDoor(t, func(o *web.Options) { o.API.Missing = func() []string { return missing } })
	r := d.ask("GET", "/readyz")
	if body := textOf(t, r); r.StatusCode != 503 || !strings.Contains(body, "rtmp") || !strings.Contains(body, `"code":"not_ready"`) {
		t.Errorf("%d %s", r.StatusCode, body)
	}
	missing = nil
	if r := d.ask("GET", "/readyz"); r.StatusCode != 200 {
		t.Errorf("%d", r.StatusCode)
	}
}

func TestTheHeadersOfARequestAreBounded(t *testing.T) {
	s := start(t, nil, nil)
	c, err := net.Dial("tcp", s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	if _, err := io.WriteString(c, "GET /healthz HTTP/1.1\r\nHost: x\r\nX-Long: "+strings.Repeat("a", 64<<10)+"\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	line := make([]byte, 12)
	if _, err := io.ReadFull(c, line); err != nil || string(line) != "HTTP/1.1 431" {
		t.Errorf("%s %v", line, err)
	}
}

// protocols runs a test over HTTP/1.1 and over HTTP/2, with a server that is soon out of patience.
func protocols(t *testing.T, test func(t *testing.T, s *running, client *http.Client, base string)) {
	impatient := func(o *web.ServerOptions) { o.WriteTimeout = 300 * time.Millisecond }
	t.Run("HTTP/1.1", func(t *testing.T) {
		s := start(t, impatient, nil)
		transport := &http.Transport{}
		t.Cleanup(transport.CloseIdleConnections)
		test(t, s, &http.Client{Transport: transport}, "http://"+s.Addr().String())
	})
	t.Run("HTTP/2", func(t *testing.T) {
		s, client := overTLS(t, impatient)
		test(t, s, client, "https://"+s.Addr().String())
	})
}

func TestAnAnswerThatNobodyReadsIsCut(t *testing.T) {
	protocols(t, func(t *testing.T, s *running, client *http.Client, base string) {
		const size = 64 << 20 // more than the kernel and an HTTP/2 client take unread
		s.door.media.objects[room+"/large.m4s"] = hls.Blob{Body: make([]byte, size), ContentType: "video/mp4", MaxAge: time.Hour}
		r, err := client.Get(base + "/hls/" + room + "/o/large.m4s")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = r.Body.Close() }()
		time.Sleep(time.Second)
		if n, err := io.Copy(io.Discard, r.Body); err == nil || n == size || r.ContentLength != size {
			t.Errorf("read %d of %d bytes: %v", n, r.ContentLength, err)
		}
	})
}

func TestADeadlineDoesNotOutliveItsRequest(t *testing.T) {
	protocols(t, func(t *testing.T, _ *running, client *http.Client, base string) {
		var reused bool
		ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{GotConn: func(i httptrace.GotConnInfo) { reused = i.Reused }})
		for i, path := range []string{"/api/docs", "/nothing", "/healthz"} {
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, base+path, http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			r, err := client.Do(req)
			if err != nil || reused != (i > 0) {
				t.Fatalf("%s: on an old connection: %v; %v", path, reused, err)
			}
			_ = textOf(t, r)
			time.Sleep(400 * time.Millisecond)
		}
	})
}

func TestEveryBodyHasADeadline(t *testing.T) {
	d := newDoor(t, nil)
	for _, path := range []string{"/api/v1/openapi.json", "/nothing", "/join/x", "/healthz", "/hls/" + room + "/o/gone.m4s"} {
		w := &deadlined{ResponseRecorder: httptest.NewRecorder(), read: make(chan time.Time, 8)}
		d.ServeHTTP(w, httptest.NewRequest("GET", path, strings.NewReader("slow")))
		if len(w.read) == 0 {
			t.Errorf("%s sets no read deadline: net/http would wait for the rest of the body without end", path)
		}
	}
}

// deadlined tells of the read deadlines that are set.
type deadlined struct {
	*httptest.ResponseRecorder
	read chan time.Time
}

func (d *deadlined) SetReadDeadline(at time.Time) error { d.read <- at; return nil }

func (d *deadlined) SetWriteDeadline(time.Time) error { return nil }
