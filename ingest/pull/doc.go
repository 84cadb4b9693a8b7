// Package pull fetches cameras: for each room that names an RTSP source
// (pull_source) a connection is kept to it, and what comes in is published
// through the Gate like any encoder's broadcast, as protocol "pull".
//
// A [Puller] keeps one loop per such room, told of changes by the rooms' events.
// The loop connects through outbound, so that neither the address nor a redirect
// nor the place that packets are sent to can lead into private networks, sets up
// what a rtpin.Receiver can take, and goes on air with the first media. When the
// connection ends it comes back after a while that doubles, with jitter, up to
// half a minute; why it failed stands in the room's warnings (pull_failed), in
// words for people. An encoder that publishes by a key goes before: the camera
// gives way, is left alone while somebody else is on air, and comes back after.
//
// RTSP itself, digest authentication and the change from UDP to TCP are
// gortsplib's. Credentials are in no log line, no warning and no error.
package pull
