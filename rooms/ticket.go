package rooms

import (
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/crypto/chacha20poly1305"

	"roomcast/secret"
)

const (
	ticketVersion  = 2
	maxTicketChars = 4 << 10
)

// tickets seals claims into an unguessable path element and opens it again:
// nothing is stored, so tickets outlive a restart. The nonce is a MAC of the
// claims, so the same join always has the same ticket.
type tickets struct {
	aead     cipher.AEAD
	nonceKey []byte
}

func newTickets(key secret.Text) *tickets {
	derive := func(info string) []byte {
		k, err := hkdf.Key(sha256.New, []byte(key.Reveal()), nil, info, 32)
		if err != nil { // only for lengths that SHA-256 cannot give
			panic(fmt.Sprintf("derive a ticket key: %v", err))
		}
		return k
	}
	aead, err := chacha20poly1305.NewX(derive("roomcast ticket seal"))
	if err != nil { // only for keys that are not 32 bytes
		panic(fmt.Sprintf("ticket key: %v", err))
	}
	return &tickets{aead: aead, nonceKey: derive("roomcast ticket nonce")}
}

func (t *tickets) seal(c *claims) secret.Text { return t.sealFor(packClaims(c), "") }

// sealFor seals what opens only for the same purpose.
func (t *tickets) sealFor(plain []byte, purpose string) secret.Text {
	mac := hmac.New(sha256.New, t.nonceKey)
	if purpose != "" {
		mac.Write([]byte(purpose))
		mac.Write([]byte{0})
	}
	mac.Write(plain)
	nonce := mac.Sum(nil)[:chacha20poly1305.NonceSizeX]
	return secret.New(base64.RawURLEncoding.EncodeToString(t.aead.Seal(nonce, nonce, plain, []byte(purpose))))
}

var errNoTicket = refuse(CodeNotFound, "there is no such playback")

// open returns the claims of a ticket that this server made.
func (t *tickets) open(ticket string) (claims, error) {
	plain, err := t.openFor(ticket, "")
	if err != nil {
		return claims{}, err
	}
	c, err := unpackClaims(plain)
	if err != nil {
		return claims{}, errNoTicket
	}
	return c, nil
}

func (t *tickets) openFor(ticket, purpose string) ([]byte, error) {
	// The decoder skips line breaks; a ticket has one spelling only.
	if len(ticket) > maxTicketChars || strings.ContainsAny(ticket, "\r\n") {
		return nil, errNoTicket
	}
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(ticket)
	if err != nil || len(sealed) < chacha20poly1305.NonceSizeX {
		return nil, errNoTicket
	}
	plain, err := t.aead.Open(nil, sealed[:chacha20poly1305.NonceSizeX], sealed[chacha20poly1305.NonceSizeX:], []byte(purpose))
	if err != nil {
		return nil, errNoTicket
	}
	return plain, nil
}

// packClaims writes claims: a version, numbers as varints, texts with their length.
func packClaims(c *claims) []byte {
	b := []byte{ticketVersion}
	for _, n := range []int64{c.DoorEpoch, c.SessionEpoch, c.JoinedAt.UnixMicro()} {
		b = binary.AppendVarint(b, n)
	}
	for _, s := range []string{c.Room, c.Participant, string(c.Role), c.Name, c.ExternalID, string(c.Via), c.JoinToken, c.Device, c.Run} {
		b = binary.AppendUvarint(b, uint64(len(s)))
		b = append(b, s...)
	}
	return b
}

var errPacked = errors.New("claims are not packed right")

func unpackClaims(b []byte) (claims, error) {
	if len(b) == 0 || b[0] != ticketVersion {
		return claims{}, errPacked
	}
	b = b[1:]
	var c claims
	var joined int64
	for _, n := range []*int64{&c.DoorEpoch, &c.SessionEpoch, &joined} {
		v, size := binary.Varint(b)
		if size <= 0 {
			return claims{}, errPacked
		}
		*n, b = v, b[size:]
	}
	c.JoinedAt = time.UnixMicro(joined).UTC()
	var role, way string
	for _, s := range []*string{&c.Room, &c.Participant, &role, &c.Name, &c.ExternalID, &way, &c.JoinToken, &c.Device, &c.Run} {
		length, size := binary.Uvarint(b)
		if size <= 0 || length > uint64(len(b)-size) {
			return claims{}, errPacked
		}
		*s, b = string(b[size:size+int(length)]), b[size+int(length):]
	}
	if len(b) != 0 {
		return claims{}, errPacked
	}
	c.Role, c.Via = Role(role), via(way)
	return c, nil
}
