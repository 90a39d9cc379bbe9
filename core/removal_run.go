package core

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
)

// removalWait bounds what one step of a removal asks of the engine and the disk, beside the grace of a container.
const removalWait = time.Minute

// The steps of a removal. What was begun is on record first, and the definition goes last: a removal that died between two of them
// is found, shown, and finished by doing it again.
const (
	stepMark       = "write down that it begins"
	stepContainers = "stop and remove its containers"
	stepUnroute    = "take its route away"
	stepFiles      = "remove the files that were rendered for it"
	stepImages     = "remove its images"
	stepNetworks   = "remove its networks"
	stepForget     = "remove its definition, and its env from being in force"
)

// removalSteps are the steps in order.
func removalSteps(keep bool) []string {
	if keep {
		return []string{stepMark, stepForget}
	}
	return []string{stepMark, stepContainers, stepUnroute, stepFiles, stepImages, stepNetworks, stepForget}
}

// removalRun is one removal.
type removalRun struct {
	c     *Core
	dv    DefinitionVersion // as it was when the removal began
	keep  bool
	job   *jobRun
	scope removalScope
	begun bool // it is on record that it has, by this run or by one before
}

// removeDefinition takes the service's lock and starts the job. What may not be removed is refused before anything is done.
func removeDefinition(ctx context.Context, c *Core, in RemoveDefinitionIn) (Job, error) {
	dv, err := c.definitionOf(in.Service)
	if err == nil {
		err = c.removable(dv, in.KeepContainer)
	}
	if err != nil {
		return Job{}, err
	}
	free, err := c.hold(ctx, "removal of the definition", in.Service)
	if err != nil {
		return Job{}, err
	}
	if dv, err = c.definitionOf(in.Service); err != nil { // whoever had the lock may have removed it
		free()
		return Job{}, err
	}
	job, err := c.jobs.start(ctx, removeDefinitionKind, in.Service, func(ctx context.Context, j *jobRun) error {
		defer func() { free(); c.services.noteRemovals(c.openRemovals()) }()
		r := &removalRun{c: c, dv: dv, keep: in.KeepContainer, job: j, begun: dv.Removal != nil}
		return r.run(ctx)
	})
	if err != nil {
		free()
	}
	return job, err
}

// run walks the steps. Each may be repeated. How it ended is in the audit: with the last write when it is done, else by itself.
func (r *removalRun) run(ctx context.Context) error {
	err := r.walk(ctx)
	if err == nil {
		return nil
	}
	if r.begun {
		err = Errorf(codeOfFailure(err), "%s %s is removed in part: its definition is still in force. Finish it: definition remove %s. Or keep it: definition set", sentence(MessageOf(err)), r.dv.Service, r.dv.Service)
	} else {
		err = Errorf(codeOfFailure(err), "%s Nothing was removed.", sentence(MessageOf(err)))
	}
	outcome := string(CodeOf(err))
	if r.c.jobs.ctx.Err() != nil {
		outcome = OutcomeInterrupted
	}
	if saveErr := r.c.commit(context.WithoutCancel(ctx), r.c.removalEnd(r.job.snapshot(), outcome, MessageOf(err))...); saveErr != nil {
		r.c.log.Error("the end of a removal is not in the audit", "service", r.dv.Service, "err", saveErr)
	}
	return err
}

func (r *removalRun) walk(ctx context.Context) error {
	steps := map[string]func(context.Context) error{
		stepMark: r.mark, stepContainers: r.containers, stepUnroute: r.unroute, stepFiles: r.files, stepImages: r.images, stepNetworks: r.networks,
		stepForget: r.forget,
	}
	names := removalSteps(r.keep)
	for i, name := range names {
		if ctx.Err() != nil {
			return Errorf(CodeCanceled, "It was cancelled before the step: %s.", name)
		}
		r.job.step(name)
		r.job.progress(float64(i) / float64(len(names)))
		if err := steps[name](ctx); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// mark finds what the removal takes, and then writes down that it has begun: with an engine that does not answer nothing has.
func (r *removalRun) mark(ctx context.Context) error {
	if err := r.survey(ctx); err != nil {
		return err
	}
	row, err := r.write(ctx, Removal{Job: r.job.job.ID, KeepContainer: r.keep}, nil)
	if err != nil {
		return err
	}
	r.dv, r.begun = row, true
	return nil
}

// survey finds what the removal takes.
func (r *removalRun) survey(ctx context.Context) (err error) {
	ctx, cancel := context.WithTimeout(ctx, removalWait)
	defer cancel()
	r.scope, err = r.c.scopeOf(ctx, r.dv)
	return err
}

// write writes the next version of the definition's row, with other edits. A definition that was set meanwhile stays.
func (r *removalRun) write(ctx context.Context, removal Removal, more func(DefinitionVersion) ([]edit, error)) (DefinitionVersion, error) {
	c := r.c
	c.defining.Lock()
	defer c.defining.Unlock()
	now, err := c.definitionOf(r.dv.Service)
	if err != nil {
		return now, err
	}
	if now.Version != r.dv.Version {
		return now, Errorf(CodeConflict, "The definition of %s was set to version %d by %s meanwhile, so it stays.", now.Service, now.Version, now.By)
	}
	old := now
	now.Version, now.At, now.By, now.Removal = old.Version+1, laterThan(old.At, c.now()), ActorFrom(ctx).Name, &removal
	edits := []edit{{definitionsTable, now.Service, now}}
	if more != nil {
		further, err := more(now)
		if err != nil {
			return now, err
		}
		edits = append(edits, further...)
	}
	return now, c.commit(ctx, edits...)
}

// laterThan is now, but after what was: of two rows the newer wins, also beside a clock that stands.
func laterThan(was, now time.Time) time.Time {
	if now = now.UTC(); now.After(was) {
		return now
	}
	return was.Add(1)
}

// containers stops and removes what runs and what stands beside it. Their volumes stay.
func (r *removalRun) containers(ctx context.Context) error {
	c := r.c
	for _, d := range r.scope.containers {
		if err := ctx.Err(); err != nil {
			return Errorf(CodeCanceled, "It was cancelled.")
		}
		own, cancel, err := c.begun(ctx, graceOf(0, d))
		if err != nil {
			return err
		}
		r.job.print("stop and remove the container " + d.Name + " (" + d.Short() + ")")
		err = ignoreMissing(c.docker.Remove(own, d.ID, graceOf(0, d)))
		cancel()
		if err != nil {
			return err
		}
	}
	own, cancel := context.WithTimeout(ctx, removalWait)
	defer cancel()
	if err := c.removeTests(own, family{tests: r.scope.tests}); err != nil || r.scope.stranger != "" {
		return err
	}
	left, err := c.familyOf(own, r.dv.Service, containerName(r.dv))
	if err == nil && len(left.members) > 0 {
		return Errorf(CodeConflict, "There is a container %s again: somebody else starts it.", left.members[0].Name)
	}
	return err
}

// unroute removes the switch file, now that no label asks for it.
func (r *removalRun) unroute(ctx context.Context) error {
	if r.c.ship.Switch == nil || r.scope.stranger != "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, removalWait)
	defer cancel()
	return ignoreMissing(r.c.ship.Switch.Remove(ctx, r.dv.Service))
}

// files removes what was rendered.
func (r *removalRun) files(context.Context) error {
	for _, name := range r.scope.files {
		r.job.print("remove " + r.c.cfg.Root + "/" + name)
		if err := r.c.ship.Folders.Remove(name); err != nil {
			return err
		}
	}
	return nil
}

// images takes the tags away. What something else still uses stays with that.
func (r *removalRun) images(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, removalWait)
	defer cancel()
	tags := map[string]bool{}
	for _, tag := range r.scope.images {
		tags[tag] = true
	}
	removed, err := r.c.untag(ctx, tags)
	r.job.print(fmt.Sprintf("%d of %s removed", removed, countOf(len(tags), "image")))
	if err != nil {
		return err
	}
	var gone []Build
	for _, b := range rowsOf[Build](r.c, buildsTable) {
		if b.Service == r.dv.Service && b.State == BuildDone && !b.Gone {
			gone = append(gone, b)
		}
	}
	return r.c.noteGone(ctx, gone)
}

// networks removes those that nobody else needs. One that somebody joined meanwhile stays.
func (r *removalRun) networks(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, removalWait)
	defer cancel()
	needed := r.c.networksOfOthers(r.dv.Service)
	for _, name := range r.scope.networks {
		if needed[name] {
			continue
		}
		if err := r.c.clearGuests(ctx, name); err != nil {
			return err
		}
		switch err := r.c.ship.Maker.RemoveNetwork(ctx, name); CodeOf(err) {
		case "", CodeNotFound:
			r.job.print("the network " + name + " is removed")
		case CodeConflict:
			r.job.print("the network " + name + " stays: something else is in it")
		default:
			return err
		}
	}
	return nil
}

// forget makes definition and env history, in one write with the end in the audit.
func (r *removalRun) forget(ctx context.Context) error {
	c := r.c
	c.envs.Lock()
	defer c.envs.Unlock()
	words := r.endWords()
	_, err := r.write(ctx, Removal{Job: r.job.job.ID, KeepContainer: r.keep, Done: true}, func(DefinitionVersion) ([]edit, error) {
		edits, err := c.emptyEnv(ctx, r.dv.Service)
		if err != nil {
			return nil, err
		}
		return append(edits, c.removalEnd(r.job.snapshot(), OutcomeOK, words)...), nil
	})
	if err != nil {
		return err
	}
	if !r.keep && c.services.relist(ctx) == nil {
		c.services.drop(r.dv.Service)
	}
	r.job.result(words)
	return nil
}

// endWords say what came of it.
func (r *removalRun) endWords() string {
	stays := r.scope.stays
	text := r.dv.Service + " is removed. "
	if r.keep {
		text, stays = "The definition of "+r.dv.Service+" is removed; what runs goes on. ", append(r.scope.words(), stays...)
	}
	return text + "What stays: " + strings.Join(append(stays, "its log", "what is on record"), ", ") + "."
}

// emptyEnv makes an env without variables the newest version, so that a service of the same name begins without secrets. The
// older versions stay, encrypted. The mutex envs is held.
func (c *Core) emptyEnv(ctx context.Context, service string) ([]edit, error) {
	base := c.newestEnv(service)
	if len(base.Names) == 0 {
		return nil, nil
	}
	content, err := c.unsealEnv(base)
	if err != nil && CodeOf(err) == CodeUnavailable {
		return nil, err
	} // one that cannot be decrypted any more is left behind all the same
	next, err := c.sealEnv(ctx, base, map[string]string{}, content.MarkKey, "the service was removed")
	if err != nil {
		return nil, err
	}
	return append(c.oldEnvs(service), edit{envTable, envKey(service, next.Version), next}), nil
}

// removalEndOp is the audit's event of how a removal ended: its operation's outcome says only that the job has begun.
const removalEndOp = "definition.removed"

// removalEnd is that event, intent and outcome at once.
func (c *Core) removalEnd(job Job, outcome, words string) []edit {
	intent := auditBody{Phase: phaseIntent, Op: removalEndOp, Target: job.Target, Risk: Destroy, Actor: &job.By, Input: auditInput(map[string]string{"job": job.ID})}
	end := auditBody{Phase: phaseOutcome, Outcome: outcome, Message: cutLine(words), Millis: c.now().Sub(job.Started).Milliseconds()}
	id := uuid.Must(uuid.NewV7()).String()
	return []edit{{auditTable, id, intent}, {auditTable, id, end}}
}
