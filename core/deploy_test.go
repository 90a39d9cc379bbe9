package core_test

import (
	"testing"
	"time"

	"github.com/codematrx/matrx-ship/core"
)

func TestADeploymentBringsTheNewCommitAndLosesNothing(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newDeployRig(t, nil)
		old := r.one()
		commit := r.push("version 2", "v2")
		d := r.deploy(core.DeployIn{})
		if d.State != core.DeployDone || d.Lost != 0 || d.Asked < 10 || d.Commit.SHA != commit.SHA {
			t.Fatalf("%s %s\nlost %d of %d\n%s", d.State, d.Result, d.Lost, d.Asked, stepsOf(d))
		}
		want := "lock done, source done, build done, test image done, start candidate done, health check done, switch route done, see route done, drain done, rename done, stop old done, observe done, keep images done"
		if got := stepsOf(d); got != want {
			t.Errorf("steps: %s", got)
		}
		now := r.one()
		if now.ID == old.ID || now.Labels["com.matrx.commit"] != commit.SHA || now.Labels["com.matrx.deployment"] != d.ID || now.Command[0] != "v2" {
			t.Errorf("%+v", now)
		}
		if d.Took > 12*time.Second {
			t.Errorf("it took %s", d.Took)
		}
		if got := r.audited(); len(got) != 2 || got[0] != "deployment.start web ok" || got[1] != "deployment.end web ok" {
			t.Errorf("audited %q", got)
		}
	})
}

func TestTheSameImageAnEarlierBuildAndAnEarlierCommitAreDeployedWhenAskedFor(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newDeployRig(t, nil)
		two := r.push("version 2", "v2")
		first := r.deploy(core.DeployIn{})
		r.push("version 3", "v3")
		before := r.one()
		again := r.deploy(core.DeployIn{Same: true})
		if now := r.one(); again.State != core.DeployDone || now.ImageID != before.ImageID || now.ID == before.ID || again.Commit.SHA != two.SHA {
			t.Errorf("the same: %s %s", again.State, again.Result)
		}
		if d := r.deploy(core.DeployIn{}); d.State != core.DeployDone || r.one().Command[0] != "v3" {
			t.Errorf("the head: %s %s", d.State, d.Result)
		}
		if d := r.deploy(core.DeployIn{Build: first.Build}); d.State != core.DeployDone || r.one().ImageID != before.ImageID {
			t.Errorf("the build: %s %s", d.State, d.Result)
		}
		if d := r.deploy(core.DeployIn{Ref: two.SHA}); d.State != core.DeployDone || d.Commit.SHA != two.SHA || r.one().Command[0] != "v2" {
			t.Errorf("the commit: %s %s", d.State, d.Result)
		}
	})
}
