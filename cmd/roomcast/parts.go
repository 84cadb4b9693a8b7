package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// parts are long-lived things that run together: when one fails, all end.
type parts struct {
	ctx    context.Context //nolint:containedctx // it is what the parts share
	cancel context.CancelFunc
	group  sync.WaitGroup
	mu     sync.Mutex
	failed error
}

func newParts(ctx context.Context) *parts {
	p := &parts{}
	p.ctx, p.cancel = context.WithCancel(ctx)
	return p
}

// start runs one part; what says what it does, for the error.
func (p *parts) start(what string, run func(context.Context) error) {
	p.group.Go(func() {
		if err := run(p.ctx); err != nil {
			p.mu.Lock()
			p.failed = errors.Join(p.failed, fmt.Errorf("%s: %w", what, err))
			p.mu.Unlock()
		}
		p.cancel()
	})
}

// end stops the parts, waits for them and gives what went wrong.
func (p *parts) end() error {
	p.cancel()
	p.group.Wait()
	return p.failed
}
