package docker

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/codematrx/matrx-ship/core"
	"github.com/moby/moby/api/types/container"
	dockersdk "github.com/moby/moby/client"
)

const (
	// settle is how long a new container must run at least before the old one goes.
	settle = time.Second
	// startLimit is how long a container that the engine restarts may take to settle.
	startLimit = 10 * time.Second
	oldMark    = ".old-"
)

// Recreate makes a container anew from its own configuration and image, under the same name, with its volumes (also
// anonymous ones), networks, aliases and fixed addresses, and starts it. The old one is stopped and kept aside as
// NAME.old-SHORTID until the new one runs and ready, when there is one, says that it serves; on any failure it is put back, and started when it ran before. A container that was
// started to be removed at its end, or whose configuration holds what we cannot carry over, is a conflict. Reconcile finishes
// what a crash in the middle left.
func (d *Docker) Recreate(ctx context.Context, id string, grace time.Duration, ready func(ctx context.Context, id string) error) (string, error) {
	res, err := d.inspect(ctx, id)
	if err != nil {
		return "", err
	}
	old := res.Container
	name := strings.TrimPrefix(old.Name, "/")
	unlock, err := d.lock(core.ServiceOf(detailOf(old).Container))
	if err != nil {
		return "", err
	}
	defer unlock()
	switch {
	case strings.HasSuffix(name, oldMark+core.ShortID(old.ID)):
		return "", core.Errorf(core.CodeConflict, "%s is the old half of an unfinished recreation.", name)
	case old.HostConfig.AutoRemove:
		return "", core.Errorf(core.CodeConflict, "Cannot recreate %s: it was started with --rm, so the engine removes it and its volumes when it stops.", name)
	}
	spec, err := d.specOf(ctx, res)
	if err != nil {
		return "", err
	}
	r := recreation{d: d, old: old, name: name, spec: spec, grace: grace, ready: ready}
	fresh, err := r.forward(ctx)
	if err != nil {
		return "", r.back(context.WithoutCancel(ctx), fresh, err)
	}
	if err := d.remove(context.WithoutCancel(ctx), old.ID, true); err != nil && core.CodeOf(err) != core.CodeNotFound {
		d.cfg.Log.Warn("old container left aside", "name", name, "id", old.ID, "err", err)
	}
	return fresh, nil
}

// recreation is one recreate under way.
type recreation struct {
	d     *Docker
	old   container.InspectResponse
	name  string
	spec  recipe
	grace time.Duration
	ready func(ctx context.Context, id string) error // nil: running is enough
}

// forward goes until the new container runs and is ready. It gives its id as soon as there is one, also with an error.
func (r *recreation) forward(ctx context.Context) (string, error) {
	if err := r.d.rename(ctx, r.old.ID, r.name+oldMark+core.ShortID(r.old.ID)); err != nil {
		return "", err
	}
	created, err := call(ctx, r.d, actLimit, "create "+r.name, func(ctx context.Context, api *dockersdk.Client) (dockersdk.ContainerCreateResult, error) {
		return api.ContainerCreate(ctx, r.spec.create)
	})
	if err != nil {
		return "", err
	}
	if err := r.d.join(ctx, created.ID, r.name, r.spec.connect); err != nil {
		return created.ID, err
	}
	if err := r.d.Stop(ctx, r.old.ID, r.grace); err != nil {
		return created.ID, err
	}
	if err := r.d.Start(ctx, created.ID); err != nil {
		return created.ID, err
	}
	if err := r.d.settled(ctx, created.ID); err != nil || r.ready == nil {
		return created.ID, err
	}
	return created.ID, r.ready(ctx, created.ID)
}

// back puts the old container into place again. It starts before anything is removed, so that a crash on the way back
// leaves either two containers, which Reconcile tells apart, or the old one running.
func (r *recreation) back(ctx context.Context, fresh string, cause error) error {
	var errs []error
	if fresh != "" {
		errs = append(errs, notMissing(r.d.Stop(ctx, fresh, 0)))
	}
	if r.old.State.Running {
		errs = append(errs, r.d.Start(ctx, r.old.ID))
	}
	if fresh != "" {
		errs = append(errs, notMissing(r.d.remove(ctx, fresh, true)))
	}
	errs = append(errs, r.d.nameBack(ctx, r.old.ID, r.name))
	if err := errors.Join(errs...); err != nil {
		return core.Errorf(core.CodeOf(cause), "%s The old container could not be put back either: %w", core.MessageOf(cause), err)
	}
	return core.Errorf(core.CodeOf(cause), "%w The old container is back.", cause)
}

// nameBack gives a container its name again, when it has lost it.
func (d *Docker) nameBack(ctx context.Context, id, name string) error {
	c, err := d.Container(ctx, id)
	if err != nil || c.Name == name {
		return err
	}
	return d.rename(ctx, id, name)
}

// settled waits until a container has run for a moment without a restart.
func (d *Docker) settled(ctx context.Context, id string) error {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for begin := time.Now(); ; {
		c, err := d.Container(ctx, id)
		switch {
		case err != nil:
			return err
		case c.State == "exited" || c.State == "dead":
			return core.Errorf(core.CodeConflict, "The new container of %s ended at once with exit code %d.%s", c.Name, c.ExitCode, spaced(c.Error))
		case c.State == "running" && time.Since(begin) >= settle && c.Restarts == 0:
			return nil
		case c.Restarts > 0 || time.Since(begin) > startLimit:
			return core.Errorf(core.CodeConflict, "The new container of %s does not stay up (state %s, %d restarts, last exit code %d).%s",
				c.Name, c.State, c.Restarts, c.ExitCode, spaced(c.Error))
		}
		select {
		case <-ctx.Done():
			return wrap(ctx.Err(), "wait for "+c.Name)
		case <-tick.C:
		}
	}
}

// spaced puts a space before a text that is there.
func spaced(s string) string {
	if s == "" {
		return ""
	}
	return " " + s
}

// lock keeps a service's containers from being replaced twice at once, here and, with Config.Locks, by other planes and by
// deployments.
func (d *Docker) lock(service string) (unlock func(), err error) {
	if d.cfg.Locks != nil {
		end, err := d.cfg.Locks.Lock(service, "its container is recreated")
		if err != nil {
			return nil, err
		}
		return func() {
			if err := end(); err != nil {
				d.cfg.Log.Warn("a lock was not let go of cleanly", "service", service, "err", err)
			}
		}, nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.busy[service] {
		return nil, core.Errorf(core.CodeConflict, "%s is being recreated already.", service)
	}
	d.busy[service] = true
	return func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		delete(d.busy, service)
	}, nil
}

// notMissing drops the error of a thing that is gone already.
func notMissing(err error) error {
	if core.CodeOf(err) == core.CodeNotFound {
		return nil
	}
	return err
}
