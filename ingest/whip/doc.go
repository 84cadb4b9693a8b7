// Package whip lets broadcasters in by WebRTC: WHIP (RFC 9725), which OBS,
// GStreamer and browsers speak, our own studio page among them.
//
// Web answers the HTTP side and hands offers to the [Server], which asks
// admission, chooses what is taken of the offer (H.264 first, else VP9 or AV1,
// and Opus), and makes a resource: one PeerConnection over the server's WebRTC
// port (package rtcport). ICE restarts come by PATCH; the candidates of clients
// are read and not used, as our side is ICE-lite.
//
// Packets go from the library's readers through a bounded queue to the one
// goroutine of their connection. There a jitter buffer (package jitter) puts
// them in order and has lost ones asked for; a depacketizer makes frames of
// them; pictures that build on a lost one are dropped until the next key frame,
// which is asked for at once, and otherwise once a segment. Sound and picture
// meet on one timeline by the sender's reports, and go to the house by
// ingest.Sink.
//
// A resource ends when it is deleted with the credential that made it, when the
// house sends the publisher away, when ICE or DTLS end, or when no media comes.
package whip
