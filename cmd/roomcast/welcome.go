package main

import (
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"

	"roomcast/configs"
	"roomcast/secret"
)

// baseURL is where an operator at this machine finds the pages, at being the
// HTTP listener's address.
func baseURL(config configs.Config, at net.Addr) string {
	if config.PublicURL != "" {
		return config.PublicURL
	}
	scheme, host, standard := "http", "localhost", 80
	if config.TLS.On() {
		scheme, standard = "https", 443
	}
	if len(config.TLS.Domains) > 0 {
		host = config.TLS.Domains[0]
	}
	port := standard
	if tcp, ok := at.(*net.TCPAddr); ok {
		port = tcp.Port
	}
	if port != standard {
		host = net.JoinHostPort(host, strconv.Itoa(port))
	}
	return scheme + "://" + host
}

// welcome tells an operator what to open and what to try next. The admin key
// is shown when this start has made it: never again.
func welcome(w io.Writer, base string, made secret.Text) error {
	var b strings.Builder
	fmt.Fprintf(&b, "\nRoomcast %s is up.\n\n", version)
	fmt.Fprintf(&b, "  Admin pages   %s/admin\n", base)
	if !made.IsZero() {
		fmt.Fprintf(&b, "  Admin key     %s\n                shown this once; only its hash is stored, so keep it\n", made.Reveal())
	}
	fmt.Fprintf(&b, "  API docs      %s/api/docs\n\n", base)
	b.WriteString("Try next: log in to the admin pages with the admin key and choose Add New Room;\n" +
		"open its participant URL in another window. A live room shows the server and stream\n" +
		"key for OBS or ffmpeg.\n\n")
	_, err := io.WriteString(w, b.String())
	return err
}
