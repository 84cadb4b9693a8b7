package bench

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"time"
)

// What Chromium announces on an HTTP/2 connection (RFC 9113, 6.5.2): it decides
// how finely a server has to cut what it sends. Frames are as small as allowed.
const (
	browserFrame      = 16 << 10
	browserStream     = 6 << 20
	browserConnection = 15 << 20
)

// trusting is how certificates are looked at: as browsers do, or not at all.
func trusting(insecure bool) *tls.Config {
	return &tls.Config{InsecureSkipVerify: insecure} //nolint:gosec // the operator says so by --insecure
}

// newTransport is one viewer's connection, for a viewer asks for one thing at a
// time: HTTP/2 over TLS where it is offered. Browsers ask for gzip, and so do we.
func newTransport(trust *tls.Config) *http.Transport {
	return &http.Transport{
		DisableCompression: true, ForceAttemptHTTP2: true, IdleConnTimeout: time.Minute, TLSClientConfig: trust.Clone(),
		HTTP2: &http.HTTP2Config{
			MaxReadFrameSize: browserFrame, MaxReceiveBufferPerStream: browserStream, MaxReceiveBufferPerConnection: browserConnection,
		},
	}
}

// protocolOf names what an answer came by, such as "HTTP/2.0, TLS 1.3".
func protocolOf(answer *http.Response) string {
	if answer.TLS == nil {
		return answer.Proto
	}
	return fmt.Sprintf("%s, %s", answer.Proto, tls.VersionName(answer.TLS.Version))
}
