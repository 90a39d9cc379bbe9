package coretest

import (
	"context"
	"time"

	"github.com/codematrx/matrx-ship/core"
)

// Start runs a container; one that runs stays as it is.
func (d *Docker) Start(ctx context.Context, id string) error {
	if err := d.enter(ctx, "Start"); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	c := d.find(id)
	if c == nil {
		return noSuch(id)
	}
	if c.d.State != "running" {
		d.start(c)
	}
	return nil
}

// Stop ends a container; a stubborn guest takes the whole grace.
func (d *Docker) Stop(ctx context.Context, id string, grace time.Duration) error {
	if err := d.enter(ctx, "Stop"); err != nil {
		return err
	}
	return d.stop(ctx, id, grace)
}

// stop is Stop without the bookkeeping of a call.
func (d *Docker) stop(ctx context.Context, id string, grace time.Duration) error {
	d.mu.Lock()
	c := d.find(id)
	d.mu.Unlock()
	if c == nil {
		return noSuch(id)
	}
	code := 0
	if d.stubborn(c) {
		code = 137
		t := time.NewTimer(grace)
		defer t.Stop()
		select {
		case <-ctx.Done():
			return gaveUp(ctx)
		case <-t.C:
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if c.d.State != "running" {
		return nil
	}
	d.emit(c.event("kill"))
	d.die(c, code)
	d.emit(c.event("stop"))
	return nil
}

// stubborn says whether a stop has to wait for the kill.
func (d *Docker) stubborn(c *container) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return c.d.State == "running" && len(c.d.Command) > 0 && c.d.Command[0] == "stubborn"
}

// Restart stops and starts a container.
func (d *Docker) Restart(ctx context.Context, id string, grace time.Duration) error {
	if err := d.enter(ctx, "Restart"); err != nil {
		return err
	}
	if err := d.stop(ctx, id, grace); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	c := d.find(id)
	if c == nil {
		return noSuch(id)
	}
	d.start(c)
	d.emit(c.event("restart"))
	return nil
}

// Remove stops and removes a container.
func (d *Docker) Remove(ctx context.Context, id string, grace time.Duration) error {
	if err := d.enter(ctx, "Remove"); err != nil {
		return err
	}
	if err := d.stop(ctx, id, grace); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if c := d.find(id); c != nil {
		d.remove(c)
	}
	return nil
}

// remove forgets a container. Call with mu held.
func (d *Docker) remove(c *container) {
	delete(d.containers, c.d.ID)
	d.emit(c.event("destroy"))
}

// Recreate replaces a container by a new one of the same configuration. One whose guest ends at once, or which is not
// ready, is put back.
func (d *Docker) Recreate(ctx context.Context, id string, grace time.Duration, ready func(ctx context.Context, id string) error) (string, error) {
	if err := d.enter(ctx, "Recreate"); err != nil {
		return "", err
	}
	old, err := d.claim(id)
	if err != nil {
		return "", err
	}
	name := old.d.Name
	defer func() {
		d.mu.Lock()
		old.busy = false
		d.mu.Unlock()
	}()
	d.Rename(old.d.ID, name+".old-"+old.d.Short())
	ran := d.running(old)
	if err := d.stop(ctx, old.d.ID, grace); err != nil {
		d.Rename(old.d.ID, name)
		return "", err
	}
	d.mu.Lock()
	again := old.d
	again.ID, again.Name, again.State, again.Created, again.Restarts = "", name, "", time.Time{}, 0
	fresh := d.containers[d.add(again, old.env)]
	d.mu.Unlock()
	err = d.serves(ctx, fresh, ready)
	d.mu.Lock()
	defer d.mu.Unlock()
	if err == nil {
		d.remove(old)
		return fresh.d.ID, nil
	}
	d.remove(fresh)
	old.d.Name = name
	d.emit(old.event("rename"))
	if ran {
		d.start(old)
	}
	return "", core.Errorf(core.CodeOf(err), "%w The old container is back.", err)
}

// serves says why a new container cannot take the old one's place.
func (d *Docker) serves(ctx context.Context, fresh *container, ready func(ctx context.Context, id string) error) error {
	d.mu.Lock()
	id, running, code := fresh.d.ID, fresh.d.State == "running", fresh.d.ExitCode
	d.mu.Unlock()
	switch {
	case !running:
		return core.Errorf(core.CodeConflict, "The new container ended at once with exit code %d.", code)
	case ready != nil:
		return ready(ctx, id)
	}
	return nil
}

// claim marks a container as being recreated.
func (d *Docker) claim(id string) (*container, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	c := d.find(id)
	switch {
	case c == nil:
		return nil, noSuch(id)
	case c.busy:
		return nil, core.Errorf(core.CodeConflict, "%s is being recreated already.", c.d.Name)
	}
	c.busy = true
	return c, nil
}

func (d *Docker) running(c *container) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return c.d.State == "running"
}
