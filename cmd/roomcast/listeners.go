package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"time"

	"roomcast/configs"
	"roomcast/ingest"
	"roomcast/ingest/rtmp"
	"roomcast/ingest/rtsp"
	"roomcast/ingest/srt"
	"roomcast/live"
	"roomcast/web/api"
	"roomcast/web/tlscert"
)

// certificateSource is nil when TLS is off.
func certificateSource(config configs.Config, log *slog.Logger) (*tlscert.Source, error) {
	if !config.TLS.On() {
		return nil, nil //nolint:nilnil // off is not an error
	}
	return tlscert.New(tlscert.Options{
		CertFile: config.TLS.CertFile, KeyFile: config.TLS.KeyFile,
		Domains: config.TLS.Domains, Directory: config.TLS.ACMEDirectory, CAFile: config.TLS.ACMECA,
		StorageDir:    filepath.Join(config.DataDir, "certificates"),
		ChallengePort: config.TLS.ChallengeAddress.Port(), HTTPSPort: config.HTTP.Address.Port(), Log: log,
	})
}

// challenges keeps certificates fresh and opens the port for ACME's plain-HTTP
// challenges, which sends everything else to HTTPS.
func challenges(ctx context.Context, config configs.Config, source *tlscert.Source, inside *parts, log *slog.Logger) error {
	inside.start("keep certificates", source.Run)
	if len(config.TLS.Domains) == 0 || !config.TLS.ChallengeAddress.On() {
		return nil
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", config.TLS.ChallengeAddress.String())
	if err != nil {
		return fmt.Errorf("open tls.challenge_address: %w", err)
	}
	inside.start("answer ACME challenges", func(ctx context.Context) error { return servePlain(ctx, listener, source.Challenge(), log) })
	return nil
}

// servePlain serves short answers until ctx ends.
func servePlain(ctx context.Context, l net.Listener, h http.Handler, log *slog.Logger) error {
	server := &http.Server{
		Handler: h, ReadTimeout: 10 * time.Second, WriteTimeout: 10 * time.Second, MaxHeaderBytes: 16 << 10,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	defer context.AfterFunc(ctx, func() { _ = server.Close() })() // nothing here is worth waiting for
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve on %s: %w", l.Addr(), err)
	}
	return nil
}

// entrance is where encoders and watching tools are led.
type entrance struct {
	gate    *ingest.Gate
	theatre *live.Theatre
	hub     *live.Hub
}

// publishers opens the doors for encoders, and for tools that watch.
func publishers(ctx context.Context, config configs.Config, source *tlscert.Source, inside *parts, to entrance, log *slog.Logger) (api.Listeners, error) {
	var open api.Listeners
	begin := func(o rtmp.Options, port *int) error {
		o.Gate, o.Theatre, o.Log = to.gate, to.theatre, log
		server := rtmp.NewServer(o)
		if err := server.Listen(ctx); err != nil {
			return err
		}
		if a, ok := server.Addr().(*net.TCPAddr); ok {
			*port = a.Port
		}
		inside.start("speak RTMP", server.Run)
		return nil
	}
	if config.RTMP.Address.On() {
		if err := begin(rtmp.Options{Address: config.RTMP.Address.String()}, &open.RTMPPort); err != nil {
			return open, err
		}
	}
	if source != nil && config.RTMPS.Address.On() {
		if err := begin(rtmp.Options{Address: config.RTMPS.Address.String(), TLS: source.Config()}, &open.RTMPSPort); err != nil {
			return open, err
		}
	}
	if config.RTSP.Address.On() {
		var err error
		if open.RTSPPort, err = openRTSP(ctx, config.RTSP, inside, to, log); err != nil {
			return open, err
		}
	}
	if config.SRT.Address.On() {
		server := srt.NewServer(srt.Options{Address: config.SRT.Address.String(), Gate: to.gate, Theatre: to.theatre, Warnings: to.hub, Log: log})
		if err := server.Listen(ctx); err != nil {
			return open, err
		}
		if a, ok := server.Addr().(*net.UDPAddr); ok {
			open.SRTPort = a.Port
		}
		inside.start("speak SRT", server.Run)
	}
	return open, nil
}

// openRTSP opens the door for RTSP and says on which port.
func openRTSP(ctx context.Context, config configs.RTSP, inside *parts, to entrance, log *slog.Logger) (port int, err error) {
	o := rtsp.Options{Address: config.Address.String(), Gate: to.gate, Theatre: to.theatre, Warnings: to.hub, Log: log}
	if config.UDPAddress.On() {
		o.UDPAddress = config.UDPAddress.String()
	}
	server := rtsp.NewServer(o)
	if err := server.Listen(ctx); err != nil {
		return 0, err
	}
	if a, ok := server.Addr().(*net.TCPAddr); ok {
		port = a.Port
	}
	inside.start("speak RTSP", server.Run)
	return port, nil
}
