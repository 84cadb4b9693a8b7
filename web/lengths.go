package web

import (
	"strconv"
	"sync/atomic"
)

// lengths remembers Content-Length headers: a live segment is sent to every viewer within a few seconds, so the same
// few numbers are needed again and again. A slot holds the last length that fell into it.
type lengths struct {
	slots [256]atomic.Pointer[length]
}

type length struct {
	n      int
	header []string
}

// of gives the header's value for n bytes. It is shared and must not be changed.
func (l *lengths) of(n int) []string {
	slot := &l.slots[n%len(l.slots)]
	if known := slot.Load(); known != nil && known.n == n {
		return known.header
	}
	made := &length{n: n, header: []string{strconv.Itoa(n)}}
	slot.Store(made)
	return made.header
}
