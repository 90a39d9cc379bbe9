package core

import (
	"context"
	"iter"
	"slices"
	"time"
)

// routesEvery is the time between two looks at all routes while somebody watches. Each look asks every route as a visitor would.
const routesEvery = 5 * time.Second

// WatchRoutes is ListRoutes again and again, with one look for all who watch.
var WatchRoutes = Watch[RoutesIn, RoutingView]{"route.watch", "Follow what Traefik really routes, and probe it", RoleViewer, false, watchRoutes}

// routeLooks shares the looks at all routes among those who watch. Nobody looks while nobody watches.
type routeLooks struct {
	looking chan struct{} // capacity 1: held by who looks; guards what is below
	view    RoutingView
	at      time.Time // of the view; zero before the first
}

func newRouteLooks() *routeLooks { return &routeLooks{looking: make(chan struct{}, 1)} }

// watchRoutes yields the routes now and then every routesEvery.
func watchRoutes(ctx context.Context, c *Core, in RoutesIn) iter.Seq2[RoutingView, error] {
	return func(yield func(RoutingView, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		defer context.AfterFunc(c.services.life, cancel)()
		for {
			view, at, err := c.looks.newest(ctx, c)
			if ctx.Err() != nil {
				return
			}
			if err == nil && in.Service != "" {
				view, err = c.routesOf(view, in.Service)
			}
			if !yield(view, err) || err != nil || !rest(ctx, routesEvery-c.now().Sub(at), nil) {
				return
			}
		}
	}
}

// newest is a look that is not older than routesEvery: somebody else's, or an own one.
func (l *routeLooks) newest(ctx context.Context, c *Core) (RoutingView, time.Time, error) {
	select {
	case l.looking <- struct{}{}:
		defer func() { <-l.looking }()
	case <-ctx.Done():
		return RoutingView{}, time.Time{}, ctx.Err()
	}
	if !l.at.IsZero() && c.now().Sub(l.at) < routesEvery {
		return l.view, l.at, nil
	}
	view, err := listRoutes(ctx, c, RoutesIn{})
	at := c.now()                       // its end: a look at a route that hangs takes as long as it is good for
	if err != nil || ctx.Err() != nil { // a look that was broken off is nobody's
		return view, at, err
	}
	l.view, l.at = view, at
	return view, at, nil
}

// routesOf is what belongs to one service.
func (c *Core) routesOf(view RoutingView, service string) (RoutingView, error) {
	if _, _, err := c.services.find(service); err != nil {
		return RoutingView{}, err
	}
	view.Others = []Route{}
	view.Routes = slices.DeleteFunc(slices.Clone(view.Routes), func(r RouteView) bool { return r.Service != service })
	if len(view.Routes) == 0 {
		view.Routes = []RouteView{noRoute(service)}
	}
	return view, nil
}

// noRoute is the view of a service whose labels ask for none.
func noRoute(service string) RouteView {
	return RouteView{Service: service, OK: true, Verdict: "It has no route: its labels ask for none."}
}
