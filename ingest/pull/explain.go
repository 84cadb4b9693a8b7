package pull

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"

	"github.com/bluenviron/gortsplib/v5/pkg/base"
	"github.com/bluenviron/gortsplib/v5/pkg/liberrors"

	"roomcast/outbound"
	"roomcast/rooms"
)

const tryingAgain = " Trying again."

// explain says in plain words why a camera could not be fetched, and what to do.
// Nothing that the camera or the address said is quoted, but for the host: it
// could hold the credentials.
func explain(err error) string {
	var address *outbound.Refusal
	var refusal *rooms.Error
	var status liberrors.ErrClientBadStatusCode
	switch {
	case errors.As(err, &address):
		return "The camera's address is not allowed: " + address.Error() + "."
	case errors.As(err, &refusal):
		return "The camera's stream is refused: " + refusal.Detail + "." + tryingAgain
	case errors.As(err, &status):
		return explainStatus(status.Code) + tryingAgain
	case errors.Is(err, errRedirects), errors.Is(err, errRedirect):
		return "The camera redirects to an address that cannot be followed; name the final address." + tryingAgain
	case errors.Is(err, errNothing):
		return "The camera's address cannot be read; enter it again." + tryingAgain
	}
	return explainNetwork(err) + tryingAgain
}

// wrongPassword reports whether the camera refuses the credentials.
func wrongPassword(err error) bool {
	var status liberrors.ErrClientBadStatusCode
	return errors.As(err, &status) && (status.Code == base.StatusUnauthorized || status.Code == base.StatusForbidden)
}

func explainStatus(code base.StatusCode) string {
	switch code {
	case base.StatusUnauthorized, base.StatusForbidden:
		return "The camera refuses the user name or the password; correct them in the room's pull source."
	case base.StatusNotFound:
		return "The camera knows no such stream; check the path in its address."
	case base.StatusUnsupportedTransport:
		return "The camera does not offer this transport; set it to auto."
	}
	return fmt.Sprintf("The camera answers with status %d.", code)
}

func explainNetwork(err error) string {
	var dns *net.DNSError
	var certificate *tls.CertificateVerificationError
	var unknown x509.UnknownAuthorityError
	var ne net.Error
	switch {
	case errors.As(err, &dns):
		return "The camera's name cannot be found; check the address."
	case errors.As(err, &certificate), errors.As(err, &unknown):
		return "The camera's certificate is not trusted; use rtsp:// in a network of your own, or give it a valid one."
	case errors.Is(err, syscall.ECONNREFUSED):
		return "Nothing answers at the camera's address and port; check both, and that the camera is on."
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return "There is no way to the camera's network; check the address."
	case errors.As(err, new(liberrors.ErrClientUDPTimeout)):
		return "No media comes from the camera over UDP; set the transport to tcp."
	case errors.As(err, new(liberrors.ErrClientTCPTimeout)), errors.As(err, new(liberrors.ErrClientRequestTimedOut)),
		errors.Is(err, os.ErrDeadlineExceeded), errors.As(err, &ne) && ne.Timeout():
		return "The camera does not answer, or sends nothing; check that it is on and reachable."
	case errors.As(err, new(liberrors.ErrClientAuthSetup)):
		return "The camera asks for a kind of login that is not supported; set it to digest or basic."
	case errors.As(err, new(liberrors.ErrClientSDPInvalid)), errors.As(err, new(liberrors.ErrClientContentTypeUnsupported)),
		errors.As(err, new(liberrors.ErrClientContentTypeMissing)):
		return "The camera's description of its stream cannot be read; check that the address is that of a stream."
	case errors.As(err, new(liberrors.ErrClientH264PacketizationMode0)):
		return "The camera sends H.264 in an old way (packetization mode 0); change its settings."
	}
	return "The connection to the camera was lost."
}
