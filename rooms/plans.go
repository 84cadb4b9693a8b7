package rooms

import "sync"

// plans count the participants of each subscription in all rooms.
type plans struct {
	mu    sync.Mutex
	count map[string]int64
}

// take counts one more unless limit is reached.
func (p *plans) take(subscriptionID string, limit *int64) bool {
	if subscriptionID == "" {
		return true
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if limit != nil && p.count[subscriptionID] >= *limit {
		return false
	}
	p.count[subscriptionID]++
	return true
}

func (p *plans) add(subscriptionID string, n int64) {
	if subscriptionID == "" || n == 0 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.count[subscriptionID] += n
	if p.count[subscriptionID] == 0 {
		delete(p.count, subscriptionID)
	}
}
