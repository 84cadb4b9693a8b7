package bench

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"time"
)

// identity is the bare handler's certificate with its key, in PEM.
type identity struct {
	Certificate, Key []byte
}

// newIdentity makes a certificate for the loopback address, its key of the same
// kind and size as that of like: a handshake then costs both servers the same.
func newIdentity(like *x509.Certificate) (*identity, error) {
	key, err := newKey(like.PublicKey)
	if err != nil {
		return nil, fmt.Errorf("make a key for the bare server: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
	}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("make a certificate for the bare server: %w", err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("make a certificate for the bare server: %w", err)
	}
	return &identity{
		Certificate: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate}),
		Key:         pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}),
	}, nil
}

func newKey(like crypto.PublicKey) (crypto.Signer, error) {
	switch like := like.(type) {
	case *rsa.PublicKey:
		return rsa.GenerateKey(rand.Reader, like.N.BitLen())
	case *ecdsa.PublicKey:
		return ecdsa.GenerateKey(like.Curve, rand.Reader)
	case ed25519.PublicKey:
		_, key, err := ed25519.GenerateKey(rand.Reader)
		return key, err
	}
	return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
}

// server is the configuration of who has this identity.
func (i *identity) server() (*tls.Config, error) {
	pair, err := tls.X509KeyPair(i.Certificate, i.Key)
	if err != nil {
		return nil, fmt.Errorf("read the certificate: %w", err)
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}}, nil
}

// client is the configuration of who believes nobody else.
func (i *identity) client() *tls.Config {
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(i.Certificate)
	return &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots}
}
