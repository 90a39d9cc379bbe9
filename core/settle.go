package core

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"
)

// How long settling may take: together less than a minute.
const (
	settleProof = 8 * time.Second  // for a container that runs to show that it serves
	settleStart = 15 * time.Second // for one that has to be started
	settleGrace = 15 * time.Second // for one that is to go
	settleRoute = 3 * time.Second  // for Traefik to follow
)

// settling is what a service is like after settling.
type settling struct {
	serves *ContainerDetail // its one container, which may be stopped; nil when it has none
	proven bool             // it was seen to serve
	did    string           // what was done, in words; empty when there was nothing to do
}

// settle brings a service to exactly one container under its name, whatever a deployment that died left behind. It decides from
// the engine and the switch file alone, so that either control plane can do it, and may be repeated. The lock is held.
//
// The container that the switch names stays when it serves; else the service's own; else another that serves. When none does the
// oldest is started again: it is what served before.
func (c *Core) settle(ctx context.Context, service, name string) (settling, error) {
	f, err := c.familyOf(ctx, service, name)
	if err != nil {
		return settling{}, err
	}
	switch {
	case len(f.members) == 0:
		return settling{}, c.removeTests(ctx, f)
	case len(f.members) == 1 && f.members[0].Name == name:
		only := f.members[0]
		if err := c.removeTests(ctx, f); err != nil {
			return settling{}, err
		}
		if err := c.leadTo(ctx, service, only, nil); err != nil {
			return settling{}, err
		}
		_, _, err := c.endBridge(ctx, service, only.Labels, settleRoute)
		return settling{serves: &only}, err
	}
	chosen, proven, err := c.choose(ctx, f)
	if err != nil {
		return settling{}, err
	}
	if chosen == nil {
		return settling{did: "A candidate that never served was removed."}, c.discard(ctx, f)
	}
	if err := c.install(ctx, f, *chosen); err != nil {
		return settling{}, err
	}
	chosen.Name = name
	did := fmt.Sprintf("What an interrupted deployment left was settled: container %s stays, %d removed.", chosen.Short(), len(f.members)-1)
	c.log.Info("service settled", "service", service, "container", chosen.ID, "proven", proven)
	return settling{serves: chosen, proven: proven, did: did}, nil
}

// choose decides which member stays. It is nil when there is only a candidate that does not serve.
func (c *Core) choose(ctx context.Context, f family) (*ContainerDetail, bool, error) {
	for _, d := range c.preferred(ctx, f) {
		if !isUp(d.State) {
			continue
		}
		if _, err := c.prove(ctx, c.settleProof(d, settleProof)); err == nil {
			return &d, true, nil
		} else if ctx.Err() != nil {
			return nil, false, ctx.Err()
		}
	}
	oldest := f.members[0]
	if _, mark := cutMark(oldest.Name); mark == markNew && len(f.members) == 1 {
		return nil, false, nil
	}
	return c.revive(ctx, f, oldest)
}

// revive starts the oldest member. What does not serve ends first: it may hold what the oldest needs.
func (c *Core) revive(ctx context.Context, f family, oldest ContainerDetail) (*ContainerDetail, bool, error) {
	if err := c.stopOthers(ctx, f, oldest.ID); err != nil {
		return nil, false, err
	}
	if err := c.docker.Start(ctx, oldest.ID); err != nil {
		return nil, false, err
	}
	_, err := c.prove(ctx, c.settleProof(oldest, settleStart))
	if ctx.Err() != nil {
		return nil, false, ctx.Err()
	}
	return &oldest, err == nil, nil
}

// settleProof is what a member has to show. One that cannot be reached from here counts when it stays up.
func (c *Core) settleProof(d ContainerDetail, within time.Duration) proof {
	return proof{id: d.ID, kind: recognise(d.Container).kind, within: within, before: d.Restarts, blind: true, note: func(line string) {
		c.log.Debug("settling", "container", d.Name, "look", line)
	}}
}

// preferred are the members in the order in which they may stay: the one that the switch names, the service's own, the newest.
func (c *Core) preferred(ctx context.Context, f family) []ContainerDetail {
	named := ""
	if c.ship.Switch != nil {
		if target, err := c.ship.Switch.Target(ctx, f.service); err == nil {
			named = target.Alias
		}
	}
	rank := func(d ContainerDetail) int {
		switch {
		case routed(d.Labels, f.service) && aliasOf(d.Container, f.service) == named:
			return 0
		case d.Name == f.name:
			return 1
		}
		return 2
	}
	list := slices.Clone(f.members)
	slices.SortStableFunc(list, func(a, b ContainerDetail) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), b.Created.Compare(a.Created))
	})
	return list
}

// discard removes every member: the first deployment of a service has failed.
func (c *Core) discard(ctx context.Context, f family) error {
	for _, d := range f.members {
		if err := ignoreMissing(c.docker.Remove(ctx, d.ID, shortGrace(d))); err != nil {
			return err
		}
	}
	if err := c.removeTests(ctx, f); err != nil || c.ship.Switch == nil {
		return err
	}
	return ignoreMissing(c.ship.Switch.Remove(ctx, f.service))
}
