// Package mpegts reads and writes MPEG transport streams (ISO 13818-1): what
// SRT carries. A [Demuxer] takes bytes as they come and gives tracks and
// samples to an ingest.Sink; a [Muxer] writes the units of a broadcast.
//
// H.264, H.265, AAC (ADTS) and Opus are taken, of one programme, with up to
// four audio tracks; other sounds and data beside them are left out, and a
// stream with nothing else is refused with codec_not_supported.
//
// The demuxer is our own: it is fed instead of reading, so that it needs no
// goroutine; it holds no more than it says, whatever a sender leaves
// unfinished; and it takes up tracks that change.
package mpegts
