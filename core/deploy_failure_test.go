package core_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/codematrx/matrx-ship/core"
)

// oldServes sees that version 1 serves as if nothing had happened, and that the record says so.
func (r *deployRig) oldServes(d core.Deployment, state core.DeployState, says string) {
	r.t.Helper()
	if d.State != state || !strings.Contains(d.Result, says) {
		r.t.Errorf("%s: %s\n%s", d.State, d.Result, stepsOf(d))
	}
	if now := r.one(); now.Command[0] != "v1" {
		r.t.Errorf("%v runs", now.Command)
	}
}

func TestAFailedDeploymentLeavesTheOldVersionServing(t *testing.T) {
	engineSays := core.Errorf(core.CodeConflict, "The engine refuses.")
	for name, tc := range map[string]struct {
		dockerfile string
		prepare    func(r *deployRig)
		trouble    func(r *deployRig)
		says       string
		step       string // the last one that was tried
		lost       int
	}{
		"the source cannot be fetched": {trouble: func(r *deployRig) { r.ship.Git.Fail("Fetch", core.Errorf(core.CodeUnavailable, "No answer.")) }, says: "No answer. The old version was not touched.", step: core.StepSource},
		"the build fails":              {dockerfile: "FROM scratch\nFAIL no space", says: "no space", step: core.StepBuild},
		"another architecture":         {dockerfile: "FROM scratch\nARCH s390x", says: "is for s390x", step: core.StepBuild},
		"labels of Traefik":            {dockerfile: "FROM scratch\nLABEL traefik.enable=true", says: "has the label traefik.enable", step: core.StepBuild},
		"its own test fails":           {prepare: func(r *deployRig) { r.def.Test = []string{"exit", "7"} }, says: "ended with exit code 7", step: core.StepTest},
		"its own test hangs":           {prepare: func(r *deployRig) { r.def.Test = []string{"sleep"} }, says: "did not end within 2m0s", step: core.StepTest},
		"no candidate can be made":     {trouble: func(r *deployRig) { r.engine.Fail("CreateContainer", engineSays) }, says: "refuses. The old version serves", step: core.StepCandidate},
		"the candidate does not start": {trouble: func(r *deployRig) { r.engine.Fail("Start", engineSays) }, says: "refuses. The old version serves", step: core.StepCandidate},
		"never healthy":                {dockerfile: "sick", says: "within 20s. The last answer: HTTP 503 from /healthz", step: core.StepHealth},
		"ends at once":                 {dockerfile: "FROM scratch\nCMD [\"exit\", \"3\"]", says: "it exited with 3", step: core.StepHealth},
		"the switch cannot be written": {trouble: func(r *deployRig) {
			r.ship.Switch.Fail("Point", core.Errorf(core.CodeUnavailable, "The disk is full."))
		}, says: "The disk is full.", step: core.StepSwitch},
		"Traefik is down before": {trouble: func(r *deployRig) { r.proxy.err = engineSays }, says: "Traefik does not answer", step: core.StepCandidate},
		"renaming fails":         {trouble: func(r *deployRig) { r.failAfter(core.StepDrain, "RenameContainer", engineSays) }, says: "refuses. The old version serves: it was not stopped.", step: core.StepRename},
		"stopping fails":         {trouble: func(r *deployRig) { r.failAfter(core.StepRename, "Stop", engineSays) }, says: "refuses. The old version serves", step: core.StepStop},
		"Traefik goes down after the switch": {trouble: func(r *deployRig) {
			r.at(core.StepRoute, func() { r.proxy.err = engineSays })
			r.at(core.StepReturn, func() { r.proxy.err = nil })
		}, says: "The old version serves: it was not stopped.", step: core.StepRoute},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				r := newDeployRig(t, tc.prepare)
				if tc.dockerfile == "" {
					tc.dockerfile = "v2"
				}
				r.push("version 2", tc.dockerfile)
				if tc.trouble != nil {
					tc.trouble(r)
				}
				d := r.deploy(core.DeployIn{})
				r.proxy.err = nil
				r.oldServes(d, core.DeployFailed, tc.says)
				if failed := failedStep(d); failed != tc.step {
					t.Errorf("it failed in the step %q, not %q: %s", failed, tc.step, stepsOf(d))
				}
				if d.Lost != 0 {
					t.Errorf("%d of %d requests lost", d.Lost, d.Asked)
				}
				if again := r.retry(); again.State != core.DeployDone {
					t.Errorf("afterwards: %s %s", again.State, again.Result)
				}
			})
		})
	}
}

// retry deploys a good version once the trouble is over.
func (r *deployRig) retry() core.Deployment {
	r.t.Helper()
	for _, method := range []string{"CreateContainer", "Start", "RenameContainer", "Stop", "Remove"} {
		r.engine.Fail(method, nil)
	}
	r.ship.Git.Fail("Fetch", nil)
	r.ship.Switch.Fail("Point", nil)
	if len(r.def.Test) > 0 {
		return core.Deployment{State: core.DeployDone} // its test fails for ever
	}
	r.push("version 3", "v3")
	d := r.deploy(core.DeployIn{})
	if d.State == core.DeployDone && r.one().Command[0] != "v3" {
		r.t.Errorf("%+v", r.one().Command)
	}
	return d
}

// failedStep is the first step that failed.
func failedStep(d core.Deployment) string {
	for _, s := range d.Steps {
		if s.State == "failed" {
			return s.Name
		}
	}
	return ""
}

// at does something when a deployment has begun a step.
func (r *deployRig) at(step string, do func()) {
	r.t.Helper()
	var seen atomic.Bool
	before := r.gate.witness
	r.gate.mu.Lock()
	defer r.gate.mu.Unlock()
	r.gate.witness = func(call string) {
		if before != nil {
			before(call)
		}
		if call == "Append deployments" && r.recordedStep() == step && seen.CompareAndSwap(false, true) {
			do()
		}
	}
}

// failAfter makes a call of the engine fail once a step is over, until the way back is begun.
func (r *deployRig) failAfter(step, method string, err error) {
	r.at(step, func() { r.engine.Fail(method, err) })
	r.at(core.StepReturn, func() { r.engine.Fail(method, nil) })
}

func TestWhatAFailedCandidateSaidIsInTheRecord(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newDeployRig(t, nil)
		r.push("version 2", "FROM scratch\nCMD [\"say\", \"starting\", \"cannot reach the database\"]")
		r.prober.script(func(_ context.Context, target core.ProbeTarget) error { return fmt.Errorf("connection refused") })
		d := r.deploy(core.DeployIn{})
		r.prober.script(r.probe)
		r.oldServes(d, core.DeployFailed, "connection refused")
		if got := strings.Join(d.LastLog, "|"); got != "starting|cannot reach the database" {
			t.Errorf("log %q", got)
		}
		if len(d.Health) < 20 || !strings.Contains(d.Health[0], "s: connection refused") {
			t.Errorf("%d health lines: %.200q", len(d.Health), d.Health)
		}
	})
}

func TestAVersionThatDiesAfterItsHealthCheckIsTakenBack(t *testing.T) {
	for _, drain := range []time.Duration{0, 3 * time.Second} {
		inBubble(t, func(t *testing.T) {
			r := newDeployRig(t, func(r *deployRig) { r.def.Drain = drain })
			r.push("version 2", "v2")
			r.dieAfterSwitch()
			d := r.deploy(core.DeployIn{})
			r.oldServes(d, core.DeployFailed, "The old version")
			if !strings.Contains(stepsOf(d), "return to old done") {
				t.Errorf("%s", stepsOf(d))
			}
		})
	}
}

func TestWhatCannotRunTwiceComesBackWhenTheNewOneFails(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newDeployRig(t, func(r *deployRig) { r.def.StopFirst = true })
		r.push("version 2", "sick")
		d := r.deploy(core.DeployIn{})
		r.oldServes(d, core.DeployFailed, "The old version was started again and serves.")
		if d.Gap < 20*time.Second || d.Gap > 30*time.Second {
			t.Errorf("gap %s", d.Gap)
		}
		r.push("version 3", "v3")
		if d := r.deploy(core.DeployIn{}); d.State != core.DeployDone || d.Gap <= 0 || d.Gap > 3*time.Second {
			t.Errorf("%s %s, gap %s: %s", d.State, d.Result, d.Gap, stepsOf(d))
		}
	})
}

func TestAnEngineThatHangsInAnyStepEndsInOneVersionServing(t *testing.T) {
	steps := []string{core.StepLock, core.StepBuild, core.StepTest, core.StepCandidate, core.StepHealth, core.StepSwitch, core.StepRoute,
		core.StepDrain, core.StepRename, core.StepStop, core.StepObserve, core.StepKeep}
	for _, step := range steps {
		for _, how := range []string{"hangs for 20 s", "hangs for 3 m", "is down for 3 m"} {
			t.Run(step+" "+how, func(t *testing.T) {
				inBubble(t, func(t *testing.T) {
					r := newDeployRig(t, nil)
					r.push("version 2", "v2")
					r.at(step, func() { r.breakEngine(how) })
					d := r.deploy(core.DeployIn{})
					r.wait(5*time.Minute, "one version serves: "+d.Result, func() bool { return r.settledNow(killStory{}) })
					now := r.one()
					r.wait(10*time.Second, "the record says what runs", func() bool {
						d = r.deployments()[0]
						last := d.Steps[len(d.Steps)-1]
						open := last.Name == core.StepReturn && last.State == "failed" && !d.Settled // it is settled a moment after the engine is
						return !open && (now.Command[0] == "v2") == (d.State == core.DeployDone)
					})
					if settled := len(r.eventsOf("deployment.settle", d.ID)); (settled == 1) != d.Settled || len(r.ends(d.ID)) != 1 {
						t.Errorf("settled %v: the audit has %d settlings and %d ends", d.Settled, settled, len(r.ends(d.ID)))
					}
					r.wait(time.Minute, "its release is the running one", func() bool {
						return d.State != core.DeployDone || r.releases()[0].Running
					})
					r.push("version 3", "v3")
					r.wait(5*time.Minute, "nobody settles it any more", func() bool { return r.ship.Locks.Holder("web") == "" })
					if d := r.deploy(core.DeployIn{}); d.State != core.DeployDone {
						t.Errorf("afterwards: %s %s", d.State, d.Result)
					}
				})
			})
		}
	}
}

// breakEngine puts the engine into trouble for a while.
func (r *deployRig) breakEngine(how string) {
	_, text, _ := strings.Cut(how, " for ")
	long, err := time.ParseDuration(strings.ReplaceAll(text, " ", ""))
	if err != nil {
		r.t.Fatal(err)
	}
	set := func(on bool) { r.engine.SetHung(on) }
	if strings.HasPrefix(how, "is down") {
		set = func(on bool) {
			r.engine.SetDown(nil)
			if on {
				r.engine.SetDown(errProbe)
			}
		}
	}
	set(true)
	time.AfterFunc(long, func() { set(false) })
}

func TestTheLifelineDeploysAPlaneWithoutTraefik(t *testing.T) {
	for _, when := range []string{"before", core.StepSwitch, core.StepRoute, core.StepObserve} {
		t.Run(when, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				r := newDeployRig(t, func(r *deployRig) { r.def.Kind = core.KindManager; r.plane = core.DeployCharter() })
				r.push("version 2", "v2")
				down := func() { r.proxy.err = core.Errorf(core.CodeUnavailable, "Traefik's API cannot be reached.") }
				if when == "before" {
					down()
				} else {
					r.at(when, down)
				}
				d := r.deploy(core.DeployIn{})
				if d.State != core.DeployDone || r.one().Command[0] != "v2" {
					t.Errorf("%s %s: %s", d.State, d.Result, stepsOf(d))
				}
				if when != core.StepObserve && !strings.Contains(stepsOf(d), "see route skipped") {
					t.Errorf("%s", stepsOf(d))
				}
			})
		})
	}
}

func TestADiskThatIsFullInAnyStepDoesNotTakeTheServiceDown(t *testing.T) {
	for _, step := range []string{core.StepBuild, core.StepCandidate, core.StepHealth, core.StepSwitch, core.StepRename, core.StepObserve, core.StepKeep} {
		t.Run(step, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				r := newDeployRig(t, nil)
				r.push("version 2", "v2")
				r.at(step, func() { r.journal.Break("no space left on device", false) })
				d := r.deploy(core.DeployIn{})
				now := r.one()
				if (now.Command[0] == "v2") != (d.State == core.DeployDone) || d.State == core.DeployRunning {
					t.Errorf("%v runs, and the record says %s: %s", now.Command, d.State, d.Result)
				}
				r.journal.Break("", false)
				r.wait(time.Minute, "the end is on record", func() bool { return r.recordedStep() == "after the end" })
			})
		})
	}
}
