package tlscert

import (
	"context"
	"crypto/x509"
	"fmt"
	"os"

	"github.com/caddyserver/certmagic"
	"go.uber.org/zap"
)

// challengeProtocol is the ALPN protocol of TLS-ALPN-01 challenges (RFC 8737).
const challengeProtocol = "acme-tls/1"

// acme gets certificates by ACME. certmagic does the work: this wires it
// without its package-level defaults.
type acme struct {
	cache  *certmagic.Cache
	config *certmagic.Config
	issuer *certmagic.ACMEIssuer
}

func newACME(o Options) (*acme, error) {
	var roots *x509.CertPool
	if o.CAFile != "" {
		pem, err := os.ReadFile(o.CAFile)
		if err != nil {
			return nil, fmt.Errorf("read the ACME server's authorities: %w", err)
		}
		roots = x509.NewCertPool()
		if !roots.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("read the ACME server's authorities: %s holds no PEM certificate", o.CAFile)
		}
	}
	logger := zap.New(zapCore{log: o.Log})
	a := &acme{}
	a.cache = certmagic.NewCache(certmagic.CacheOptions{
		GetConfigForCert: func(certmagic.Certificate) (*certmagic.Config, error) { return a.config, nil },
		Logger:           logger,
	})
	a.config = certmagic.New(a.cache, certmagic.Config{
		Storage:           &certmagic.FileStorage{Path: o.StorageDir},
		DefaultServerName: o.Domains[0],
		Logger:            logger,
	})
	a.issuer = certmagic.NewACMEIssuer(a.config, certmagic.ACMEIssuer{
		CA:                      o.Directory,
		Agreed:                  true, // by setting tls.domains, as its documentation says
		TrustedRoots:            roots,
		AltHTTPPort:             o.ChallengePort,
		AltTLSALPNPort:          o.HTTPSPort,
		DisableHTTPChallenge:    o.ChallengePort == 0,
		DisableTLSALPNChallenge: o.HTTPSPort == 0,
		Logger:                  logger,
	})
	a.config.Issuers = []certmagic.Issuer{a.issuer}
	return a, nil
}

func (a *acme) run(ctx context.Context, domains []string) error {
	defer a.cache.Stop()
	if err := a.config.ManageAsync(ctx, domains); err != nil {
		return fmt.Errorf("obtain certificates for %v: %w", domains, err)
	}
	<-ctx.Done()
	return nil
}
