package core

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"
)

// The rhythm of looking after the networks that this control plane is in.
const (
	nearEvery = 10 * time.Second
	nearSoon  = 500 * time.Millisecond // until the engine was listed for the first time
	nearWait  = 20 * time.Second       // for one round
	nearLater = 10 * time.Minute       // until a service is tried again whose networks cannot be joined
	nearRest  = 2 * time.Minute        // a network stays joined so long at least: what is to be probed in it may not be made yet
)

// keepNear looks at start and then now and again whether every service of ours can be probed, and joins a network of one that
// cannot: a new container of this control plane is in those of its own definition alone. It leaves what nobody needs any more.
func (c *Core) keepNear(ctx context.Context) {
	if c.ship.Maker == nil {
		return
	}
	wait, told, later := time.Duration(0), "", map[string]time.Time{}
	for rest(ctx, wait, nil) {
		wait = nearEvery
		if !c.services.listed() {
			wait = nearSoon
			continue
		}
		trouble := ""
		if err := c.tendNetworks(ctx, later); err != nil && ctx.Err() == nil {
			trouble = err.Error()
		}
		if trouble != told && trouble != "" {
			c.log.Warn("not every service can be probed, or not every network left", "trouble", trouble)
		}
		told = trouble
	}
}

// tendNetworks is one round. later says until when a service is left alone: a join that is refused writes to the journal each time.
func (c *Core) tendNetworks(ctx context.Context, later map[string]time.Time) error {
	ctx, cancel := context.WithTimeout(WithActor(ctx, c.systemActor()), nearWait)
	defer cancel()
	if !c.services.standing().inside {
		return nil
	}
	var errs []error
	for _, out := range c.services.unreached() {
		uses := c.namedNetworks(out)
		if len(uses) == 0 || c.now().Before(later[out.service]) {
			continue
		}
		switch _, err := c.comeNear(ctx, uses); CodeOf(err) {
		case "":
		case CodeConflict:
			later[out.service] = c.now().Add(nearLater)
			c.log.Warn("a service cannot be probed", "service", out.service, "why", MessageOf(err))
		default:
			errs = append(errs, err)
		}
	}
	for _, row := range all[Joined](c.state, joinedTable) {
		if row.Plane != c.charter.Name || c.needsNetwork(row) {
			continue
		}
		if err := c.leaveNetwork(ctx, row); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// outpost is the container of a service that is to be probed and has no address for us.
type outpost struct {
	service   string
	container Container
}

// unreached are the services that run, are to be probed, and cannot be reached.
func (s *services) unreached() []outpost {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []outpost
	for name, k := range s.board.rows {
		if k.runs() && k.rule.how != ProbeSkip && k.probe.address == "" && comesNear(k.kind) {
			list = append(list, outpost{name, k.container})
		}
	}
	slices.SortFunc(list, func(a, b outpost) int { return strings.Compare(a.service, b.service) })
	return list
}

// namedNetworks are those networks of a container that its service's definition names, or the release that it was made from. A
// network that somebody gave the container by hand is none: no control plane goes there.
func (c *Core) namedNetworks(out outpost) []NetworkUse {
	dv, err := c.definitionOf(out.service)
	if err != nil || dv.Removal != nil || dv.Project != c.cfg.Project {
		return nil
	}
	named := slices.Clone(dv.Networks)
	if release, ok := runningRelease(c.releasesOf(out.service), out.container); ok {
		named = append(named, release.Definition.Networks...)
	}
	return slices.DeleteFunc(named, func(use NetworkUse) bool { return !isMember(out.container, use.Name) })
}

// isMember is true for a container in a network.
func isMember(c Container, network string) bool {
	return slices.ContainsFunc(c.Networks, func(a Attachment) bool { return a.Network == network })
}

// needsNetwork is true while a definition names the network, or a container of a service with a definition is in it: after a rollback
// to a release whose definition named it, that is all that tells.
func (c *Core) needsNetwork(row Joined) bool {
	if c.now().Sub(row.At) < nearRest {
		return true
	}
	defined := map[string]bool{}
	for _, dv := range c.definitions() {
		if slices.ContainsFunc(dv.Networks, func(use NetworkUse) bool { return use.Name == row.Network }) {
			return true
		}
		defined[dv.Service] = true
	}
	list, up := c.services.listedLast()
	return !up || slices.ContainsFunc(list, func(other Container) bool {
		service := ServiceOf(other)
		return service != c.charter.Name && service != c.charter.Sibling && defined[service] && isMember(other, row.Network)
	})
}
