// Package transcode runs ffmpeg, for what cannot be passed through: sound that
// HLS players do not take, the slate that bridges a silent publisher, and the
// lower renditions of a broadcast.
//
// A [Process] is one ffmpeg child: in a process group of its own, killed with
// its parent and with its context, its complaints kept in a bounded ring. What
// stands on it ([Audio], [Slate], [Ladder]) feeds it coded media by a pipe and
// reads coded media from others; [media.Unit] timestamps go in and come out on
// the same timeline. No URL and no secret is ever on a command line: others can
// read it.
//
// The package knows no rooms and decides nothing: when to transcode, what, and
// what to do about a process that died is its callers' business.
package transcode
