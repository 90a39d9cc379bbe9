package core

import "context"

// notHeld refuses to act on a container while something else replaces it, on this control plane or on the other one. It takes
// no lock: an act is short, and a deployment that begins meanwhile surveys what it finds.
func (c *Core) notHeld(verb, service string) error {
	if c.ship.Locks == nil {
		return nil
	}
	holder := c.ship.Locks.Holder(service)
	if holder == "" {
		return nil
	}
	return Errorf(CodeConflict, "Nothing was done: %s is being changed (%s). Wait until that is over, or cancel it (deployments %s shows it; deployment-cancel ID, or job-cancel ID), then %s it.",
		service, cutLine(holder), service, verb)
}

// hold takes a service's lock, which deployments and the other control plane respect. free gives it back.
func (c *Core) hold(ctx context.Context, what, service string) (free func(), err error) {
	if c.ship.Locks == nil {
		return func() {}, nil
	}
	unlock, err := c.ship.Locks.Lock(service, c.lockNote(ctx, what+" of "+service))
	if err != nil {
		return nil, err
	}
	return func() {
		if err := unlock(); err != nil {
			c.log.Error("the lock of a service was not given back", "service", service, "err", err)
		}
	}, nil
}
