package docker

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/codematrx/matrx-ship/core"
)

// reconcileRetry is how long ReconcileWhenReady waits for an engine that is away.
const reconcileRetry = 5 * time.Second

// quietTime is how long an unfinished recreation must not change, besides the container's own grace, to count as left behind.
const quietTime = 30 * time.Second

// helperAge is how old a helper container must be to count as left behind.
const helperAge = 2 * time.Minute

// ReconcileWhenReady reconciles once in the background, as soon as the engine answers. It returns at once; Close ends it.
func (d *Docker) ReconcileWhenReady() {
	d.wg.Go(func() {
		tick := time.NewTicker(reconcileRetry)
		defer tick.Stop()
		for {
			err := d.Reconcile(d.ctx)
			if err == nil || d.ctx.Err() != nil {
				return
			}
			d.cfg.Log.Warn("what a crash left in the engine is not decided yet", "err", err)
			select {
			case <-d.ctx.Done():
				return
			case <-tick.C:
			}
		}
	})
}

// Reconcile finishes what a crash left in the middle: a recreation is completed when its new container runs, and taken back
// when it does not; helper containers that nobody waits for are removed. Call it once at start. What another process is working
// on is left alone, and so is another stack's: one that shares our Config.Locks is known by its lock, any other by what changes while we look on.
func (d *Docker) Reconcile(ctx context.Context) error {
	list, err := d.Containers(ctx)
	if err != nil {
		return err
	}
	var errs []error
	list = d.ours(list)
	for _, c := range list {
		if c.Labels[HelperLabel] != "" && c.State != "running" && time.Since(c.Created) > helperAge {
			errs = append(errs, notMissing(d.remove(ctx, c.ID, true)))
		}
	}
	left := unfinishedIn(list)
	if len(left) == 0 {
		return errors.Join(errs...)
	}
	if err := d.lookOn(ctx, left); err != nil {
		return errors.Join(append(errs, err)...)
	}
	if list, err = d.Containers(ctx); err != nil {
		return errors.Join(append(errs, err)...)
	}
	for old, before := range left {
		if unfinishedIn(list)[old] == before {
			errs = append(errs, d.finish(ctx, old, before))
		}
	}
	return errors.Join(errs...)
}

// ours leaves out the containers of other stacks on this engine. One that belongs to no stack is ours to look after.
func (d *Docker) ours(list []core.Container) []core.Container {
	return slices.DeleteFunc(list, func(c core.Container) bool {
		project := c.Labels[core.ProjectLabel]
		return project != "" && project != d.cfg.Project
	})
}

// unfinished is a recreation in the middle, as it looks from outside.
type unfinished struct {
	name     string // of the service's container
	service  string
	old      string // state
	fresh    string // id, empty when there is none
	freshWas string // state
}

// unfinishedIn finds the recreations in the middle, by the id of the old container.
func unfinishedIn(list []core.Container) map[string]unfinished {
	byName := map[string]core.Container{}
	for _, c := range list {
		byName[c.Name] = c
	}
	left := map[string]unfinished{}
	for _, c := range list {
		if name, ok := strings.CutSuffix(c.Name, oldMark+c.Short()); ok {
			left[c.ID] = unfinished{name, core.ServiceOf(c), c.State, byName[name].ID, byName[name].State}
		}
	}
	return left
}

// lookOn waits as long as the longest step of a recreation may take.
func (d *Docker) lookOn(ctx context.Context, left map[string]unfinished) error {
	wait := d.quiet
	for old := range left {
		c, err := d.Container(ctx, old)
		if notMissing(err) != nil {
			return err
		}
		wait = max(wait, d.quiet+c.StopGrace)
	}
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return wrap(ctx.Err(), "look on")
	case <-t.C:
		return nil
	}
}

// finish decides one recreation that was left in the middle.
func (d *Docker) finish(ctx context.Context, oldID string, left unfinished) error {
	name := left.name
	unlock, err := d.lock(left.service)
	if core.CodeOf(err) == core.CodeConflict {
		return nil // somebody is at it
	}
	if err != nil {
		return err
	}
	defer unlock()
	old, err := d.Container(ctx, oldID)
	if err != nil || old.Name == name {
		return notMissing(err)
	}
	fresh, err := d.Container(ctx, name)
	switch {
	case core.CodeOf(err) == core.CodeNotFound: // before the new one was made, or after it was taken away again
		d.cfg.Log.Info("recreation taken back", "name", name)
		return d.rename(ctx, oldID, name)
	case err != nil:
		return err
	case fresh.State == "running" && d.settled(ctx, fresh.ID) == nil:
		d.cfg.Log.Info("recreation completed", "name", name)
		return notMissing(d.Remove(ctx, oldID, old.StopGrace))
	}
	d.cfg.Log.Info("recreation taken back", "name", name)
	if err := notMissing(d.Stop(ctx, fresh.ID, 0)); err != nil {
		return err
	}
	if err := d.Start(ctx, oldID); err != nil {
		return err
	}
	if err := notMissing(d.remove(ctx, fresh.ID, true)); err != nil {
		return err
	}
	return d.rename(ctx, oldID, name)
}
