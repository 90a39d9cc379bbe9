package core_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/codematrx/matrx-ship/core"
)

// countedProxy is Traefik's API that counts who asks.
type countedProxy struct {
	core.Proxy
	asked *atomic.Int64
}

func (p countedProxy) Routes(ctx context.Context) ([]core.Route, error) {
	p.asked.Add(1)
	return p.Proxy.Routes(ctx)
}

func TestAllWhoWatchTheRoutesShareOneLookAndNobodyLooksWhenNobodyWatches(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		asked := &atomic.Int64{}
		r := newDeployRig(t, func(r *deployRig) { r.counted = asked })
		before := asked.Load()
		type seen struct{ views, stale int }
		watch := func(ctx context.Context, in core.RoutesIn, out *seen) {
			for view, err := range core.WatchRoutes.Run(ctx, r.core, in) {
				if err != nil || len(view.Routes) != 1 || view.Routes[0].Service != "web" {
					out.stale++
				}
				out.views++
			}
		}
		ctx, cancel := context.WithCancel(r.as(core.RoleViewer))
		done := make(chan struct{}, 8)
		var all [8]seen
		for i := range all {
			in := core.RoutesIn{}
			if i%2 == 0 {
				in.Service = "web"
			}
			go func() { watch(ctx, in, &all[i]); done <- struct{}{} }()
		}
		time.Sleep(21 * time.Second) // of the bubble's clock: five looks
		cancel()
		for range all {
			<-done
		}
		if n := asked.Load() - before; n < 4 || n > 6 {
			t.Errorf("Traefik was asked %d times for eight who watched 21 s", n)
		}
		for i, s := range all {
			if s.views < 4 || s.stale > 0 {
				t.Errorf("watcher %d got %+v", i, s)
			}
		}
		after := asked.Load()
		time.Sleep(time.Minute)
		if n := asked.Load() - after; n > 2 { // the alerts look once a minute
			t.Errorf("Traefik was asked %d times while nobody watched", n)
		}
		for _, err := range core.WatchRoutes.Run(r.as(core.RoleViewer), r.core, core.RoutesIn{Service: "nobody"}) {
			if core.CodeOf(err) != core.CodeNotFound {
				t.Errorf("routes of nobody: %v", err)
			}
		}
	})
}
