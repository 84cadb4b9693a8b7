package rtsp

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"roomcast/media"
)

// FuzzConversation says made-up things to a server. What it must not do is
// panic, in our code or in the library's goroutines, or keep the connection.
func FuzzConversation(f *testing.F) {
	h := &house{stream: media.NewStream(media.Limits{}), logged: &safeBuffer{}, warnings: map[string]string{}}
	h.server = NewServer(Options{
		Address: "127.0.0.1:0", UDPAddress: "127.0.0.1:0", Gate: h, Theatre: h, Warnings: h, Log: slog.New(slog.DiscardHandler),
		GreetingTimeout: 200 * time.Millisecond, IdleTimeout: 200 * time.Millisecond, KeepAlive: 200 * time.Millisecond,
	})
	if err := h.server.Listen(f.Context()); err != nil {
		f.Fatal(err)
	}
	stopped := make(chan error, 1)
	ctx, stop := context.WithCancel(context.Background())
	go func() { stopped <- h.server.Run(ctx) }()
	f.Cleanup(func() {
		stop()
		<-stopped
	})
	options, announce, setup, _ := requests(h)
	f.Add([]byte(options))
	f.Add([]byte(announce + setup))
	f.Add([]byte(announce + setup + strings.ReplaceAll(setup, "SETUP", "RECORD")))
	f.Add([]byte("DESCRIBE " + h.url("play/"+rightTicket) + " RTSP/1.0\r\nCSeq: 1\r\n\r\n$\x00\x00\x02xx"))
	f.Add([]byte("SETUP rtsp://h/play/x/trackID=0 RTSP/1.0\r\nCSeq: 1\r\nTransport: RTP/AVP;unicast;client_port=1-2;mode=play\r\n\r\n"))
	f.Fuzz(func(t *testing.T, said []byte) {
		nc, err := net.DialTimeout("tcp", h.server.Addr().String(), time.Second)
		if err != nil {
			t.Fatal(err)
		}
		defer nc.Close()
		_ = nc.SetDeadline(time.Now().Add(5 * time.Second))
		if _, err := nc.Write(said); err != nil {
			return // it has heard enough
		}
		if c, ok := nc.(*net.TCPConn); ok {
			_ = c.CloseWrite()
		}
		if _, err := io.Copy(io.Discard, nc); err != nil {
			var ne net.Error
			if errors.As(err, &ne) && ne.Timeout() {
				t.Fatalf("still connected after %q", said)
			}
		}
	})
}
