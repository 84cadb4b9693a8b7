// Package jitter puts the RTP packets of one stream back into order, says which
// are missing so that they can be asked for again, and gives up on them in
// time. It is pure logic on the caller's clock: it starts no goroutine, sends
// nothing and knows no codec.
package jitter
