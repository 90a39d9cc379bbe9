package core_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/codematrx/matrx-ship/core"
	"github.com/codematrx/matrx-ship/core/coretest"
)

// web is the input that names the service of these tests.
func webIn() core.ServiceIn { return core.ServiceIn{Service: "web"} }

// begin starts a deployment and gives its record as soon as there is one.
func (r *deployRig) begin() core.Deployment {
	r.t.Helper()
	job, err := core.Deploy.Run(r.as(core.RoleOperator), r.core, core.DeployIn{ServiceIn: webIn()})
	if err != nil {
		r.t.Fatal(err)
	}
	return r.deploymentOf(job)
}

func TestADeploymentIsCancelledUntilTheRouteIsSwitchedAndNotLater(t *testing.T) {
	for _, tc := range []struct {
		step string
		late bool
	}{
		{core.StepSource, false}, {core.StepBuild, false}, {core.StepTest, false}, {core.StepCandidate, false}, {core.StepHealth, false},
		{core.StepSwitch, true}, {core.StepDrain, true}, {core.StepStop, true}, {core.StepObserve, true},
	} {
		t.Run(tc.step, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				r := newDeployRig(t, nil)
				r.push("version 2", "v2")
				answer := make(chan error, 1)
				r.at(tc.step, func() {
					id := r.deployments()[0].ID
					go func() {
						_, err := core.CancelDeployment.Run(r.as(core.RoleOperator), r.core, core.DeploymentIn{Deployment: id})
						answer <- err
					}()
					synctest.Wait()
				})
				d := r.begin()
				err := <-answer
				r.wait(time.Minute, "it ends", func() bool { d = r.deployments()[0]; return d.State != core.DeployRunning })
				switch {
				case tc.late && (core.CodeOf(err) != core.CodeConflict || d.State != core.DeployDone || r.one().Command[0] != "v2"):
					t.Errorf("%v: %s %s", err, d.State, d.Result)
				case !tc.late && err != nil:
					t.Error(err)
				case !tc.late:
					r.oldServes(d, core.DeployCanceled, "Cancelled. ")
				}
			})
		})
	}
}

func TestAServiceIsDeployedOnceAtATimeThroughAnyDoorAndPlane(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newDeployRig(t, nil)
		other := *r
		other.planeRig = &planeRig{t: t, engine: r.engine, journal: coretest.NewJournal(), prober: r.prober, collect: &collected{}, logs: &quietLogs{}, proxy: r.proxy, root: r.root}
		other.plane, other.gate = core.DeployCharter(), &gate{}
		other.define(r.def)
		other.open()
		r.push("version 2", "SLEEP 30s\nFROM scratch\nCMD [\"v2\"]")
		first := r.begin()
		for name, try := range map[string]func() error{
			"the same plane": func() error {
				_, err := core.Deploy.Run(r.as(core.RoleOperator), r.core, core.DeployIn{ServiceIn: webIn()})
				return err
			},
			"the other plane": func() error {
				_, err := core.Deploy.Run(other.as(core.RoleOperator), other.core, core.DeployIn{ServiceIn: webIn()})
				return err
			},
		} {
			if err := try(); core.CodeOf(err) != core.CodeConflict || !strings.Contains(err.Error(), "deploy of web by ann over ssh, on the Server Manager") {
				t.Errorf("%s: %v", name, err)
			}
		}
		plan, err := core.PlanDeploy.Run(other.as(core.RoleViewer), other.core, core.DeployIn{ServiceIn: webIn()})
		if err != nil || !strings.Contains(plan.Held, "by ann") {
			t.Errorf("%+v, %v", plan, err)
		}
		var states []core.DeployState
		for d, err := range core.FollowDeployment.Run(r.as(core.RoleViewer), r.core, core.DeploymentIn{Deployment: first.ID}) {
			if err != nil {
				t.Fatal(err)
			}
			states = append(states, d.State)
		}
		if n := len(states); n < 10 || states[n-1] != core.DeployDone || states[0] != core.DeployRunning {
			t.Errorf("followed %v", states)
		}
		r.rollBackBesides(t, &other)
	})
}

// rollBackBesides sees that no deployment begins while a rollback runs.
func (r *deployRig) rollBackBesides(t *testing.T, other *deployRig) {
	t.Helper()
	job, err := core.Rollback.Run(r.as(core.RoleOperator), r.core, core.RollbackIn{ServiceIn: webIn()})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := core.Deploy.Run(other.as(core.RoleOperator), other.core, core.DeployIn{ServiceIn: webIn()}); core.CodeOf(err) != core.CodeConflict || !strings.Contains(err.Error(), "rollback of web") {
		t.Errorf("beside a rollback: %v", err)
	}
	if d := r.ended(job); d.State != core.DeployDone || r.one().Command[0] != "v1" {
		t.Errorf("%+v", d)
	}
}

func TestARollbackBringsBackImageDefinitionAndEnvTogether(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newDeployRig(t, nil)
		r.setEnv("TOKEN", "one")
		r.push("version 2", "v2")
		if d := r.deploy(core.DeployIn{}); d.State != core.DeployDone || d.Env != 1 {
			t.Fatalf("%+v", d)
		}
		before := r.one()
		spec, _ := r.engine.Spec(before.ID)
		r.setEnv("TOKEN", "two")
		changed := r.def
		changed.Memory, changed.Env = 256<<20, map[string]string{"MODE": "debug"}
		r.redefine(changed)
		r.push("version 3", "v3")
		if d := r.deploy(core.DeployIn{}); d.State != core.DeployDone || d.Env != 2 {
			t.Fatalf("%+v", d)
		}
		if now, _ := r.engine.Spec(r.one().ID); now.Env["TOKEN"] != "two" || now.Env["MODE"] != "debug" || r.one().MemoryLimit != 256<<20 {
			t.Errorf("%+v", now)
		}
		views := r.releases()
		if len(views) != 3 || !views[0].Running || views[1].Running || len(views[1].Diff) < 4 || !views[1].ImageHere || !views[1].EnvHere {
			t.Fatalf("%+v", views)
		}
		d := r.rollback("")
		now := r.one()
		again, _ := r.engine.Spec(now.ID)
		if d.Kind != "rollback" || d.State != core.DeployDone || now.ImageID != before.ImageID || now.MemoryLimit != before.MemoryLimit ||
			again.Env["TOKEN"] != "one" || again.Env["MODE"] != "production" || len(again.Env) != len(spec.Env) {
			t.Errorf("%s %s: %+v", d.State, d.Result, again)
		}
		for _, label := range []string{"com.matrx.commit", "com.matrx.env", "com.matrx.definition", "com.matrx.build"} {
			if now.Labels[label] != before.Labels[label] {
				t.Errorf("%s is %q and was %q", label, now.Labels[label], before.Labels[label])
			}
		}
		if d := r.rollback(views[2].ID); d.State != core.DeployDone || r.one().Command[0] != "v1" || r.one().Labels["com.matrx.env"] == "2" {
			t.Errorf("to what no deployment had made: %s %s", d.State, d.Result)
		}
	})
}

// setEnv changes one variable of the service.
func (r *deployRig) setEnv(name, value string) {
	r.t.Helper()
	if _, err := core.SetEnv.Run(r.as(core.RoleOperator), r.core, core.SetEnvIn{ServiceIn: webIn(), Set: map[string]core.Secret{name: core.Secret(value)}}); err != nil {
		r.t.Fatal(err)
	}
}

// redefine changes the definition of a plane that is open.
func (r *deployRig) redefine(d core.Definition) {
	r.t.Helper()
	if err := r.core.Close(); err != nil {
		r.t.Fatal(err)
	}
	r.define(d)
	r.open()
}

func TestAnEnvThatIsGoneOrCannotBeReadStopsADeployment(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newDeployRig(t, nil)
		r.setEnv("TOKEN", "one")
		r.push("version 2", "v2")
		if d := r.deploy(core.DeployIn{}); d.State != core.DeployDone {
			t.Fatalf("%+v", d)
		}
		if _, err := core.SetEnv.Run(r.as(core.RoleOperator), r.core, core.SetEnvIn{ServiceIn: webIn(), Remove: []string{"TOKEN"}}); err != nil {
			t.Fatal(err)
		}
		try := func() error {
			_, err := core.Deploy.Run(r.as(core.RoleOperator), r.core, core.DeployIn{ServiceIn: webIn()})
			return err
		}
		if err := try(); core.CodeOf(err) != core.CodeConflict || !strings.Contains(err.Error(), "is empty") || !strings.Contains(err.Error(), "TOKEN") {
			t.Errorf("%v", err)
		}
		if plan, err := core.PlanDeploy.Run(r.as(core.RoleViewer), r.core, core.DeployIn{ServiceIn: webIn()}); err != nil || len(plan.Blocked) != 1 {
			t.Errorf("%+v, %v", plan, err)
		}
		right := r.ship.Sealer
		r.ship.Sealer = coretest.NewSealer("other-key")
		r.redefine(r.def)
		if err := try(); core.CodeOf(err) != core.CodeForbidden || !strings.Contains(err.Error(), "cannot be read, so nothing was done") {
			t.Errorf("%v", err)
		}
		if len(r.deployments()) != 1 || r.one().Command[0] != "v2" {
			t.Error("something was deployed")
		}
		r.ship.Sealer = right
		r.redefine(r.def)
		if d := r.deploy(core.DeployIn{EnvGone: true}); d.State != core.DeployDone {
			t.Errorf("with the choice that it may be gone: %s %s", d.State, d.Result)
		}
	})
}

func TestAControlPlaneDoesNotDeployItself(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newDeployRig(t, nil)
		_, err := core.Deploy.Run(r.as(core.RoleOperator), r.core, core.DeployIn{ServiceIn: core.ServiceIn{Service: core.ManagerName}})
		if core.CodeOf(err) != core.CodeConflict || !strings.Contains(err.Error(), "The Deploy Server can: ") {
			t.Errorf("%v", err)
		}
		if got := r.audited(); len(got) != 1 || got[0] != "deployment.start matrx-manager conflict" {
			t.Errorf("%q", got)
		}
	})
}

func TestImagesThatAReleaseInReachNeedsAreKeptAndOthersGo(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newDeployRig(t, func(r *deployRig) { r.def.Keep = 3 })
		for _, version := range []string{"v2", "v3", "v4", "v5", "v6"} {
			r.push(version, version)
			if d := r.deploy(core.DeployIn{}); d.State != core.DeployDone {
				t.Fatalf("%+v", d)
			}
		}
		here := 0
		for i, v := range r.releases() {
			if v.ImageHere {
				here++
			}
			if i < 3 && !v.ImageHere || i >= 3 && i < 5 && v.ImageHere {
				t.Errorf("release %d of %s: image here: %v", i, v.Commit.Subject, v.ImageHere)
			}
		}
		r.engine.Fail("Images", core.Errorf(core.CodeUnavailable, "No answer."))
		for _, v := range r.releases() {
			if v.ImageHere || v.ImageGone || !strings.Contains(v.Note, "not known: No answer.") {
				t.Errorf("while the engine does not answer: here %v, gone %v, %q", v.ImageHere, v.ImageGone, v.Note)
			}
		}
		r.engine.Fail("Images", nil)
		old := r.releases()[4]
		if !old.ImageGone {
			t.Errorf("%+v", old)
		}
		job, err := core.Rollback.Run(r.as(core.RoleOperator), r.core, core.RollbackIn{ServiceIn: webIn(), Release: old.ID})
		if err != nil {
			t.Fatal(err)
		}
		if d := r.ended(job); d.State != core.DeployFailed || !strings.Contains(d.Result, "no longer on the engine. Deploy its commit instead") {
			t.Errorf("%s %s", d.State, d.Result)
		}
		if d := r.rollback(r.releases()[2].ID); d.State != core.DeployDone || r.one().Command[0] != "v4" {
			t.Errorf("%s %s", d.State, d.Result)
		}
	})
}

func TestTheCandidateOfADeploymentNeverStandsForItsService(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newDeployRig(t, nil)
		r.become("web", core.Healthy, 10*time.Second)
		r.push("version 2", "sick")
		var seen core.Service
		r.at(core.StepHealth, func() { // the candidate runs
			r.wait(time.Second, "both are listed", func() bool { seen = r.service("web"); return len(seen.Others) == 1 })
		})
		r.deploy(core.DeployIn{})
		if seen.Container != "web" || !strings.HasPrefix(seen.Others[0], "web.new-") {
			t.Errorf("%+v", seen)
		}
		for _, f := range r.snapshot().Faults {
			if strings.Contains(f.What, "more than once") {
				t.Errorf("%+v", f)
			}
		}
	})
}

func TestSettlingTwiceDoesNothingTheSecondTime(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newDeployRig(t, nil)
		r.push("version 2", "v2")
		r.deploy(core.DeployIn{})
		before := r.one()
		for range 3 {
			r.restart(0)
			r.wait(time.Minute, "nothing is open", func() bool { return r.ship.Locks.Holder("web") == "" })
		}
		if now := r.one(); now.ID != before.ID {
			t.Errorf("%s became %s", before.ID, now.ID)
		}
		if calls := r.engine.Calls("RenameContainer"); calls != 2 {
			t.Errorf("%d renames", calls)
		}
	})
}
