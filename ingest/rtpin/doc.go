// Package rtpin turns the RTP packets of one RTSP session into tracks and
// samples for an [roomcast/ingest.Sink]. The doors ingest/rtsp (publishers) and
// ingest/pull (cameras that the server fetches) share it.
//
// Packets go through these steps, all under one lock: a gap in the sequence
// numbers is noticed; the payload is taken apart by gortsplib's decoders into
// access units; these are cleaned (parameter sets out of the picture and into
// the track) and get their decode time; and the timestamps of all tracks are
// put on one timeline, by RTCP sender reports once there are any, by arrival
// until then. Nothing damaged is passed on: after a loss the pictures up to the
// next key frame are dropped and counted.
//
// The package opens no socket and starts no goroutine.
package rtpin
