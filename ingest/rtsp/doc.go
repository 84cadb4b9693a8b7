// Package rtsp is the door for RTSP (RFC 2326): broadcasters publish to
// rtsp://host:8554/live/{stream_key}, over the connection itself (TCP) or by
// UDP, and tools such as VLC and ffplay watch rtsp://host:8554/play/{ticket}.
//
// A publisher goes through these steps, each bounded in time: the key is asked
// at the Gate with ANNOUNCE, before any media is read; SETUP and RECORD; then a
// rtpin.Receiver makes tracks and samples of the packets for the Hub's Sink. A
// spectator's ticket opens a Playback at the Theatre with DESCRIBE or SETUP;
// from PLAY on a goroutine of its own carries units from the Playback's reader
// to the connection, no faster than the connection takes them. A reader that
// falls behind goes on at a key frame; a change of codecs ends the connection.
//
// RTSP itself is spoken by gortsplib, behind connections that bound what a
// client may take before it is let in (guard.go). Keys and tickets are in no
// log line and no error.
package rtsp
