package tlscert

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"
)

// checkEvery is the shortest time between two looks at the files.
const checkEvery = time.Second

// expiresSoon is when a certificate's end is warned of.
const expiresSoon = 14 * 24 * time.Hour

// files is a certificate in two files. They are looked at when a handshake
// comes, so that nothing runs while nobody connects.
type files struct {
	certFile, keyFile string
	log               *slog.Logger

	mu      sync.Mutex
	current *tls.Certificate
	loaded  [2]os.FileInfo // what current was read from
	refused [2]os.FileInfo // what was last tried in vain, to say so once
	checked time.Time
}

func newFiles(certFile, keyFile string, log *slog.Logger) (*files, error) {
	f := &files{certFile: certFile, keyFile: keyFile, log: log, checked: time.Now()}
	infos, err := f.stat()
	if err != nil {
		return nil, err
	}
	if err := f.load(infos); err != nil {
		return nil, err
	}
	return f, nil
}

// certificate implements tls.Config.GetCertificate.
func (f *files) certificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if now := time.Now(); now.Sub(f.checked) >= checkEvery {
		f.checked = now
		f.reload()
	}
	return f.current, nil
}

// reload reads the files again when they have changed. A pair that cannot be
// used, half written perhaps, is tried again at the next look.
func (f *files) reload() {
	infos, err := f.stat()
	if err == nil && same(infos, f.loaded) {
		return
	}
	if err == nil {
		err = f.load(infos)
	}
	if err != nil && !same(infos, f.refused) {
		f.log.Error("certificate not read again, the old one stays in use", "error", err)
	}
	f.refused = infos
}

func (f *files) stat() (infos [2]os.FileInfo, err error) {
	for i, name := range []string{f.certFile, f.keyFile} {
		if infos[i], err = os.Stat(name); err != nil {
			return infos, fmt.Errorf("look at the certificate files: %w", err)
		}
	}
	return infos, nil
}

func (f *files) load(infos [2]os.FileInfo) error {
	certificate, err := tls.LoadX509KeyPair(f.certFile, f.keyFile)
	if err != nil {
		return fmt.Errorf("read the certificate from %s and %s: %w", f.certFile, f.keyFile, err)
	}
	f.current, f.loaded = &certificate, infos
	f.report(certificate.Leaf)
	return nil
}

// report says what is in use, and warns of its end.
func (f *files) report(leaf *x509.Certificate) {
	write := f.log.Info
	if time.Until(leaf.NotAfter) < expiresSoon {
		write = f.log.Warn
	}
	write("certificate in use", "names", leaf.DNSNames, "expires", leaf.NotAfter.UTC())
}

// same reports whether two looks saw the same files with the same content, as
// far as that can be told without reading them.
func same(a, b [2]os.FileInfo) bool {
	for i := range a {
		if a[i] == nil || b[i] == nil {
			if a[i] != b[i] {
				return false
			}
			continue
		}
		if !os.SameFile(a[i], b[i]) || a[i].Size() != b[i].Size() || !a[i].ModTime().Equal(b[i].ModTime()) {
			return false
		}
	}
	return true
}
