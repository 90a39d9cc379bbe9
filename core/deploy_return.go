package core

import (
	"context"
	"slices"
	"time"
)

// How long the way back may take, and how often it is tried while the engine does not do its part.
const (
	returnWait  = 2 * time.Minute
	returnTries = 45 * time.Second
	returnEvery = 2 * time.Second
)

// giveBack puts the old version back and removes the candidate, again and again until it works or the time is over. The words say
// which version serves.
func (r *deployRun) giveBack(ctx context.Context) (string, error) {
	began := time.Now()
	for {
		words, err := r.giveBackOnce(ctx)
		if err == nil || time.Since(began) > returnTries || r.c.jobs.ctx.Err() != nil || !rest(ctx, returnEvery, nil) {
			return words, err
		}
		r.c.log.Warn("the old version is not back yet", "deployment", r.id, "service", r.row.Service, "err", err)
	}
}

// giveBackOnce looks at what the engine has now, so that it may be repeated.
func (r *deployRun) giveBackOnce(ctx context.Context) (string, error) {
	f, err := r.c.familyOf(ctx, r.row.Service, r.name)
	if err != nil {
		return "", err
	}
	r.keepCandidateLog(ctx, f)
	if r.old == nil {
		return "Nothing ran before, and the candidate is removed.", r.forgetCandidate(ctx, f)
	}
	i := slices.IndexFunc(f.members, func(d ContainerDetail) bool { return d.ID == r.old.ID })
	if i < 0 {
		now, err := r.c.settle(ctx, r.row.Service, r.name)
		if err == nil && now.serves == nil {
			return "The old container is gone, and nothing serves.", nil
		}
		return "The old container is gone: what there is was kept.", err
	}
	old := f.members[i]
	words := "The old version serves: it was not stopped."
	switch {
	case !r.oldRan:
		words = "The old container is as it was: " + old.State + "."
	case !isUp(old.State):
		if words, err = r.startOld(ctx, f, old); err != nil {
			return "", err
		}
	}
	if err := r.c.install(ctx, f, old); err != nil {
		return "", err
	}
	return words, r.forgetSwitch(ctx, old)
}

// forgetSwitch removes the switch file when the old container is not led to by it. One with a router that Traefik still needs is
// left to endBridge, and after it to keepSwitches.
func (r *deployRun) forgetSwitch(ctx context.Context, old ContainerDetail) error {
	if r.def.Route == nil || routed(old.Labels, r.row.Service) {
		return nil
	}
	target, err := r.c.ship.Switch.Target(ctx, r.row.Service)
	if err != nil || !target.Router.IsZero() {
		return ignoreMissing(err)
	}
	return r.c.ship.Switch.Remove(ctx, r.row.Service)
}

// startOld starts the old container again. What cannot run twice has to end before.
func (r *deployRun) startOld(ctx context.Context, f family, old ContainerDetail) (string, error) {
	if !r.twice {
		if err := r.c.stopOthers(ctx, f, old.ID); err != nil {
			return "", err
		}
	}
	if err := r.bridgeBack(ctx, f, old); err != nil {
		return "", err
	}
	if err := r.c.docker.Start(ctx, old.ID); err != nil {
		return "", err
	}
	p := r.c.settleProof(old, settleStart)
	words, err := r.c.prove(ctx, p)
	if !r.gone.IsZero() && !r.twice {
		r.update(func(row *Deployment) { row.Gap = r.c.now().Sub(r.gone) })
	}
	if err != nil {
		return "The old version was started again, and does not pass its health check yet: " + words + ".", nil
	}
	return "The old version was started again and serves.", nil
}

// keepCandidateLog takes the candidate's last lines into the record, once.
func (r *deployRun) keepCandidateLog(ctx context.Context, f family) {
	if len(r.snapshot().LastLog) > 0 {
		return
	}
	for _, d := range f.members {
		if d.Labels[labelDeployment] == r.id && d.State != "created" {
			r.keepLog(ctx, d.ID)
		}
	}
}

// forgetCandidate removes the candidate of a first deployment, and the file that leads to it.
func (r *deployRun) forgetCandidate(ctx context.Context, f family) error {
	for _, d := range f.members {
		if d.Labels[labelDeployment] != r.id {
			continue
		}
		if err := ignoreMissing(r.c.docker.Remove(ctx, d.ID, graceOf(0, d))); err != nil {
			return err
		}
	}
	if err := r.c.removeTests(ctx, f); err != nil || r.def.Route == nil {
		return err
	}
	target, err := r.c.ship.Switch.Target(ctx, r.row.Service)
	if err != nil || target.Alias != r.row.Alias {
		return ignoreMissing(err)
	}
	return r.c.ship.Switch.Remove(ctx, r.row.Service)
}
