package core

import (
	"context"
	"maps"
	"time"
)

// The rhythm of looking after switch files.
const (
	switchEvery = 30 * time.Second
	switchSoon  = 500 * time.Millisecond // until the engine was listed for the first time
	switchWait  = 10 * time.Second       // for one round
)

// keepSwitches looks at start and then now and again whether every route has its switch file. The files are derived
// state: one that is missing, or leads to a container that is gone, is rendered anew from the container that runs.
func (c *Core) keepSwitches(ctx context.Context) {
	if c.ship.Switch == nil {
		return
	}
	wait := time.Duration(0)
	for rest(ctx, wait, nil) {
		wait = switchEvery
		if !c.services.listed() {
			wait = switchSoon
			continue
		}
		c.tendSwitches(ctx)
	}
}

// listed is true once the engine's containers are known.
func (s *services) listed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.engine.Seen.IsZero()
}

// tendSwitches is one round. What cannot be helped becomes a fault of its service.
func (c *Core) tendSwitches(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, switchWait)
	defer cancel()
	trouble := map[string]string{}
	for _, w := range c.services.wanted("") {
		if !w.runs {
			continue
		}
		err := c.tendRouter(ctx, w)
		if err == nil && w.switched() {
			err = c.tendSwitch(ctx, w)
		}
		if err != nil && CodeOf(err) != CodeConflict { // conflict: somebody deploys it now
			trouble[w.service] = MessageOf(err)
		}
	}
	if ctx.Err() == nil {
		c.services.noteSwitches(trouble)
	}
}

// tendSwitch looks after one file.
func (c *Core) tendSwitch(ctx context.Context, w wantedRoute) error {
	if c.switchSound(ctx, w) {
		return nil
	}
	return c.underLock(ctx, w, "renders the switch file of ", func(now wantedRoute) error {
		if c.switchSound(ctx, now) {
			return nil
		}
		return c.renderSwitch(ctx, now)
	})
}

// tendRouter takes a router out of a switch file that a deployment left there, when Traefik has that of the labels.
func (c *Core) tendRouter(ctx context.Context, w wantedRoute) error {
	if !c.bridgeLeft(ctx, w) {
		return nil
	}
	return c.underLock(ctx, w, "takes the router out of the switch file of ", func(now wantedRoute) error {
		if !c.bridgeLeft(ctx, now) {
			return nil
		}
		t, err := c.ship.Switch.Target(ctx, now.service)
		if err != nil {
			return err
		}
		if t.Router.IsZero() {
			return nil
		}
		c.log.Info("a router that a deployment left in a switch file is taken out", "service", now.service)
		return c.dropRouter(ctx, t, now.switched())
	})
}

// bridgeLeft is true when a switch file holds a router that is not needed any more: one container is left, and Traefik has the
// router of its labels.
func (c *Core) bridgeLeft(ctx context.Context, w wantedRoute) bool {
	if w.torn() || !w.main {
		return false
	}
	t, err := c.ship.Switch.Target(ctx, w.service)
	if err != nil || t.Router.IsZero() {
		return false
	}
	routes, err := c.proxy.Routes(ctx)
	if err != nil {
		return false // Routing says so
	}
	_, serves := routerServes(routes, w.router, w.rule)
	return serves
}

// underLock does something to the file of a service under its lock, and after a second look at the engine: what is known may be
// older than a deployment that just ended.
func (c *Core) underLock(ctx context.Context, w wantedRoute, what string, do func(now wantedRoute) error) error {
	if c.ship.Locks != nil {
		unlock, err := c.ship.Locks.Lock(w.service, c.charter.Title+" "+what+w.service)
		if err != nil {
			return err
		}
		defer func() {
			if err := unlock(); err != nil {
				c.log.Error("the lock of a switch file was not given back", "service", w.service, "err", err)
			}
		}()
	}
	c.services.suspect(w.service)
	if err := c.services.relist(ctx); err != nil {
		return err
	}
	for _, now := range c.services.wanted(w.service) {
		if now.router == w.router && now.runs {
			return do(now)
		}
	}
	return nil
}

// torn is true while more than one container claims the service, or nothing is known for sure: deployments settle that.
func (w wantedRoute) torn() bool {
	_, mark := cutMark(w.container)
	return mark != "" || w.rivals || !w.inspected
}

// renderSwitch leads a route to the container that runs.
func (c *Core) renderSwitch(ctx context.Context, w wantedRoute) error {
	t, ok := w.target()
	if !ok {
		return Errorf(CodeInvalid, "Its labels name no port to lead to. Deploy it: deploy %s", w.service)
	}
	if err := c.ship.Switch.Point(ctx, t); err != nil {
		return err
	}
	c.log.Warn("a switch file was missing, damaged or led nowhere, and is rendered anew", "service", t.Service, "leads to", t.URL())
	return nil
}

// switchSound is true for a file that is not for us to touch: it leads to the container that runs, or more than one
// container claims the service, which deployments settle.
func (c *Core) switchSound(ctx context.Context, w wantedRoute) bool {
	if w.torn() {
		return true
	}
	t, err := c.ship.Switch.Target(ctx, w.service)
	return err == nil && w.answersTo(t.Alias)
}

// noteSwitches takes in what is wrong with switch files.
func (s *services) noteSwitches(trouble map[string]string) { s.note(&s.switches, trouble) }

// note takes in what is known of services by name, and has everybody see it when it is news.
func (s *services) note(known *map[string]string, now map[string]string) {
	s.mu.Lock()
	same := maps.Equal(*known, now)
	*known = now
	s.mu.Unlock()
	if !same {
		s.touch(true)
	}
}

// switchFaults are the routes whose switch file cannot be helped.
func switchFaults(in faultInput) []faultFact {
	var facts []faultFact
	for name, what := range in.switches {
		if k := in.rows[name]; k != nil {
			facts = append(facts, faultFact{
				Fault: Fault{Severity: Warning, Service: name, What: name + "'s route is not safe: " + what, Do: "See the screen Routing: routes " + name},
				key:   "switch", layer: k.layer, class: classServices,
			})
		}
	}
	return facts
}
