package core

import (
	"context"
	"fmt"
	"time"
)

// How long Traefik may take to show a switch, and how often it is asked.
const (
	routeWait  = 15 * time.Second
	routeEvery = 50 * time.Millisecond
)

// routed is true when a container's labels lead its router to the file that a Switch writes.
func routed(labels map[string]string, service string) bool {
	return labels["traefik.http.routers."+service+".service"] == service+"@file"
}

// aliasOf is the name under which a container alone is found in its networks: the one of its deployment, else its own name.
func aliasOf(c Container, service string) string {
	if id := c.Labels[labelDeployment]; len(id) >= 8 {
		return service + "-" + id[len(id)-8:]
	}
	return c.Name
}

// checkRoute sees, before anything is touched, that Traefik can be asked later whether the switch has worked. The control planes
// are replaced all the same: they must come back while everything else is away.
func (r *deployRun) checkRoute(ctx context.Context) error {
	if r.def.Route == nil {
		return nil
	}
	_, err := r.c.proxy.Routes(ctx)
	switch {
	case err == nil:
		r.blind = ""
		return nil
	case isPlane(r.def.Kind):
		r.blind = "Traefik does not answer: " + MessageOf(err)
		return nil
	}
	return Errorf(CodeUnavailable, "Traefik does not answer, so nobody could see whether the route leads to the new version. Bring it back first (traefik), then deploy again. %w", err)
}

// noteSwitch writes down where the route leads before it is touched.
func (r *deployRun) noteSwitch(ctx context.Context) error {
	if r.def.Route == nil {
		return nil
	}
	target, err := r.c.ship.Switch.Target(ctx, r.row.Service)
	switch {
	case CodeOf(err) == CodeNotFound && r.old != nil:
		target.Alias = aliasOf(r.old.Container, r.row.Service)
	case CodeOf(err) == CodeNotFound:
	case err != nil:
		return err
	}
	r.update(func(row *Deployment) { row.OldAlias = target.Alias })
	return nil
}

// target is where the route of a routed service shall lead: to the candidate, and by its router while the old one's differs.
func (r *deployRun) target() SwitchTarget {
	t := SwitchTarget{Service: r.row.Service, Alias: r.row.Alias, Port: r.def.Route.Port}
	if r.bridged {
		t.Router, _ = labelRouter(r.row.Service, r.labels()) // bridge has seen that it can be made
	}
	return t
}

// switchOver leads the route to the candidate: one rename of a file.
func (r *deployRun) switchOver(ctx context.Context) (string, error) {
	if r.def.Route == nil {
		return "", skipped("it is not routed")
	}
	if err := r.checkRoute(ctx); err != nil {
		return "", err
	}
	if r.twice {
		r.startAsking(ctx)
	}
	target := r.target()
	if err := r.c.ship.Switch.Point(ctx, target); err != nil {
		return "", err
	}
	return "to " + target.Alias, nil
}

// seeRoute waits until Traefik's own API shows the candidate, and nothing else, behind the route.
func (r *deployRun) seeRoute(ctx context.Context) (string, error) {
	switch {
	case r.def.Route == nil:
		return "", skipped("it is not routed")
	case r.blind != "":
		return "", skipped(r.blind)
	}
	words, err := r.c.awaitRoute(ctx, r.target(), routeWait)
	if err != nil && isPlane(r.def.Kind) && CodeOf(err) == CodeUnavailable {
		return "", skipped(MessageOf(err))
	}
	if err == nil && r.twice {
		r.startAsking(ctx) // unless it has begun: where no domain stays there was nothing to ask before
	}
	return words, err
}

// rename gives the candidate the service's name. The old one keeps running beside it, under a name that says it is to go.
func (r *deployRun) rename(ctx context.Context) (string, error) {
	row := r.snapshot()
	if r.old != nil {
		if err := r.c.ship.Maker.RenameContainer(ctx, r.old.ID, r.name+markWas+r.old.ID[:8]); err != nil {
			return "", err
		}
	}
	if err := r.c.ship.Maker.RenameContainer(ctx, row.New, r.name); err != nil {
		return "", err
	}
	return "container " + ShortID(row.New) + " is " + r.name, nil
}

// stopOld ends the old container with the grace that it has for it.
func (r *deployRun) stopOld(ctx context.Context) (string, error) {
	if r.old == nil || !r.oldRan {
		return "", skipped("no old container runs")
	}
	grace := graceOf(0, *r.old)
	if !r.twice {
		r.startAsking(ctx)
	}
	r.gone = r.c.now()
	if err := r.c.docker.Stop(ctx, r.old.ID, grace); err != nil {
		return "", err
	}
	took := r.c.now().Sub(r.gone)
	if took >= grace {
		return fmt.Sprintf("it did not end within its grace of %s and was killed", grace), nil
	}
	return "it ended by itself within " + took.Round(time.Millisecond).String(), nil
}
