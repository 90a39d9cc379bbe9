package coretest

import (
	"context"
	"sync"

	"github.com/codematrx/matrx-ship/core"
)

// Through is a fake core.RouteProber; every request is answered with 200 unless OnProbe says otherwise.
type Through struct {
	Trouble
	mu     sync.Mutex // guards answer
	answer func(core.RouteProbe) (int, error)
}

var _ core.RouteProber = (*Through)(nil)

// NewThrough gives a way through Traefik on which all is well.
func NewThrough() *Through { return &Through{} }

// OnProbe sets what answers later requests; nil means 200.
func (p *Through) OnProbe(answer func(core.RouteProbe) (status int, err error)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answer = answer
}

// ProbeRoute makes one request.
func (p *Through) ProbeRoute(ctx context.Context, probe core.RouteProbe) (int, error) {
	if probe.Within > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, probe.Within)
		defer cancel()
	}
	if err := p.enter(ctx, "ProbeRoute"); err != nil {
		return 0, err
	}
	p.mu.Lock()
	answer := p.answer
	p.mu.Unlock()
	if answer == nil {
		return 200, nil
	}
	return answer(probe)
}
