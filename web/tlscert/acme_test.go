package tlscert

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"log" //nolint:depguard // Pebble takes no other
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/letsencrypt/pebble/v2/ca"
	"github.com/letsencrypt/pebble/v2/db"
	"github.com/letsencrypt/pebble/v2/va"
	"github.com/letsencrypt/pebble/v2/wfe"
	"github.com/miekg/dns"
	"go.uber.org/goleak"
)

// othersGoroutines are those that end late or never in libraries: Pebble's
// validator is a test's alone; certmagic has one rate limiter for each ACME
// account, for the life of the process, and a lock file's keeper goes within
// five seconds of its lock.
var othersGoroutines = []goleak.Option{
	goleak.IgnoreAnyFunction("github.com/caddyserver/certmagic.(*RingBufferRateLimiter).loop"),
	goleak.IgnoreAnyFunction("github.com/caddyserver/certmagic.keepLockfileFresh"),
	goleak.IgnoreAnyFunction("github.com/letsencrypt/pebble/v2/va.VAImpl.processTasks"),
}

const domain = "rooms.example.com"

// localNames starts a DNS server to which every name is 127.0.0.1.
func localNames(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &dns.Server{Listener: listener, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		m := new(dns.Msg).SetReply(q)
		if q.Question[0].Qtype == dns.TypeA {
			m.Answer = append(m.Answer, &dns.A{
				Hdr: dns.RR_Header{Name: q.Question[0].Name, Rrtype: dns.TypeA, Class: dns.ClassINET},
				A:   net.IPv4(127, 0, 0, 1),
			})
		}
		_ = w.WriteMsg(m)
	})}
	ended := make(chan error, 1)
	go func() { ended <- server.ActivateAndServe() }()
	t.Cleanup(func() { _ = server.Shutdown(); <-ended })
	return listener.Addr().String()
}

// authority is an ACME server: Pebble, in this process.
type authority struct {
	directory string
	caFile    string // vouches for the ACME server itself
	roots     *x509.CertPool
	close     func()
}

func startAuthority(t *testing.T, httpPort, tlsPort int) authority {
	t.Helper()
	t.Setenv("PEBBLE_VA_NOSLEEP", "1")
	t.Setenv("PEBBLE_WFE_NONCEREJECT", "0")
	t.Setenv("PEBBLE_AUTHZREUSE", "0")
	quiet := log.New(io.Discard, "", 0)
	store := db.NewMemoryStore()
	authority := authority{roots: x509.NewCertPool()}
	issuer := ca.New(quiet, store, "", "ecdsa", 0, 1, map[string]ca.Profile{"default": {Description: "default"}})
	validator := va.New(quiet, httpPort, tlsPort, false, localNames(t), store)
	front := wfe.New(quiet, store, validator, issuer, []string{"pebble.example"}, false, false, 0, 0)
	server := httptest.NewTLSServer(front.Handler())
	t.Cleanup(server.Close)
	authority.close = server.Close
	authority.directory = server.URL + wfe.DirectoryPath
	authority.caFile = filepath.Join(t.TempDir(), "ca.pem")
	put(t, authority.caFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))
	authority.roots.AddCert(issuer.GetRootCert(0).Cert)
	return authority
}

func listen(t *testing.T) (net.Listener, int) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l, l.Addr().(*net.TCPAddr).Port
}

// lockedBuffer is a log that is read while it is written.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// site is a server with certificates by ACME, as the process wires it.
type site struct {
	source *Source
	log    *lockedBuffer
}

func startSite(t *testing.T, o Options, https, challenge net.Listener) site {
	t.Helper()
	s := site{log: &lockedBuffer{}}
	o.Domains = []string{domain}
	o.Log = slog.New(slog.NewTextHandler(s.log, nil))
	source, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	s.source = source
	hello := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = fmt.Fprint(w, r.Proto) })
	secure := &http.Server{Handler: hello, TLSConfig: source.Config("h2", "http/1.1"), ErrorLog: slog.NewLogLogger(slog.DiscardHandler, 0)}
	plain := &http.Server{Handler: source.Challenge()}
	ctx, cancel := context.WithCancel(t.Context())
	var group sync.WaitGroup
	group.Go(func() { _ = secure.ServeTLS(https, "", "") })
	group.Go(func() { _ = plain.Serve(challenge) })
	group.Go(func() {
		if err := source.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() {
		cancel()
		_ = secure.Close()
		_ = plain.Close()
		group.Wait()
	})
	return s
}

// visit asks the site over HTTPS until it has a certificate that roots vouch for.
func (s site) visit(t *testing.T, roots *x509.CertPool, address string) (proto string, leaf *x509.Certificate) {
	t.Helper()
	transport := &http.Transport{
		TLSClientConfig:   &tls.Config{RootCAs: roots, ServerName: domain},
		ForceAttemptHTTP2: true,
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, address)
		},
	}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: 5 * time.Second}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(30 * time.Second)
	for {
		response, err := client.Get("https://" + domain + "/")
		if err == nil {
			body, _ := io.ReadAll(response.Body)
			_ = response.Body.Close()
			return string(body), response.TLS.PeerCertificates[0]
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("no certificate: %v\n%s", err, s.log)
		}
	}
}

func TestACertificateComesByEitherChallengeAndIsKept(t *testing.T) {
	for name, c := range map[string]struct{ http, alpn bool }{
		"HTTP-01":     {http: true},
		"TLS-ALPN-01": {alpn: true},
		"either":      {http: true, alpn: true},
	} {
		t.Run(name, func(t *testing.T) {
			https, httpsPort := listen(t)
			challenge, challengePort := listen(t)
			authority := startAuthority(t, challengePort, httpsPort)
			o := Options{Directory: authority.directory, CAFile: authority.caFile, StorageDir: filepath.Join(t.TempDir(), "tls")}
			if c.http {
				o.ChallengePort = challengePort
			}
			if c.alpn {
				o.HTTPSPort = httpsPort
			}
			s := startSite(t, o, https, challenge)
			proto, leaf := s.visit(t, authority.roots, https.Addr().String())
			if proto != "HTTP/2.0" {
				t.Errorf("speaks %s, want HTTP/2", proto)
			}
			if leaf.VerifyHostname(domain) != nil {
				t.Errorf("certificate for %v", leaf.DNSNames)
			}

			// A second start takes the one on disk: the authority is gone.
			authority.close()
			again, _ := listen(t)
			other, _ := listen(t)
			_, kept := startSite(t, o, again, other).visit(t, authority.roots, again.Addr().String())
			if kept.SerialNumber.Cmp(leaf.SerialNumber) != 0 {
				t.Error("the certificate was not kept")
			}
		})
	}
}

func TestKeysOnDiskAreForTheirOwnerAlone(t *testing.T) {
	https, httpsPort := listen(t)
	challenge, challengePort := listen(t)
	authority := startAuthority(t, challengePort, httpsPort)
	dir := filepath.Join(t.TempDir(), "tls")
	s := startSite(t, Options{Directory: authority.directory, CAFile: authority.caFile, StorageDir: dir, ChallengePort: challengePort}, https, challenge)
	s.visit(t, authority.roots, https.Addr().String())
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil && filepath.Ext(path) == ".key" && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func TestRTMPSTakesTheSameCertificateWithoutALPN(t *testing.T) {
	dir := t.TempDir()
	cert, key := selfSigned(t, domain, time.Hour)
	put(t, filepath.Join(dir, "c"), cert)
	put(t, filepath.Join(dir, "k"), key)
	s, err := New(Options{CertFile: filepath.Join(dir, "c"), KeyFile: filepath.Join(dir, "k"), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	l, _ := listen(t)
	var group sync.WaitGroup
	defer group.Wait()
	group.Go(func() {
		conn, err := tls.NewListener(l, s.Config()).Accept()
		if err != nil {
			t.Error(err)
			return
		}
		defer func() { _ = conn.Close() }()
		_, _ = io.Copy(io.Discard, conn)
	})
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(cert)
	conn, err := tls.Dial("tcp", l.Addr().String(), &tls.Config{RootCAs: roots, ServerName: domain})
	if err != nil {
		t.Fatal(err)
	}
	if got := conn.ConnectionState().NegotiatedProtocol; got != "" {
		t.Errorf("negotiated %q", got)
	}
	_ = conn.Close()
}
