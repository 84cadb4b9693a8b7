package tlscert

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net/http"
	"slices"
)

// Options says where certificates come from: CertFile and KeyFile, or Domains.
type Options struct {
	// CertFile and KeyFile are PEM files of a certificate chain and its key.
	CertFile, KeyFile string

	// Domains are the names to get certificates for by ACME.
	Domains []string
	// Directory is the ACME server's directory URL, empty for Let's Encrypt.
	Directory string
	// CAFile is a PEM file of the authorities that the ACME server's own
	// certificate is checked against, empty for the system's.
	CAFile string
	// StorageDir keeps the ACME account, certificates and their keys.
	StorageDir string
	// ChallengePort and HTTPSPort are the ports whose listeners answer HTTP-01
	// and TLS-ALPN-01 challenges; 0 when there is no such listener.
	ChallengePort, HTTPSPort int

	Log *slog.Logger
}

// Source gives certificates. It is safe for concurrent use.
type Source struct {
	domains []string
	port    int
	files   *files
	acme    *acme
}

// New makes a source. It fails when the files that it was told of cannot be
// used; ACME begins in Run, which has to be called to end what New begins.
func New(o Options) (*Source, error) {
	s := &Source{domains: o.Domains, port: o.HTTPSPort}
	var err error
	switch {
	case len(o.Domains) > 0:
		s.acme, err = newACME(o)
	case o.CertFile != "" && o.KeyFile != "":
		s.files, err = newFiles(o.CertFile, o.KeyFile, o.Log)
	default:
		err = errors.New("neither certificate files nor domains are given")
	}
	if err != nil {
		return nil, err
	}
	return s, nil
}

// Config gives a TLS configuration that speaks the application protocols, the
// preferred first (ALPN, RFC 7301): "h2" and "http/1.1" for HTTPS, none for RTMPS.
func (s *Source) Config(protocols ...string) *tls.Config {
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if s.files != nil {
		c.GetCertificate = s.files.certificate
		c.NextProtos = protocols
		return c
	}
	c.GetCertificate = s.acme.config.GetCertificate
	if len(protocols) > 0 {
		// A connection without ALPN is refused nothing, so RTMPS needs no entry.
		c.NextProtos = append(slices.Clone(protocols), challengeProtocol)
	}
	return c
}

// Run obtains and renews certificates until ctx ends, and leaves nothing behind.
// With certificate files there is nothing to run: it only waits.
func (s *Source) Run(ctx context.Context) error {
	if s.acme != nil {
		return s.acme.run(ctx, s.domains)
	}
	<-ctx.Done()
	return nil
}

// Challenge answers HTTP-01 challenges and sends everything else to the same
// place over HTTPS. It is what the port for plain HTTP serves with Domains.
func (s *Source) Challenge() http.Handler {
	redirect := http.Handler(redirector{domains: s.domains, port: s.port})
	if s.acme == nil {
		return redirect
	}
	return s.acme.issuer.HTTPChallengeHandler(redirect)
}
