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
// Tools watch by rtmp://host/play/{ticket}: H.264 and AAC the classic way, what
// else there is by enhanced RTMP. Each has a reader of the broadcast of its own:
// one that is slow skips to a key frame and slows nobody.
//
// RTMP's own encryption (RTMPE) is refused. Chunks and messages are parsed by
// gortmplib, behind a guard that refuses sizes before they are allocated. Keys
// and tickets are in no log line and no error.
package rtmp
