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
		if got := r.audited(); len(got) != 1 || got[0] != "deployment.start web ok" {
			t.Errorf("audited %q", got)
		}
	})
}
