package tlscert

import (
	"bufio"
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, othersGoroutines...) }

// selfSigned makes a certificate for name as PEM, and its key.
func selfSigned(t *testing.T, name string, lifetime time.Duration) (cert, key []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: name},
		DNSNames:     []string{name},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(lifetime),
		IsCA:         true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})
}

func put(t *testing.T, path string, body []byte) {
	t.Helper()
	if err := os.WriteFile(path, body, 0o600); err != nil {
		t.Fatal(err)
	}
}

func served(t *testing.T, c *tls.Config) string {
	t.Helper()
	certificate, err := c.GetCertificate(&tls.ClientHelloInfo{})
	if err != nil {
		t.Fatal(err)
	}
	return certificate.Leaf.DNSNames[0]
}

func TestChangedFilesAreReadAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		certFile, keyFile := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
		cert, key := selfSigned(t, "one.example.com", 90*24*time.Hour)
		put(t, certFile, cert)
		put(t, keyFile, key)
		var log bytes.Buffer
		s, err := New(Options{CertFile: certFile, KeyFile: keyFile, Log: slog.New(slog.NewTextHandler(&log, nil))})
		if err != nil {
			t.Fatal(err)
		}
		c := s.Config("h2", "http/1.1")
		expect := func(want string) {
			t.Helper()
			time.Sleep(checkEvery)
			if got := served(t, c); got != want {
				t.Fatalf("served %s, want %s\n%s", got, want, log.String())
			}
		}
		expect("one.example.com")

		cert, key = selfSigned(t, "two.example.com", time.Hour)
		put(t, certFile, cert)
		expect("one.example.com") // the key is still the old one
		expect("one.example.com")
		if n := strings.Count(log.String(), "not read again"); n != 1 {
			t.Errorf("said %d times that the pair is not usable, want once", n)
		}
		put(t, keyFile, key)
		expect("two.example.com")
		if !strings.Contains(log.String(), "level=WARN msg=\"certificate in use\"") {
			t.Errorf("no warning of a certificate that ends within the hour:\n%s", log.String())
		}

		if err := os.Remove(certFile); err != nil {
			t.Fatal(err)
		}
		expect("two.example.com")
		expect("two.example.com")
		if n := strings.Count(log.String(), "not read again"); n != 2 {
			t.Errorf("said %d times that a certificate is not usable, want twice", n)
		}

		// As Kubernetes and certbot do it: a new file behind a link.
		cert, key = selfSigned(t, "three.example.com", 90*24*time.Hour)
		put(t, filepath.Join(dir, "new.pem"), cert)
		put(t, keyFile, key)
		if err := os.Symlink(filepath.Join(dir, "new.pem"), certFile); err != nil {
			t.Fatal(err)
		}
		expect("three.example.com")
	})
}

func TestUnusableFilesAreRefusedAtTheStart(t *testing.T) {
	dir := t.TempDir()
	cert, _ := selfSigned(t, "a.example.com", time.Hour)
	_, otherKey := selfSigned(t, "b.example.com", time.Hour)
	put(t, filepath.Join(dir, "cert"), cert)
	put(t, filepath.Join(dir, "key"), otherKey)
	put(t, filepath.Join(dir, "text"), []byte("no certificate"))
	at := func(name string) string { return filepath.Join(dir, name) }
	for name, c := range map[string]struct {
		options Options
		want    string
	}{
		"nothing given":          {Options{}, "neither certificate files nor domains"},
		"no such file":           {Options{CertFile: at("none"), KeyFile: at("key")}, "no such file"},
		"not PEM":                {Options{CertFile: at("text"), KeyFile: at("key")}, "failed to find any PEM data"},
		"another one's key":      {Options{CertFile: at("cert"), KeyFile: at("key")}, "private key does not match"},
		"no authorities file":    {Options{Domains: []string{"a.example.com"}, CAFile: at("none")}, "read the ACME server's authorities"},
		"no authorities in file": {Options{Domains: []string{"a.example.com"}, CAFile: at("text")}, "holds no PEM certificate"},
	} {
		t.Run(name, func(t *testing.T) {
			c.options.Log = slog.New(slog.DiscardHandler)
			if _, err := New(c.options); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestARequestLineThatIsNoPathIsSentToTheRoot(t *testing.T) {
	s := &Source{domains: []string{"a.example.com"}, port: 443}
	for _, target := range []string{"*", "x:.evil.example/"} {
		r, err := http.ReadRequest(bufio.NewReader(strings.NewReader("OPTIONS " + target + " HTTP/1.1\r\nHost: a.example.com\r\n\r\n")))
		if err != nil {
			t.Fatal(err)
		}
		w := httptest.NewRecorder()
		s.Challenge().ServeHTTP(w, r)
		if got := w.Header().Get("Location"); got != "https://a.example.com/" {
			t.Errorf("%s is sent to %s", target, got)
		}
	}
}

func TestPlainHTTPIsSentToHTTPSOnADomainOfOurs(t *testing.T) {
	for name, c := range map[string]struct {
		host, path string
		port       int
		want       string
	}{
		"the usual port":         {"a.example.com", "/join/x?y=z", 443, "https://a.example.com/join/x?y=z"},
		"another port":           {"b.example.com:80", "/", 8443, "https://b.example.com:8443/"},
		"capital letters":        {"A.Example.Com", "/", 443, "https://a.example.com/"},
		"an address":             {"192.0.2.1", "/", 443, "https://a.example.com/"},
		"an IPv6 address":        {"[2001:db8::1]:80", "/", 443, "https://a.example.com/"},
		"somebody else's name":   {"evil.example", "/", 443, "https://a.example.com/"},
		"a path like a host":     {"a.example.com", "//evil.example/", 443, "https://a.example.com//evil.example/"},
		"an unsolved challenge":  {"a.example.com", "/.well-known/acme-challenge/x", 443, "https://a.example.com/.well-known/acme-challenge/x"},
		"a listener that is off": {"a.example.com", "/", 0, "https://a.example.com/"},
	} {
		t.Run(name, func(t *testing.T) {
			s := &Source{domains: []string{"a.example.com", "b.example.com"}, port: c.port}
			r := httptest.NewRequest(http.MethodGet, "http://a.example.com/", nil)
			r.Host, r.RequestURI = c.host, c.path
			r.URL.Path, r.URL.RawQuery, _ = strings.Cut(c.path, "?")
			w := httptest.NewRecorder()
			s.Challenge().ServeHTTP(w, r)
			if got := w.Header().Get("Location"); w.Code != http.StatusPermanentRedirect || got != c.want {
				t.Errorf("got %d %s, want %s", w.Code, got, c.want)
			}
			if w.Header().Get("Referrer-Policy") != "no-referrer" {
				t.Error("a door's path could leak by Referer")
			}
		})
	}
}
