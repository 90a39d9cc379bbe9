package core

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"
)

// The rhythm of settling what was left.
const (
	settleEvery = 3 * time.Second
	settleIdle  = time.Minute      // while nothing is left; a ring ends it. Also between two looks for what others left
	settleLimit = 45 * time.Second // by then a deployment is decided with what is known
)

// leftover is a service that a deployment left in the middle, and the records that are still open because of it.
type leftover struct {
	service string
	name    string   // of its container
	rows    []string // ids of deployments of this plane
	since   time.Time
}

// leaveBehind notes a service to be settled as soon as that can be done; row, when there is one, is decided by it.
func (d *deploys) leaveBehind(service, name, row string) {
	d.mu.Lock()
	l := d.left[name]
	if l == nil {
		l = &leftover{service: service, name: name, since: d.c.now()}
		d.left[name] = l
	}
	if row != "" {
		l.rows = append(l.rows, row)
	}
	d.mu.Unlock()
	ring(d.bell)
}

// findOpen notes the deployments that the last process left running.
func (d *deploys) findOpen() {
	for _, row := range all[Deployment](d.c.state, deploymentsTable) {
		if !row.isUnsettled() {
			continue
		}
		name := row.Service
		if stored, err := d.c.definitionOf(row.Service); err == nil && stored.Container != "" {
			name = stored.Container
		}
		d.leaveBehind(row.Service, name, row.ID)
	}
}

// keep settles what was left, until ctx ends: by the last process, by one that died on the other control plane, or by a
// deployment that could not take itself back because the engine was away.
func (d *deploys) keep(ctx context.Context) {
	ctx = withRelief(WithActor(ctx, d.c.systemActor()), true)
	var searched time.Time // the other control plane may die for good at any time
	for {
		if d.c.now().Sub(searched) >= settleIdle && d.findStrays() {
			searched = d.c.now()
		}
		d.settleLeft(ctx)
		pause := settleIdle
		if d.open() || searched.IsZero() {
			pause = settleEvery
		}
		if !rest(ctx, pause, d.bell) {
			return
		}
	}
}

// open tells whether something is left.
func (d *deploys) open() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.left) > 0
}

// findStrays notes services with containers that a deployment made beside the service's own. One that is under way holds the lock,
// so that it is left alone: should it die, the next look finds what it left. It is false while the engine does not answer.
func (d *deploys) findStrays() (looked bool) {
	if d.c.ship.Maker == nil || d.c.ship.Locks == nil {
		return true
	}
	list, known := d.c.services.listedLast()
	if !known {
		return false
	}
	for _, c := range list {
		base, mark := cutMark(c.Name)
		service := c.Labels[labelService]
		stray := (mark == markNew || mark == markWas) && validName(service) && c.Labels[labelProject] == d.c.cfg.Project
		if stray && service != d.c.charter.Name && d.c.ship.Locks.Holder(service) == "" {
			d.leaveBehind(service, base, "")
		}
	}
	return true
}

// settleLeft tries to settle everything that is left, once, some services at a time.
func (d *deploys) settleLeft(ctx context.Context) {
	d.mu.Lock()
	list := make([]leftover, 0, len(d.left))
	for _, name := range slices.Sorted(maps.Keys(d.left)) {
		list = append(list, *d.left[name])
	}
	d.mu.Unlock()
	eachOf(list, inspectors, func(l leftover) { d.settleOne(ctx, l) })
}

// settleOne settles one service under its lock. While that cannot be done its records are decided all the same when the time is
// over, with what is known.
func (d *deploys) settleOne(ctx context.Context, l leftover) {
	err := d.settleLocked(ctx, l)
	if err == nil || ctx.Err() != nil {
		return
	}
	d.c.log.Warn("an interrupted deployment is not settled yet", "service", l.service, "err", err)
	if len(l.rows) > 0 && d.c.now().Sub(l.since) >= settleLimit {
		d.decide(ctx, l.name, nil, "Which version serves is not known: "+MessageOf(err)+" It is settled as soon as that can be done.")
	}
}

// settleLocked takes the lock, settles, decides and gives the lock back.
func (d *deploys) settleLocked(ctx context.Context, l leftover) (err error) {
	if d.c.ship.Maker == nil || d.c.ship.Locks == nil {
		d.decide(ctx, l.name, nil, "Which version serves is not known: this control plane has no engine to settle it with.")
		d.forget(l.name)
		return nil
	}
	unlock, err := d.c.ship.Locks.Lock(l.service, d.c.lockNote(ctx, "settling "+l.service+" after an interruption"))
	if err != nil {
		return err
	}
	defer func() {
		if unlockErr := unlock(); err == nil {
			err = unlockErr
		}
	}()
	now, err := d.c.settle(ctx, l.service, l.name)
	if err != nil {
		return err
	}
	d.closeRows(ctx, l.name, now)
	return nil
}

// closeRows decides the records that were open because of a service which is settled now.
func (d *deploys) closeRows(ctx context.Context, name string, now settling) {
	if d.decide(ctx, name, now.serves, "") {
		d.forget(name)
	}
}

// forget takes a service off the list of what is left.
func (d *deploys) forget(name string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.left, name)
}

// decide ends the records of deployments that were interrupted. unknown says why nobody knows which version serves; else it is the
// container's own label that tells. It is false when the journal could not take it.
func (d *deploys) decide(ctx context.Context, name string, serves *ContainerDetail, unknown string) bool {
	d.mu.Lock()
	var rows []string
	if l := d.left[name]; l != nil {
		rows = slices.Clone(l.rows)
	}
	late := maps.Clone(d.unsaved)
	d.mu.Unlock()
	for _, id := range rows {
		if late[id] != nil {
			return false // its end is not on record yet
		}
		row, _, ok := get[Deployment](d.c.state, deploymentsTable, id)
		if ok && unknown != "" && row.State != DeployRunning {
			continue // it says already that it is not settled
		}
		if ok && row.isUnsettled() {
			end := d.decideRow(&row, serves, unknown)
			if err := d.c.commit(ctx, append(d.decided(ctx, row), end...)...); err != nil {
				d.c.log.Error("the end of an interrupted deployment is not on record yet", "deployment", id, "err", err)
				return false
			}
			d.complete(ctx, row)
		}
		d.mu.Lock()
		if l := d.left[name]; l != nil {
			l.rows = slices.DeleteFunc(l.rows, func(other string) bool { return other == id })
		}
		d.mu.Unlock()
	}
	return true
}

// complete does for a deployment that had taken over what its last step would have done for people: the service's folder, and the tag
// that the file in it names. What cannot be done is done by the next deployment.
func (d *deploys) complete(ctx context.Context, row Deployment) {
	release, ok := rowOf[Release](d.c, releasesTable, row.To)
	if row.State != DeployDone || !ok {
		return
	}
	env, _, err := d.c.envOf(release)
	if err == nil {
		err = d.c.writeFolder(ctx, release.Definition, env)
	}
	if release.Definition.Source != nil {
		err = errors.Join(err, d.c.ship.Images.TagImage(ctx, release.Image, CurrentImage(row.Service)))
	}
	if err != nil {
		d.c.log.Warn("the service's folder is not up to date", "service", row.Service, "err", err)
	}
}

// decideRow says how an interrupted deployment ended, and gives what the audit has to know of it.
func (d *deploys) decideRow(row *Deployment, serves *ContainerDetail, unknown string) []edit {
	if row.State != DeployRunning {
		d.decideFailed(row, serves)
		return d.c.endEvent(*row, deploySettleOp, OutcomeOK, "")
	}
	d.decideRunning(row, serves, unknown)
	return d.c.endEvent(*row, deployEndOp, endOutcome(row.State, nil), "")
}

// decideRunning completes the record of a deployment that ran when its control plane ended.
func (d *deploys) decideRunning(row *Deployment, serves *ContainerDetail, unknown string) {
	now := d.c.now().UTC()
	during := "before its first step"
	for i := range row.Steps {
		if s := &row.Steps[i]; s.State == "running" {
			s.State, s.Detail, s.Took = "failed", "the control plane ended", now.Sub(s.At)
		}
		during = "in the step " + row.Steps[i].Name
	}
	text := "The control plane ended " + during + ". "
	row.State = DeployInterrupted
	switch {
	case unknown != "":
		text += unknown
	case serves == nil:
		text += "No container of the service is left: nothing served before."
	case serves.Labels[labelDeployment] == row.ID:
		row.State = DeployDone
		text += "The new version had taken over: container " + serves.Short() + " serves."
	case serves.ID == row.Old:
		text += "The old version serves: container " + serves.Short() + "."
	default:
		text += "Neither its old nor its new container is there; container " + serves.Short() + " serves."
	}
	row.Ended, row.Result = now, text
	row.Took = now.Sub(row.Started)
}

// decideFailed completes the record of a deployment that could not be taken back while the engine was away.
func (d *deploys) decideFailed(row *Deployment, serves *ContainerDetail) {
	switch {
	case serves != nil && serves.Labels[labelDeployment] == row.ID:
		row.State = DeployDone
		row.Result = cutLine("It was given up, and then the new version was found to serve: container " + serves.Short() + " was kept. Why it was given up: " + row.Result)
	case serves != nil:
		row.Result = cutLine(row.Result + " By now it is settled: container " + serves.Short() + " serves.")
	}
	row.Settled = true
}

// decided are the rows of a decided deployment: its release counts when it has taken over.
func (d *deploys) decided(ctx context.Context, row Deployment) []edit {
	edits := []edit{{deploymentsTable, row.ID, row}}
	release, _, ok := get[Release](d.c.state, releasesTable, row.To)
	switch {
	case !ok || row.To == "" || row.isUnsettled():
	case row.State == DeployDone:
		if err := d.c.ship.Images.TagImage(ctx, release.Image, release.Tag); err != nil {
			d.c.log.Warn("the image of a release is not kept by a tag", "release", release.ID, "err", err)
		}
		release.At = row.Ended
		edits = append(edits, edit{releasesTable, release.ID, release})
	default:
		edits = append(edits, edit{releasesTable, release.ID, nil})
	}
	return edits
}
