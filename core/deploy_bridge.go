package core

import (
	"context"
	"strings"
	"time"
)

// How long Traefik may take to reach the old container by the switch, and how often it is asked.
const (
	bridgeWait  = 3 * time.Second
	bridgeEvery = 100 * time.Millisecond
)

// cannotBridge says why a deployment beside the old version would lose requests; empty: it would not. Traefik refuses a router
// that two containers define differently, so that the old one's has to be put into the switch file meanwhile.
func cannotBridge(def Definition, old ContainerDetail, labels map[string]string) string {
	if def.Route == nil || !contradicts(def.Service, old.Labels, labels) {
		return ""
	}
	if lost := lostMiddlewares(def.Route, old.Labels); len(lost) > 0 {
		return "The middleware " + strings.Join(lost, ", ") + " is defined by labels of the container that runs, and goes with it. Write it into a file of " +
			"MATRX_ROOT/traefik/dynamic, and name it NAME@file in the definition."
	}
	if _, ok := targetOf(def.Service, old, soon(labels)); !ok {
		return "The router of the container that runs is made of labels that a file cannot say (another scheme than http, another syntax of rules, no rule or no port), " +
			"so nothing would be routed while old and new run side by side. Stop the old one first: stop " + def.Service
	}
	if _, ok := labelRouter(def.Service, labels); !ok {
		return "The router of the new version cannot be written into a file: its rule is too long."
	}
	return ""
}

// soon are the containers beside the old one once the candidate runs.
func soon(labels map[string]string) []ContainerDetail {
	return []ContainerDetail{{Container: Container{State: "running", Labels: labels}}}
}

// bridge puts the old version's router into the switch file before the candidate starts, where the labels of the two contradict
// each other: Traefik refuses both routers then, and would answer 404 for as long as both run. The switch changes rule and server
// in one rename, and the router leaves the file again when the old container has ended.
func (r *deployRun) bridge(ctx context.Context) error {
	if r.def.Route == nil || !r.twice || !r.oldRan {
		return nil
	}
	labels := r.labels()
	if !contradicts(r.row.Service, r.old.Labels, labels) {
		return nil
	}
	if why := cannotBridge(r.def, *r.old, labels); why != "" {
		return Errorf(CodeConflict, "%s", why)
	}
	target, _ := targetOf(r.row.Service, *r.old, soon(labels))
	ask, can := r.visitor(ctx, target.Router.Rule)
	before := 0
	if can {
		before = usualAnswer(ctx, r.c.ship.Through, ask)
	}
	r.bridged = true
	if err := r.c.ship.Switch.Point(ctx, target); err != nil {
		return err
	}
	if _, err := r.c.awaitRoute(ctx, target, routeWait); err != nil {
		return err
	}
	if !can || !isService(before) {
		return nil
	}
	return r.seeBridge(ctx, ask, target)
}

// visitor is a request for what the old version serves, as Traefik leads it now.
func (r *deployRun) visitor(ctx context.Context, rule string) (RouteProbe, bool) {
	routes, err := r.c.proxy.Routes(ctx)
	if err != nil || r.c.ship.Through == nil {
		return RouteProbe{}, false
	}
	for _, route := range routes {
		if route.Rule == rule && len(route.Listens) > 0 && len(route.Hosts) > 0 {
			return RouteProbe{Address: route.Listens[0], Host: route.Hosts[0], Path: r.askPath(), TLS: route.TLS, Within: askWait}, true
		}
	}
	return RouteProbe{}, false
}

// isService is true for an answer that is not Traefik's own about a server that it cannot reach.
func isService(status int) bool { return status > 0 && (status < 502 || status > 504) }

// seeBridge asks as a visitor does: Traefik has to reach the old container by its name too, and not by its address alone.
func (r *deployRun) seeBridge(ctx context.Context, ask RouteProbe, target SwitchTarget) error {
	limited, cancel := context.WithTimeout(ctx, bridgeWait)
	defer cancel()
	for {
		status := usualAnswer(limited, r.c.ship.Through, ask)
		if isService(status) {
			return nil
		}
		if !rest(limited, bridgeEvery, nil) {
			break
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return Errorf(CodeConflict, "Traefik does not reach the container that runs as %s, so its route cannot be moved to the switch. Are both in the network %s? Stop it first, then deploy: stop %s",
		target.URL(), shortText(r.def.Route.Network), r.row.Service)
}

// bridgeBack puts the router of a new version that still runs into the switch file, before the old one is started again beside it.
func (r *deployRun) bridgeBack(ctx context.Context, f family, old ContainerDetail) error {
	old.State = "running"
	for _, other := range f.others(old.ID) {
		if r.twice && isUp(other.State) && contradicts(f.service, other.Labels, old.Labels) {
			return r.c.leadTo(ctx, f.service, other, []ContainerDetail{old})
		}
	}
	return nil
}
