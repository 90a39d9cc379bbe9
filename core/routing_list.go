package core

import (
	"context"
	"fmt"
	"slices"
	"sort"
	"strings"
	"sync"
	"time"
)

// Bounds of looking at all routes. Whatever hangs, the answer comes within routesWait.
const (
	routesWait   = 5 * time.Second
	routesAsk    = 3 * time.Second // of it for Traefik's API
	routeProbe   = 1500 * time.Millisecond
	routesAtOnce = 16
)

// routeFacts is all that is known of one route before it is judged.
type routeFacts struct {
	want      wantedRoute
	silent    string // why Traefik does not answer; empty: it does
	noFiles   bool   // Traefik reads no files
	route     *Route // nil: Traefik has no such router
	rivals    []string
	target    SwitchTarget
	switchErr error
	noSwitch  bool // this control plane has no switch to read
	probed    bool
	status    int
	probeErr  error
	took      time.Duration
	cert      *Certificate
	certErr   error
}

// listRoutes shows what labels ask for beside what Traefik has, and asks each route as a visitor would.
func listRoutes(ctx context.Context, c *Core, in RoutesIn) (RoutingView, error) {
	if in.Service != "" {
		if _, _, err := c.services.find(in.Service); err != nil {
			return RoutingView{}, err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, routesWait)
	defer cancel()
	all := c.services.wanted("")
	said := c.askTraefik(ctx)
	facts := gatherRoutes(all, said)
	if in.Service != "" {
		facts = slices.DeleteFunc(facts, func(f *routeFacts) bool { return f.want.service != in.Service })
	}
	c.lookThrough(ctx, facts)
	out := RoutingView{Traefik: said.version, Problem: said.problem(), Routes: []RouteView{}, Others: []Route{}}
	for _, f := range facts {
		out.Routes = append(out.Routes, f.view(c.now()))
	}
	sort.SliceStable(out.Routes, func(i, j int) bool { return !out.Routes[i].OK && out.Routes[j].OK })
	if in.Service != "" {
		if len(facts) == 0 {
			out.Routes = append(out.Routes, noRoute(in.Service))
		}
		return out, nil
	}
	for _, r := range said.routes {
		if !isOurs(r, all) {
			out.Others = append(out.Others, r)
		}
	}
	return out, nil
}

// traefikSays is one look at Traefik's API.
type traefikSays struct {
	version  string
	routes   []Route
	overview *ProxyOverview
	err      error
}

// askTraefik asks for everything at once, within routesAsk.
func (c *Core) askTraefik(ctx context.Context) traefikSays {
	ctx, cancel := context.WithTimeout(ctx, routesAsk)
	defer cancel()
	var said traefikSays
	var versionErr, routesErr error
	var wg sync.WaitGroup
	wg.Go(func() { said.version, versionErr = c.proxy.Version(ctx) })
	wg.Go(func() { said.routes, routesErr = c.proxy.Routes(ctx) })
	if o, ok := c.proxy.(ProxyOverviewer); ok {
		wg.Go(func() {
			if overview, err := o.Overview(ctx); err == nil { // when the API is down the other two say so
				said.overview = &overview
			}
		})
	}
	wg.Wait()
	for _, err := range []error{versionErr, routesErr} {
		if err != nil && said.err == nil {
			said.err = err
		}
	}
	if said.err != nil {
		said.version, said.routes = "", nil
	}
	return said
}

// readsFiles is false when Traefik is known to read no files.
func (t traefikSays) readsFiles() bool {
	return t.overview == nil || slices.ContainsFunc(t.overview.Providers, func(p string) bool { return strings.EqualFold(p, "file") })
}

// problem is what is wrong with Traefik as a whole.
func (t traefikSays) problem() string {
	switch {
	case t.err != nil:
		return "Traefik does not answer: " + MessageOf(t.err)
	case !t.readsFiles():
		return "Traefik reads no files, so no switch can have an effect: it was started without --providers.file.directory."
	case t.overview != nil && t.overview.Errors > 0:
		return fmt.Sprintf("Traefik counts %d errors in its routers, services and middlewares. Which ones: logs traefik", t.overview.Errors)
	default:
		return ""
	}
}

// bridge is the router in a service's switch file, if there is one.
func (t traefikSays) bridge(service string) *Route {
	for i := range t.routes {
		if t.routes[i].Name == fileRouter(service) && t.routes[i].Backend() == service+fileProvider {
			return &t.routes[i]
		}
	}
	return nil
}

// isOurs is true for a router of labels or of a switch file.
func isOurs(r Route, all []wantedRoute) bool {
	return slices.ContainsFunc(all, func(w wantedRoute) bool {
		return r.Name == w.router+dockerProvider || r.Name == fileRouter(w.service) && r.Backend() == w.service+fileProvider
	})
}

// gatherRoutes puts what labels ask for and what Traefik has beside each other.
func gatherRoutes(all []wantedRoute, said traefikSays) []*routeFacts {
	facts := make([]*routeFacts, len(all))
	for i, w := range all {
		f := &routeFacts{want: w, noFiles: !said.readsFiles()}
		if said.err != nil {
			f.silent = MessageOf(said.err)
		}
		for j := range said.routes {
			if said.routes[j].Name == w.router+dockerProvider {
				f.route = &said.routes[j]
			}
		}
		if f.route == nil && w.main { // a deployment has put it into the switch file, as the labels of two containers differ now
			f.route = said.bridge(w.service)
		}
		f.rivals = rivalsOf(f, all, said.routes)
		facts[i] = f
	}
	return facts
}

// rivalsOf names who else claims a domain of a route: other services by their labels, and Traefik's other routers.
func rivalsOf(f *routeFacts, all []wantedRoute, routes []Route) []string {
	w := f.want
	var rivals []string
	for _, other := range all {
		if other.service != w.service && other.enabled && !other.missing && sameClaim(w.rule, other.rule) {
			rivals = append(rivals, other.service)
		}
	}
	for _, r := range routes {
		ours := isOurs(r, all)
		elsewhere := f.route != nil && len(f.route.Entrypoints) > 0 && len(r.Entrypoints) > 0 &&
			!slices.ContainsFunc(r.Entrypoints, func(e string) bool { return slices.Contains(f.route.Entrypoints, e) })
		if !ours && !elsewhere && sameClaim(w.rule, r.Rule) {
			rivals = append(rivals, "the router "+shortText(r.Name))
		}
	}
	slices.Sort(rivals)
	return slices.Compact(rivals)
}

// sameClaim is true for two rules that a request can match alike: equal ones, and those of nothing but hosts that share
// one. Rules that share a host and differ in their paths are no rivals.
func sameClaim(a, b string) bool {
	if a == b {
		return true
	}
	return hostsAlone(a) && hostsAlone(b) && slices.ContainsFunc(RuleHosts(a), func(h string) bool { return slices.Contains(RuleHosts(b), h) })
}

// hostsAlone is true for rules like "Host(`a`) || Host(`b`)".
func hostsAlone(rule string) bool {
	for part := range strings.SplitSeq(rule, "||") {
		part = strings.TrimSpace(part)
		if !strings.HasPrefix(part, "Host(") || strings.Index(part, ")") != len(part)-1 {
			return false
		}
	}
	return true
}

// lookThrough reads the switch of every route and asks each through Traefik, as many at once as is kind to it. What does
// not end with the context keeps its zero value.
func (c *Core) lookThrough(ctx context.Context, facts []*routeFacts) {
	places := make(chan struct{}, routesAtOnce)
	var wg sync.WaitGroup
	for _, f := range facts {
		wg.Go(func() {
			c.readSwitch(ctx, f)
			if f.route == nil || len(f.route.Listens) == 0 || len(f.want.domains) == 0 {
				return
			}
			select {
			case places <- struct{}{}:
				defer func() { <-places }()
				c.probeRoute(ctx, f)
			case <-ctx.Done():
			}
		})
	}
	wg.Wait()
}

// readSwitch reads where our file leads.
func (c *Core) readSwitch(ctx context.Context, f *routeFacts) {
	if c.ship.Switch == nil {
		f.noSwitch = true
		return
	}
	f.target, f.switchErr = c.ship.Switch.Target(ctx, f.want.service)
}

// probeRoute asks as a visitor would, and looks at the certificate that visitors are shown.
func (c *Core) probeRoute(ctx context.Context, f *routeFacts) {
	host, at := f.want.domains[0], f.route.Listens[0]
	var wg sync.WaitGroup
	if c.net != nil && f.route.TLS {
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, routeProbe)
			defer cancel()
			cert, err := c.net.Certificate(ctx, at, host)
			f.cert, f.certErr = &cert, err
		})
	}
	if c.ship.Through != nil {
		began := time.Now()
		f.status, f.probeErr = c.ship.Through.ProbeRoute(ctx, RouteProbe{Address: at, Host: host, Path: f.want.path, TLS: f.route.TLS, Within: routeProbe})
		f.probed, f.took = ctx.Err() == nil, time.Since(began)
	}
	wg.Wait()
}
