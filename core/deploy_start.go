package core

import (
	"context"
	"fmt"
	"strings"

	"github.com/google/uuid"
)

// The kinds of the jobs that deploy, which are the names of their operations.
const (
	deployKind   = "deployment.start"
	rollbackKind = "deployment.rollback"
)

// The kinds of deployment.
const (
	kindDeploy   = "deploy"
	kindRollback = "rollback"
)

// Validate refuses what contradicts itself.
func (in DeployIn) Validate() error {
	given := 0
	for _, set := range []bool{in.Ref != "", in.Build != "", in.Same} {
		if set {
			given++
		}
	}
	switch {
	case given > 1:
		return Errorf(CodeInvalid, "Give one of: a ref to build, a build to use, or the same image again.")
	case in.Fresh && (in.Build != "" || in.Same):
		return Errorf(CodeInvalid, "Fresh means to build without the cache, and nothing would be built.")
	}
	return in.ServiceIn.Validate()
}

// Validate refuses an empty name.
func (in RollbackIn) Validate() error { return in.ServiceIn.Validate() }

// deploy starts a deployment as a job and answers once its record is durable.
func deploy(ctx context.Context, c *Core, in DeployIn) (Job, error) {
	stored, err := c.deployable(in.Service)
	if err != nil {
		return Job{}, err
	}
	if stored.Source == nil && in.Ref != "" {
		return Job{}, Errorf(CodeInvalid, "%s is not built from a source, so there is no ref %q to deploy. Its definition names the image %s.",
			in.Service, SafeText(in.Ref), stored.Image)
	}
	if err := c.envSafe(in); err != nil {
		return Job{}, err
	}
	r := c.newDeployRun(ctx, kindDeploy, stored)
	r.in = in
	return c.startDeployment(ctx, deployKind, r)
}

// rollback starts the deployment of an earlier release: image, definition and env version together.
func rollback(ctx context.Context, c *Core, in RollbackIn) (Job, error) {
	stored, err := c.deployable(in.Service)
	if err != nil {
		return Job{}, err
	}
	release, err := c.releaseToReturnTo(in)
	if err != nil {
		return Job{}, err
	}
	if _, _, err := c.envOf(release); err != nil {
		return Job{}, Errorf(CodeOf(err), "The env of that release cannot be read, so nothing was done. %w", err)
	}
	back := release.Definition
	back.Container = stored.Container
	if err := c.canRoute(back); err != nil {
		return Job{}, err
	}
	if err := c.checkUnique(back); err != nil { // since then another service may have got what it had
		return Job{}, Errorf(CodeOf(err), "That release cannot come back as it was, so nothing was done. %w", err)
	}
	r := c.newDeployRun(ctx, kindRollback, stored)
	r.in, r.back = DeployIn{ServiceIn: in.ServiceIn}, &release
	return c.startDeployment(ctx, rollbackKind, r)
}

// deployable finds the definition of a service that this plane may deploy.
func (c *Core) deployable(service string) (DefinitionVersion, error) {
	if service == c.charter.Name {
		return DefinitionVersion{}, Errorf(CodeConflict, "%s does not deploy itself: this is the program that answers you. The %s can: %s deploy %s",
			c.charter.Title, c.charter.SiblingTitle(), c.cfg.Sibling(c.charter), service)
	}
	if c.ship.Maker == nil || c.ship.Images == nil || c.ship.Locks == nil {
		return DefinitionVersion{}, Errorf(CodeUnavailable, "This control plane has no engine to make containers with, so it deploys nothing.")
	}
	stored, err := c.definitionOf(service)
	if err != nil {
		return DefinitionVersion{}, err
	}
	if stored.Removal != nil {
		return DefinitionVersion{}, Errorf(CodeConflict, "%s is being removed, or its removal did not come to its end. Finish it: definition remove %s. Or keep it: set its definition again (definition set), then deploy it.", service, service)
	}
	stored.Container = containerName(stored)
	return stored, c.canRoute(stored.Definition)
}

// canRoute refuses a definition with a route where no route can be switched.
func (c *Core) canRoute(d Definition) error {
	if d.Route == nil || c.ship.Switch != nil {
		return nil
	}
	return Errorf(CodeUnavailable, "%s is routed, and this control plane cannot write Traefik's files.", d.Service)
}

// newDeployRun prepares the record of a deployment.
func (c *Core) newDeployRun(ctx context.Context, kind string, stored DefinitionVersion) *deployRun {
	id := uuid.Must(uuid.NewV7()).String()
	mark := id[len(id)-8:]
	return &deployRun{
		c: c, id: id, mark: mark, name: stored.Container, stored: stored,
		hub: NewHub[struct{}](1), begun: make(chan struct{}), ended: make(chan struct{}),
		row: Deployment{
			ID: id, Service: stored.Service, Plane: c.charter.Name, Kind: kind, By: ActorFrom(ctx), State: DeployRunning,
			Started: c.now().UTC(), Alias: stored.Service + "-" + mark,
		},
	}
}

// startDeployment takes the lock and starts the job. A service that is being changed already is CodeConflict and names who
// does it.
func (c *Core) startDeployment(ctx context.Context, kind string, r *deployRun) (Job, error) {
	free, err := c.hold(ctx, r.row.Kind, r.row.Service)
	if err != nil {
		return Job{}, err
	}
	if _, err := c.deployable(r.row.Service); err != nil { // whoever had the lock may have removed it
		free()
		return Job{}, err
	}
	job, err := c.jobs.start(ctx, kind, r.row.Service, func(ctx context.Context, j *jobRun) error {
		defer free()
		return r.run(ctx, j)
	})
	if err != nil {
		free()
		return Job{}, err
	}
	select {
	case <-r.begun:
	case <-r.ended:
	case <-ctx.Done():
	}
	return job, nil
}

// lockNote says who has a lock and what for.
func (c *Core) lockNote(ctx context.Context, what string) string {
	by := ActorFrom(ctx)
	return fmt.Sprintf("%s by %s over %s, on the %s", what, SafeText(by.Name), by.Door, c.charter.Title)
}

// envAt gives the env of a version as a release names it: 0 is none.
func (c *Core) envAt(service string, version int) (map[string]string, EnvVersion, error) {
	if version <= 0 {
		return nil, EnvVersion{Service: service}, nil
	}
	return c.envFor(service, version)
}

// envSafe refuses an env that cannot be decrypted, or that is empty where the last release had one: that is what a lost
// key or a store that was emptied by mistake looks like.
func (c *Core) envSafe(in DeployIn) error {
	_, version, err := c.envFor(in.Service, 0)
	if err != nil {
		return Errorf(CodeOf(err), "The env of %s cannot be read, so nothing was done: what runs would be replaced by something that lacks its secrets. %w", in.Service, err)
	}
	last, ok := c.lastRelease(in.Service)
	if in.EnvGone || len(version.Names) > 0 || !ok || last.EnvVersion == 0 {
		return nil
	}
	_, before, err := c.envOf(last)
	if err == nil && len(before.Names) == 0 {
		return nil
	}
	return Errorf(CodeConflict, "The env of %s is empty, and that of its last release was not (version %d: %s). Bring it back (env undo), or deploy with the choice that it may be gone.",
		in.Service, last.EnvVersion, strings.Join(before.Names[:min(len(before.Names), 8)], ", "))
}

// run is the job of a deployment, from its first record to its last.
func (r *deployRun) run(ctx context.Context, j *jobRun) error {
	defer close(r.ended)
	r.j = j
	r.row.Job = j.job.ID
	if err := r.c.commit(ctx, r.edits()...); err != nil {
		return err
	}
	r.c.deploys.enter(r)
	defer r.c.deploys.leave(r)
	close(r.begun)
	concluded := false
	defer func() {
		if !concluded { // a panic, which the job reports: what is left of it is settled as after a crash
			r.stopAsking()
			r.c.deploys.leaveBehind(r.row.Service, r.name, r.id)
		}
	}()
	err := r.conclude(ctx, r.forward(ctx))
	concluded = true
	return err
}

// forward goes through the steps. What it returns with an error has to be taken back.
func (r *deployRun) forward(ctx context.Context) error {
	prepare := []deployStep{{StepLock, r.survey}, {StepSource, r.fetch}, {StepBuild, r.make}, {StepTest, r.test}, {StepCandidate, r.candidate}}
	if err := r.all(ctx, prepare); err != nil {
		return err
	}
	if r.twice {
		if err := r.all(ctx, []deployStep{{StepHealth, r.proveCandidate}}); err != nil {
			return err
		}
	}
	own, cancel, err := r.pass(ctx)
	if err != nil {
		return err
	}
	defer cancel()
	steps := []deployStep{{StepSwitch, r.switchOver}, {StepRoute, r.seeRoute}, {StepDrain, r.drain}, {StepRename, r.rename}, {StepStop, r.stopOld}}
	if !r.twice {
		steps = []deployStep{{StepStop, r.stopOld}, {StepHealth, r.proveInPlace}, {StepSwitch, r.switchOver}, {StepRoute, r.seeRoute}, {StepRename, r.rename}}
	}
	return r.all(own, append(steps, deployStep{StepObserve, r.observe}, deployStep{StepKeep, r.keep}))
}

// deployStep is one step and what does it.
type deployStep struct {
	name string
	do   func(ctx context.Context) (detail string, err error)
}

// all goes through steps until one fails.
func (r *deployRun) all(ctx context.Context, steps []deployStep) error {
	for _, s := range steps {
		if err := r.step(ctx, s.name, s.do); err != nil {
			return err
		}
	}
	return nil
}
