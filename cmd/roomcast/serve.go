package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"roomcast/configs"
)

// shutdownGrace bounds how long requests in flight are waited for.
const shutdownGrace = 10 * time.Second

// serveCommand is "roomcast serve".
type serveCommand struct{ settings }

// Run implements the command.
func (c *serveCommand) Run(p *process) error {
	config, err := c.load(p)
	if err != nil {
		return err
	}
	return serve(p.ctx, config, newLogger(p, config.Log))
}

// serve runs the server until ctx ends, then lets requests in flight finish.
func serve(ctx context.Context, config configs.Config, log *slog.Logger) error {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok\n")) })
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", config.HTTP.Address.String())
	if err != nil {
		return fmt.Errorf("open http.address: %w", err)
	}
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug)}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	log.Info("listening", "listener", "http", "address", listener.Addr().String())
	select {
	case err := <-ended:
		return fmt.Errorf("serve http: %w", err)
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownGrace)
	defer cancel()
	if err := server.Shutdown(grace); err != nil {
		return fmt.Errorf("shut down http: %w", err)
	}
	if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve http: %w", err)
	}
	return nil
}
