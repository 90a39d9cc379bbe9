package core

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// How long a container may take to end.
const (
	defaultGrace = 10 * time.Second
	maxGrace     = 10 * time.Minute
	actWait      = 30 * time.Second // for the engine to act, beside the grace
)

// The kinds of job, which are the names of their operations.
const (
	recreateKind = "service.recreate"
	pruneKind    = "disk.prune"
)

// Validate refuses an empty name and a grace that is not one.
func (in StopServiceIn) Validate() error {
	if in.Grace < 0 || in.Grace > maxGrace {
		return Errorf(CodeInvalid, "The grace is %s; give 0 (the container's own) to %s.", in.Grace, maxGrace)
	}
	return in.ServiceIn.Validate()
}

// Validate refuses an empty name.
func (in RemoveServiceIn) Validate() error { return in.ServiceIn.Validate() }

// aim finds the service that an operation is to act on. A control plane does not act on itself.
func (c *Core) aim(verb, name string) (Service, ContainerDetail, error) {
	svc, detail, err := c.services.find(name)
	if err != nil {
		return svc, detail, err
	}
	if svc.Self {
		return svc, detail, Errorf(CodeConflict, "%s does not %s itself: this is the program that answers you. The %s can: %s %s %s",
			c.charter.Title, verb, c.charter.SiblingTitle(), c.cfg.Sibling(c.charter), verb, svc.Name)
	}
	return svc, detail, nil
}

// aimContainer is aim for operations that need a container.
func (c *Core) aimContainer(verb, name string) (Service, ContainerDetail, error) {
	svc, detail, err := c.aim(verb, name)
	if err == nil && svc.Missing {
		err = Errorf(CodeConflict, "%s has no container to %s: %s. Deploy it again, or forget it: remove %s", name, verb, svc.Health.Detail, name)
	}
	return svc, detail, err
}

// graceOf is how long a container may take to end: as asked, else its own, else defaultGrace.
func graceOf(asked time.Duration, d ContainerDetail) time.Duration {
	switch {
	case asked > 0:
		return asked
	case d.StopGrace > 0:
		return min(d.StopGrace, maxGrace)
	default:
		return defaultGrace
	}
}

// begun is the context of an act on a container: what was begun is seen through, and the audit told how it ended, when the
// connection of whoever asked for it breaks. It ends with the control plane, and after the grace and the time that the
// engine and the observation of its effect may take. A caller who has gone before gets an error, and nothing is done.
func (c *Core) begun(ctx context.Context, grace time.Duration) (context.Context, context.CancelFunc, error) {
	if ctx.Err() != nil {
		return nil, nil, Errorf(CodeCanceled, "Nothing was done: whoever asked for it has gone.")
	}
	own, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace+actWait+serveWait)
	stop := context.AfterFunc(c.services.life, cancel)
	return own, func() { stop(); cancel() }, nil
}

// engineAnswer adds to an error of the engine what is known without it.
func (c *Core) engineAnswer(err error, svc Service) error {
	if CodeOf(err) != CodeUnavailable {
		return err
	}
	engine := c.services.snapshot().Engine
	known := fmt.Sprintf("%s was %s", svc.Name, svc.Health.State)
	if !engine.Seen.IsZero() {
		known += fmt.Sprintf(" when the engine last answered, at %s", engine.Seen.UTC().Format("15:04:05 UTC"))
	}
	return Errorf(CodeUnavailable, "%s Last known: %s. Diagnose tells what to do about the engine. (%w)", MessageOf(err), known, err)
}

// startService starts a container and waits until it serves.
func startService(ctx context.Context, c *Core, in ServiceIn) (Done, error) {
	svc, _, err := c.services.find(in.Service)
	if err != nil {
		return Done{}, err
	}
	if svc.Self {
		return Done{Message: svc.Name + " runs: it is the one that answers you."}, nil
	}
	if svc, _, err = c.aimContainer("start", in.Service); err != nil {
		return Done{}, err
	}
	if svc.State == "paused" {
		return Done{}, Errorf(CodeConflict, "%s is paused, not stopped. Restart it: restart %s", svc.Name, svc.Name)
	}
	if err := c.notHeld("start", svc.Name); err != nil {
		return Done{}, err
	}
	ctx, cancel, err := c.begun(ctx, 0)
	if err != nil {
		return Done{}, err
	}
	defer cancel()
	if err := c.docker.Start(ctx, svc.ID); err != nil {
		return Done{}, c.engineAnswer(err, svc)
	}
	now, err := c.services.awaitServing(ctx, svc.Name, svc.ID, serveWait)
	if err != nil {
		return Done{}, err
	}
	return Done{Message: fmt.Sprintf("%s runs: %s.", now.Name, servingWords(now))}, nil
}

// stopService stops a container and sees that it has ended.
func stopService(ctx context.Context, c *Core, in StopServiceIn) (Done, error) {
	svc, detail, err := c.aimContainer("stop", in.Service)
	if err != nil {
		return Done{}, err
	}
	if err := c.notHeld("stop", svc.Name); err != nil {
		return Done{}, err
	}
	grace := graceOf(in.Grace, detail)
	ctx, cancel, err := c.begun(ctx, grace)
	if err != nil {
		return Done{}, err
	}
	defer cancel()
	if err := c.docker.Stop(ctx, svc.ID, grace); err != nil {
		return Done{}, c.engineAnswer(err, svc)
	}
	now, err := c.services.awaitEnded(ctx, svc.Name, svc.ID)
	if err != nil {
		return Done{}, err
	}
	return Done{Message: fmt.Sprintf("%s is stopped: %s.", svc.Name, now.Health.Detail)}, nil
}

// restartService restarts a container and waits until it serves.
func restartService(ctx context.Context, c *Core, in StopServiceIn) (Done, error) {
	svc, detail, err := c.aimContainer("restart", in.Service)
	if err != nil {
		return Done{}, err
	}
	if err := c.notHeld("restart", svc.Name); err != nil {
		return Done{}, err
	}
	grace := graceOf(in.Grace, detail)
	ctx, cancel, err := c.begun(ctx, grace)
	if err != nil {
		return Done{}, err
	}
	defer cancel()
	if err := c.docker.Restart(ctx, svc.ID, grace); err != nil {
		return Done{}, c.engineAnswer(err, svc)
	}
	now, err := c.services.awaitServing(ctx, svc.Name, svc.ID, serveWait)
	if err != nil {
		return Done{}, err
	}
	return Done{Message: fmt.Sprintf("%s was restarted and runs: %s.", now.Name, servingWords(now))}, nil
}

// recreateService makes a container anew as a job, because it can take longer than a connection lives.
func recreateService(ctx context.Context, c *Core, in StopServiceIn) (Job, error) {
	svc, detail, err := c.aimContainer("recreate", in.Service)
	if err != nil {
		return Job{}, err
	}
	return c.jobs.start(ctx, recreateKind, svc.Name, func(ctx context.Context, j *jobRun) error {
		return c.recreate(ctx, j, svc, graceOf(in.Grace, detail))
	})
}

// recreate replaces a service's container. The old one is put back unless the new one serves.
func (c *Core) recreate(ctx context.Context, j *jobRun, svc Service, grace time.Duration) error {
	j.step("Replace the container")
	var serving Service
	var judged bool
	id, err := c.docker.Recreate(ctx, svc.ID, grace, func(ctx context.Context, id string) (err error) {
		j.print("new container " + ShortID(id) + ", was " + ShortID(svc.ID))
		j.step("Wait until it serves")
		j.progress(0.5)
		judged = true
		serving, err = c.services.awaitServing(ctx, svc.Name, id, serveWait)
		return err
	})
	switch {
	case err != nil && judged:
		return err // the engine did its part
	case err != nil:
		return c.engineAnswer(err, svc)
	}
	j.result(fmt.Sprintf("%s runs in the new container %s: %s.", serving.Name, ShortID(id), servingWords(serving)))
	return nil
}

// removeService removes a container, or forgets a service that has none any more. Volumes, image and log stay.
func removeService(ctx context.Context, c *Core, in RemoveServiceIn) (Done, error) {
	svc, detail, err := c.aim("remove", in.Service)
	if err != nil {
		return Done{}, err
	}
	free, err := c.hold(ctx, "removal", svc.Name)
	if err != nil {
		return Done{}, err
	}
	defer free()
	if svc.Missing {
		c.services.drop(svc.Name)
		return Done{Message: svc.Name + " had no container and is no longer listed. " + staysWords(detail)}, nil
	}
	grace := graceOf(0, detail)
	ctx, cancel, err := c.begun(ctx, grace)
	if err != nil {
		return Done{}, err
	}
	defer cancel()
	if err := c.docker.Remove(ctx, svc.ID, grace); err != nil {
		return Done{}, c.engineAnswer(err, svc)
	}
	if err := c.services.awaitRemoved(ctx, svc.Name, svc.ID); err != nil {
		return Done{}, err
	}
	return Done{Message: fmt.Sprintf("The container of %s is removed. %s", svc.Name, staysWords(detail))}, nil
}

// staysWords says what the removal of a container leaves behind.
func staysWords(d ContainerDetail) string {
	stays := []string{"its log", "its image"}
	for _, m := range d.Mounts {
		switch {
		case m.Type == "volume" && m.Name != "":
			stays = append(stays, "the volume "+shortText(m.Name))
		case m.Type == "bind":
			stays = append(stays, "the folder "+shortText(m.Source))
		}
	}
	return "What stays: " + strings.Join(stays, ", ") + "."
}
