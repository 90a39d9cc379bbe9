package core_test

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/codematrx/matrx-ship/core"
)

func TestARollbackGoesPastReleasesThatAreEqualToTheRunningOne(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newDeployRig(t, nil)
		r.push("version 2", "v2")
		for _, in := range []core.DeployIn{{}, {Same: true}, {Same: true}} {
			if d := r.deploy(in); d.State != core.DeployDone {
				t.Fatalf("%s %s", d.State, d.Result)
			}
		}
		if d := r.rollback(""); d.State != core.DeployDone || r.one().Command[0] != "v1" {
			t.Errorf("%s %s: %v runs", d.State, d.Result, r.one().Command)
		}
	})
}

func TestARollbackToADomainThatAnotherServiceHasByNowIsRefused(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newDeployRig(t, nil)
		r.push("version 2", "v2")
		r.deploy(core.DeployIn{})
		moved := r.def
		route := *r.def.Route
		route.Domains = []core.Domain{"moved.example.com"}
		moved.Route = &route
		r.redefine(moved)
		r.deploy(core.DeployIn{})
		other := r.def
		other.Service, other.Container = "shop", "shop"
		r.redefine(other) // it has web.example.com from now on
		_, err := core.Rollback.Run(r.as(core.RoleOperator), r.core, core.RollbackIn{ServiceIn: webIn()})
		if core.CodeOf(err) != core.CodeConflict || !strings.Contains(err.Error(), "web.example.com is taken by shop") {
			t.Errorf("%v", err)
		}
	})
}

func TestImagesAreCountedAndNotReleasesWhenOldOnesAreRemoved(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newDeployRig(t, func(r *deployRig) { r.def.Keep = 2 })
		for i, in := range []core.DeployIn{{}, {}, {Same: true}, {Same: true}, {Same: true}} {
			if i < 2 {
				r.push("next", []string{"v2", "v3"}[i])
			}
			if d := r.deploy(in); d.State != core.DeployDone {
				t.Fatalf("%s %s", d.State, d.Result)
			}
		}
		if before := r.releases()[4]; !before.ImageHere {
			t.Errorf("the image of the version before is gone, because the running one was deployed again: %+v", before)
		}
	})
}

func TestADeploymentThatEndsInAPanicIsDecidedAndTheServiceServes(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newDeployRig(t, nil)
		r.push("version 2", "v2")
		var fell atomic.Bool
		r.gate.witness = func(call string) {
			if call == "CreateContainer" && fell.CompareAndSwap(false, true) {
				panic("a fault of ours")
			}
		}
		r.begin()
		r.wait(2*time.Minute, "it is decided", func() bool { return r.deployments()[0].State != core.DeployRunning })
		r.wait(2*time.Minute, "one container is left", func() bool { return len(r.containers()) == 1 })
		r.one()
	})
}
