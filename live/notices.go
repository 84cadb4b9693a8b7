package live

import (
	"cmp"
	"slices"
	"sync"
)

// maxNotices bounds the warnings from outside per room.
const maxNotices = 32

// notices are the warnings that come from outside a broadcast: of a pull, the
// archive, the ladder. The zero value is ready.
type notices struct {
	mu     sync.Mutex
	byRoom map[string][]Warning // in the order of their codes
}

func byCode(w Warning, code string) int { return cmp.Compare(w.Code, code) }

// set keeps one warning of a code, and reports whether that changed anything.
func (n *notices) set(roomID string, w Warning) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	list := n.byRoom[roomID]
	i, found := slices.BinarySearchFunc(list, w.Code, byCode)
	switch {
	case found && list[i] == w, !found && len(list) >= maxNotices:
		return false
	case found:
		list[i] = w
		return true
	}
	if n.byRoom == nil {
		n.byRoom = make(map[string][]Warning)
	}
	n.byRoom[roomID] = slices.Insert(list, i, w)
	return true
}

func (n *notices) clear(roomID, code string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	list := n.byRoom[roomID]
	i, found := slices.BinarySearchFunc(list, code, byCode)
	if !found {
		return false
	}
	if n.byRoom[roomID] = slices.Delete(list, i, i+1); len(list) == 1 {
		delete(n.byRoom, roomID)
	}
	return true
}

func (n *notices) forget(roomID string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.byRoom, roomID)
}

func (n *notices) appendTo(ws []Warning, roomID string) []Warning {
	n.mu.Lock()
	defer n.mu.Unlock()
	return append(ws, n.byRoom[roomID]...)
}

// SetWarning shows a warning in a room's state until it is cleared, whatever
// becomes of the broadcast; a second one of the same code replaces it. detail
// says in plain words what is wrong and what to do; it must hold no secret.
func (h *Hub) SetWarning(roomID, code, detail string) {
	if h.notices.set(roomID, Warning{Code: code, Detail: detail}) {
		h.changed(roomID)
	}
}

// ClearWarning takes back what SetWarning set.
func (h *Hub) ClearWarning(roomID, code string) {
	if h.notices.clear(roomID, code) {
		h.changed(roomID)
	}
}
