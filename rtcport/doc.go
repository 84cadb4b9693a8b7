// Package rtcport owns the one port on which the server takes WebRTC media, UDP
// and TCP on one number, and the settings that every PeerConnection over it
// shares. Meetings (sfu) and WHIP publishers (ingest/whip) stand side by side
// on it: the first STUN message of a connection names the one it is for.
//
// The server is an ICE-lite agent: clients reach it, it reaches out to nobody,
// so that names hidden by mDNS, firewalls and address translation on their side
// do not matter, and no candidate of theirs is ever connected to. It answers as
// DTLS server and lists AES-GCM first, which browsers then take and which costs
// a seventh of their own first choice.
//
// What the package does not do: codecs, feedback, negotiation. Its users bring
// those to each connection.
package rtcport
