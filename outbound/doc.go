// Package outbound is the only way out: every connection that the server opens
// because somebody named an address (cameras it fetches, destinations it relays
// to, files it downloads, webhooks) is opened by a [Dialer].
//
// A dialer resolves a name itself, refuses addresses that a stranger must not
// make the server talk to (itself, the machine, the private network around it,
// in whatever notation), and dials the very address it has checked, so that a
// name which answers differently the second time gains nothing. Whoever follows
// a redirect dials again, and is checked again. The rules for addresses are in
// address.go.
//
// The package speaks no protocol and keeps no connection.
package outbound
