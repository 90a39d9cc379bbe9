package core

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"
)

// How requests are counted while the old version is exchanged.
const (
	askEvery = 50 * time.Millisecond
	askWait  = 3 * time.Second // an answer that takes longer counts as none
	askMost  = 16              // requests under way; while they are, none is added
	askTail  = 500 * time.Millisecond
)

// swapProbe sends requests through the route, as a client would, and counts those without a good answer.
type swapProbe struct {
	cancel context.CancelFunc
	wg     sync.WaitGroup
	usual  int // status that the old version answered with before it was touched; 0 when it is not known

	mu          sync.Mutex // guards what is below
	asked, lost int
}

// startAsking begins to count, where there is a route to ask through and an old version that answers on it.
func (r *deployRun) startAsking(ctx context.Context) {
	if r.requests != nil || r.c.ship.Through == nil || r.def.Route == nil || r.old == nil || !r.oldRan || r.blind != "" {
		return
	}
	ask, ok := r.probeOf(ctx)
	if !ok {
		return
	}
	own, cancel := context.WithCancel(context.WithoutCancel(ctx)) // conclude ends it
	p := &swapProbe{cancel: cancel, usual: usualAnswer(own, r.c.ship.Through, ask)}
	r.requests = p
	p.wg.Go(func() { p.run(own, r.c.ship.Through, ask) })
}

// probeOf is one request through the route, as Traefik has it now, to a domain that old and new version share.
func (r *deployRun) probeOf(ctx context.Context) (RouteProbe, bool) {
	routes, err := r.c.proxy.Routes(ctx)
	if err != nil {
		return RouteProbe{}, false
	}
	for _, route := range routes {
		if route.Backend() != r.row.Service+fileProvider || len(route.Listens) == 0 {
			continue
		}
		stays := func(host string) bool { return slices.Contains(r.def.Route.Domains, Domain(strings.ToLower(host))) }
		if i := slices.IndexFunc(route.Hosts, stays); i >= 0 {
			return RouteProbe{Address: route.Listens[0], Host: route.Hosts[i], Path: r.askPath(), TLS: route.TLS, Within: askWait}, true
		}
	}
	return RouteProbe{}, false
}

// askPath is the path that is asked for: that of the health check, which is known to be there.
func (r *deployRun) askPath() string {
	if r.def.Health.How == ProbeHTTP && r.def.Health.Path != "" {
		return r.def.Health.Path
	}
	return "/"
}

// run sends requests until ctx ends, and waits for their answers.
func (p *swapProbe) run(ctx context.Context, through RouteProber, ask RouteProbe) {
	places := make(chan struct{}, askMost)
	tick := time.NewTicker(askEvery)
	defer tick.Stop()
	for {
		select {
		case places <- struct{}{}:
			p.wg.Go(func() {
				defer func() { <-places }()
				p.one(context.WithoutCancel(ctx), through, ask)
			})
		default:
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// usualAnswer asks once, while the old version serves alone.
func usualAnswer(ctx context.Context, through RouteProber, ask RouteProbe) int {
	ctx, cancel := context.WithTimeout(ctx, ask.Within)
	defer cancel()
	status, err := through.ProbeRoute(ctx, ask)
	if err != nil {
		return 0 // each of the answers that are counted speaks for itself
	}
	return status
}

// one sends a request. Its deadline is its own: one that was sent is waited for.
func (p *swapProbe) one(ctx context.Context, through RouteProber, ask RouteProbe) {
	ctx, cancel := context.WithTimeout(ctx, ask.Within)
	defer cancel()
	status, err := through.ProbeRoute(ctx, ask)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked++
	if err != nil || !goodAnswer(status, p.usual, ask.Path) {
		p.lost++
	}
}

// goodAnswer is true for what a service itself says. Traefik's own answers are 404 without a router, and 502 to 504 without a
// server. The path may only be guessed, and the service refuse it or not know it: what it usually says to it is good.
func goodAnswer(status, usual int, path string) bool {
	switch {
	case status < 200 || status >= 500:
		return false
	case status == usual:
		return true
	case path == "/" || strings.TrimSpace(path) == "":
		return status != 404
	default:
		return status < 400
	}
}

// stopAsking ends the count and notes it in the record.
func (r *deployRun) stopAsking() {
	p := r.requests
	if p == nil {
		return
	}
	r.requests = nil
	p.cancel()
	p.wg.Wait()
	r.update(func(row *Deployment) { row.Asked, row.Lost = row.Asked+p.asked, row.Lost+p.lost })
}
