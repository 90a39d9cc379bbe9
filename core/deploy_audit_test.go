package core_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/codematrx/matrx-ship/core"
)

// ends are the audit's events that say how a deployment ended.
func (r *deployRig) ends(deployment string) []core.AuditEvent {
	r.t.Helper()
	return r.eventsOf("deployment.end", deployment)
}

// eventsOf are the audit's events of an operation that belong to a deployment.
func (r *deployRig) eventsOf(op, deployment string) []core.AuditEvent {
	r.t.Helper()
	events, err := core.ListAudit.Run(r.as(core.RoleViewer), r.core, core.ListAuditIn{Op: op, Limit: 1000})
	if err != nil {
		r.t.Fatal(err)
	}
	var found []core.AuditEvent
	for _, e := range events {
		if field(string(e.Input), "deployment") == deployment {
			found = append(found, e)
		}
	}
	return found
}

// end is the one event of a deployment's end, with what all of them have in common checked.
func (r *deployRig) end(d core.Deployment) core.AuditEvent {
	r.t.Helper()
	found := r.ends(d.ID)
	if len(found) != 1 {
		r.t.Fatalf("the audit has %d ends of the deployment: %+v", len(found), found)
	}
	e := found[0]
	if e.Target != "web" || e.Actor != d.By || e.Took.Milliseconds() != d.Took.Milliseconds() || !strings.Contains(e.Message, d.Result) {
		r.t.Errorf("the event %+v, the record %+v", e, d)
	}
	return e
}

func TestTheAuditSaysHowADeploymentEndedAndWhatItWentFromAndTo(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newDeployRig(t, nil)
		two := r.push("version 2", "v2")
		first := r.deploy(core.DeployIn{})
		if e := r.end(first); e.Outcome != core.OutcomeOK || !strings.HasPrefix(e.Message, "Deploy from image ") || !strings.Contains(e.Message, " to commit "+two.Short()+": web runs ") {
			t.Errorf("done: %s %q", e.Outcome, e.Message)
		}
		three := r.push("version 3", "sick")
		failed := r.deploy(core.DeployIn{})
		want := "Deploy from commit " + two.Short() + " to commit " + three.Short() + ": "
		if e := r.end(failed); e.Outcome != string(core.CodeConflict) || !strings.HasPrefix(e.Message, want) || !strings.Contains(e.Message, "HTTP 503") {
			t.Errorf("failed: %s %q", e.Outcome, e.Message)
		}
		back := r.rollback("")
		if e := r.end(back); e.Outcome != core.OutcomeOK || !strings.HasPrefix(e.Message, "Rollback from commit "+two.Short()+" to image ") {
			t.Errorf("rolled back: %s %q", e.Outcome, e.Message)
		}
		for _, line := range r.audited() {
			if strings.HasSuffix(line, " -") {
				t.Errorf("without an outcome: %s", line)
			}
		}
	})
}

func TestTheAuditSaysThatADeploymentWasCancelledAndByWhomItWasBegun(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newDeployRig(t, nil)
		r.push("version 2", "v2")
		answer := make(chan error, 1)
		r.at(core.StepHealth, func() {
			id := r.deployments()[0].ID
			go func() {
				_, err := core.CancelDeployment.Run(r.as(core.RoleAdmin), r.core, core.DeploymentIn{Deployment: id})
				answer <- err
			}()
			synctest.Wait()
		})
		d := r.deploy(core.DeployIn{})
		if err := <-answer; err != nil {
			t.Error(err)
		}
		if e := r.end(d); e.Outcome != string(core.CodeCanceled) || e.Actor.Role != core.RoleOperator {
			t.Errorf("%s by %+v: %q", e.Outcome, e.Actor, e.Message)
		}
	})
}

func TestTheEndThatAFullDiskCouldNotTakeIsInTheAuditOnceWhenItCan(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newDeployRig(t, nil)
		r.push("version 2", "v2")
		r.at(core.StepObserve, func() { r.journal.Break("no space left on device", false) })
		d := r.deploy(core.DeployIn{})
		if d.State != core.DeployDone || len(r.ends(d.ID)) != 0 {
			t.Fatalf("%s: %d ends", d.State, len(r.ends(d.ID)))
		}
		r.journal.Break("", false)
		r.wait(time.Minute, "the end is in the audit", func() bool { return len(r.ends(d.ID)) == 1 })
		if e := r.end(d); e.Outcome != core.OutcomeOK {
			t.Errorf("%s %q", e.Outcome, e.Message)
		}
	})
}

func TestAnInterruptedDeploymentEndsInTheAuditWhenItIsSettled(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newDeployRig(t, nil)
		r.push("version 2", "v2")
		g := r.gate
		died := make(chan struct{})
		g.mu.Lock()
		g.died = died
		g.mu.Unlock()
		r.at(core.StepHealth, func() { g.mu.Lock(); g.dieAt = g.calls + 1; g.mu.Unlock() })
		_, err := core.Deploy.Run(r.as(core.RoleOperator), r.core, core.DeployIn{ServiceIn: core.ServiceIn{Service: "web"}})
		if err != nil && !strings.Contains(err.Error(), "dead") { // it may die before the outcome of the beginning is on record
			t.Fatal(err)
		}
		<-died
		r.restart(0)
		r.wait(decideWithin, "it is decided", func() bool { return r.deployments()[0].State != core.DeployRunning })
		d := r.deployments()[0]
		if e := r.end(d); e.Outcome != core.OutcomeInterrupted || d.State != core.DeployInterrupted || e.Actor.Kind != core.ActorPerson {
			t.Errorf("%s by %+v, the record says %s: %q", e.Outcome, e.Actor, d.State, e.Message)
		}
	})
}
