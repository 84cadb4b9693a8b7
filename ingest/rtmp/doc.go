// Package rtmp is the door for RTMP and RTMPS broadcasters (OBS, ffmpeg,
// hardware encoders): rtmp://host/live/{stream_key}.
//
// A connection goes through these steps, each bounded in time and bytes:
// handshake and commands, the publisher let in by the ingest.Gate, and only
// then media, which a demuxer turns into tracks and samples for the Sink. Who is refused is told so in RTMP's own words, with the
// house's code, and the connection closed. H.264 and AAC are taken in classic
// and enhanced RTMP, H.265, AV1, VP9 and Opus in enhanced RTMP, whose further
// audio tracks become tracks too; anything else is refused with
// codec_not_supported.
//
// RTMP's own encryption (RTMPE) and playing are refused. Chunks and messages
// are parsed by gortmplib, behind a guard that refuses sizes before they are
// allocated. The stream key is in no log line and no error.
package rtmp
