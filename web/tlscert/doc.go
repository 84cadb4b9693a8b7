// Package tlscert gives the listeners their TLS certificates: from two files,
// read again when they change, or by ACME (RFC 8555) for a list of domains,
// with the HTTP-01 and TLS-ALPN-01 challenges.
//
// A Source is made once and shared by every listener that speaks TLS:
//
//	files ── stat at a handshake, once a second at most ─┐
//	                                                     ├─> Source.Config ─> HTTPS, RTMPS
//	ACME ─── Source.Run: obtain, renew, keep on disk ────┘
//	         Source.Challenge: what the port for HTTP challenges serves
//
// It opens no listener. A certificate that cannot be read again, or not be
// renewed, is logged, and the one in use is kept.
package tlscert
