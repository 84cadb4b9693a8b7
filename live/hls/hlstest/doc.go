// Package hlstest is a strict validator of HTTP Live Streaming playlists after
// rfc8216bis (the second edition of RFC 8216), for tests of what we serve.
//
// ParseMedia and ParseMultivariant read one playlist and say what is wrong with
// it by itself. A Walker looks at a media playlist as it changes over time, a
// Presentation at all that a multivariant playlist names, with the media
// decoded, and Follow does both against anything that answers requests, as a
// low-latency client would ask.
//
// What it finds is a Finding with the Rule that was broken; Rules lists every
// rule with its place in the text. It is stricter than clients need to be:
// tags and attributes that it does not know are faults, for we write none.
package hlstest
