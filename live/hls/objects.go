package hls

import (
	"sync"
	"time"
)

// objects are the segments, parts and init segments that viewers may fetch, by
// name. An object stays for a while after it left the playlist.
type objects struct {
	mu     sync.RWMutex
	byName map[string]Blob
	// retired are those to be forgotten, oldest first. Only the writer uses it.
	retired []retired
}

type retired struct {
	names []string
	at    time.Time
	size  int
}

// put keeps an object. Its name never stands for other bytes, so it is the tag
// as well.
func (o *objects) put(name string, b Blob) {
	b.ETag = []string{`"` + name + `"`}
	o.mu.Lock()
	o.byName[name] = b
	o.mu.Unlock()
}

func (o *objects) get(name string) (Blob, bool) {
	o.mu.RLock()
	b, ok := o.byName[name]
	o.mu.RUnlock()
	return b, ok
}

// retire lets names be forgotten at a time.
func (o *objects) retire(at time.Time, size int, names ...string) {
	o.retired = append(o.retired, retired{names, at, size})
}

// purge forgets what has been retired until now.
func (o *objects) purge(now time.Time) {
	for len(o.retired) > 0 && !o.retired[0].at.After(now) {
		o.forgetOldest()
	}
}

// forgetOldest forgets the oldest retired names.
func (o *objects) forgetOldest() {
	r := o.retired[0]
	o.retired[0] = retired{}
	o.retired = o.retired[1:]
	o.forget(r.names...)
}

// forget forgets names at once.
func (o *objects) forget(names ...string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, n := range names {
		delete(o.byName, n)
	}
}

// retiredBytes is the size of what is retired but not forgotten.
func (o *objects) retiredBytes() int {
	n := 0
	for _, r := range o.retired {
		n += r.size
	}
	return n
}
