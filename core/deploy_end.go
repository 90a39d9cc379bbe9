package core

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// conclude takes a failed deployment back, and records how it ended. When the control plane ends in the middle of taking over
// nothing is recorded: the next start decides from what the engine shows then.
func (r *deployRun) conclude(ctx context.Context, err error) error {
	c := r.c
	defer r.stopAsking()
	ending := c.jobs.ctx.Err() != nil
	if err != nil && ending && r.isLate() {
		return err
	}
	own, cancel := context.WithTimeout(context.WithoutCancel(ctx), returnWait)
	defer cancel()
	state := DeployDone
	if err != nil {
		state = r.failedState(ending)
		r.takeBack(own)
		r.stopAsking()
	}
	result := r.words(state, err)
	r.update(func(row *Deployment) {
		row.State, row.Ended, row.Result = state, c.now().UTC(), result
		row.Took = row.Ended.Sub(row.Started)
	})
	end := c.endEvent(r.snapshot(), deployEndOp, endOutcome(state, err), RequestFrom(ctx))
	if saveErr := c.deploys.save(own, r.id, append(r.lastEdits(state), end...)...); saveErr != nil {
		c.log.Error("the end of a deployment is not on record yet", "deployment", r.id, "err", saveErr)
	}
	if row := r.snapshot(); row.isUnsettled() {
		c.deploys.leaveBehind(row.Service, r.name, row.ID) // not before its end is on record: settling completes that
	}
	if err == nil {
		r.j.result(result)
		return nil
	}
	if CodeOf(err) == CodeInternal {
		c.log.Error("deployment failed", "deployment", r.id, "service", r.row.Service, "err", err)
	}
	return Errorf(codeOfFailure(err), "%s", result)
}

// codeOfFailure is the code of the job: what failed was explained and logged here.
func codeOfFailure(err error) Code {
	if code := CodeOf(err); code != CodeInternal {
		return code
	}
	return CodeConflict
}

// failedState tells a cancellation from a failure.
func (r *deployRun) failedState(ending bool) DeployState {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case !r.late && ending:
		return DeployInterrupted
	case !r.late && (r.asked || r.j.wasAsked()):
		return DeployCanceled
	}
	return DeployFailed
}

// wasAsked tells whether somebody cancelled the job.
func (j *jobRun) wasAsked() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.asked
}

// takeBack puts the old version back, and says in the record how that went. What an engine that is away keeps from being done
// is settled when it answers again.
func (r *deployRun) takeBack(ctx context.Context) {
	if !r.touched() {
		return
	}
	began := r.beginStep(StepReturn)
	if err := r.c.commit(ctx, r.edits()...); err != nil {
		r.c.log.Warn("the return to the old version is not on record yet", "deployment", r.id, "err", err)
	}
	detail, err := r.giveBack(ctx)
	state := "done"
	if err != nil {
		state, detail = "failed", "It is tried again until it works: "+MessageOf(err)
	}
	r.endStep(began, state, detail)
}

// touched is true once the deployment has reached for the engine.
func (r *deployRun) touched() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.row.Steps {
		if s.Name == StepTest || s.Name == StepCandidate {
			return true
		}
	}
	return false
}

// words say how the deployment ended and which version serves.
func (r *deployRun) words(state DeployState, err error) string {
	row := r.snapshot()
	if state == DeployDone {
		text := fmt.Sprintf("%s runs %s.", row.Service, r.next.words())
		if row.Asked > 0 {
			text += fmt.Sprintf(" %d of %d requests lost.", row.Lost, row.Asked)
		}
		if row.Gap > 0 {
			text += fmt.Sprintf(" Nothing served for %s.", row.Gap.Round(time.Millisecond))
		}
		return text
	}
	why := MessageOf(err)
	switch state {
	case DeployCanceled:
		why = "Cancelled."
	case DeployInterrupted:
		why = "The control plane was stopped while it ran."
	}
	return cutLine(sentence(why) + " " + oldServes(row))
}

// sentence ends a text as one.
func sentence(text string) string {
	return strings.TrimRight(strings.TrimSpace(text), ".") + "."
}

// isUnsettled is true for a deployment whose way back is still open: which version serves is decided later.
func (row Deployment) isUnsettled() bool {
	n := len(row.Steps)
	return row.State == DeployRunning || n > 0 && row.Steps[n-1].Name == StepReturn && row.Steps[n-1].State == "failed" && !row.Settled
}

// oldServes says what became of the old version after a failure.
func oldServes(row Deployment) string {
	last := DeployStep{}
	if len(row.Steps) > 0 {
		last = row.Steps[len(row.Steps)-1]
	}
	switch {
	case last.Name == StepReturn && last.State == "failed":
		return "The old version could not be put back yet. " + last.Detail
	case last.Name == StepReturn && last.Detail != "":
		return last.Detail
	case row.Old == "":
		return "Nothing was changed."
	}
	return "The old version was not touched."
}

// lastEdits are the rows of a deployment that has ended, with what is too old of the history.
func (r *deployRun) lastEdits(state DeployState) []edit {
	edits := append(r.c.deploys.tooOld(r.row.Service), edit{deploymentsTable, r.id, r.snapshot()})
	switch {
	case r.next.ID == "":
	case state == DeployDone:
		r.next.At = r.c.now().UTC()
		edits = append(edits, edit{releasesTable, r.next.ID, r.next})
	case !r.snapshot().isUnsettled():
		edits = append(edits, edit{releasesTable, r.next.ID, nil})
	}
	return edits
}

// words are the release in short.
func (rel Release) words() string {
	switch {
	case rel.Commit.SHA != "":
		return "commit " + rel.Commit.Short()
	case rel.Image != "":
		return "image " + ShortID(rel.Image)
	}
	return "nothing"
}
