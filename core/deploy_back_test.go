package core_test

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/codematrx/matrx-ship/core"
	"github.com/codematrx/matrx-ship/core/coretest"
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

func TestWhatTheOtherPlaneLeftWhenItDiedForGoodIsSettledByTheOneThatLives(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newDeployRig(t, nil)
		other := *r
		other.planeRig = &planeRig{t: t, engine: r.engine, journal: coretest.NewJournal(), prober: r.prober, collect: &collected{}, logs: &quietLogs{}, proxy: r.proxy, root: r.root}
		other.plane, other.gate = core.DeployCharter(), &gate{}
		other.define(r.def)
		other.open()
		other.wait(5*time.Second, "it has looked once", func() bool { return other.ship.Locks.Holder("web") == "" })
		died := make(chan struct{})
		r.gate.witness = func(call string) {
			r.gate.mu.Lock()
			defer r.gate.mu.Unlock()
			if call == "RenameContainer" && !r.gate.dead {
				r.gate.dead = true
				close(died)
			}
		}
		r.push("version 2", "v2")
		r.begin()
		<-died
		_ = r.core.Close()
		r.ship.Locks.Drop()
		if n := len(other.containers()); n < 2 {
			t.Fatalf("%d containers: nothing was left to settle", n)
		}
		other.wait(3*time.Minute, "one container is left", func() bool { return len(other.containers()) == 1 })
		other.one()
	})
}

func TestATagThatCannotBeSetKeepsNobodyFromTheFolder(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newDeployRig(t, nil)
		r.setEnv("TOKEN", "one")
		r.push("version 2", "v2")
		r.at(core.StepKeep, func() { r.engine.Fail("TagImage", core.Errorf(core.CodeUnavailable, "no")) })
		if d := r.deploy(core.DeployIn{}); d.State != core.DeployDone {
			t.Fatalf("%s %s", d.State, d.Result)
		}
		if text, err := r.ship.Folders.ReadFile("projects/web/.env"); err != nil || !strings.Contains(string(text), "TOKEN=one") {
			t.Errorf("%q, %v", text, err)
		}
	})
}

func TestAVersionThatTookOverAsItsPlaneDiedHasItsFolderWrittenAtTheNextStart(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newDeployRig(t, nil)
		r.setEnv("TOKEN", "one")
		r.push("version 2", "v2")
		r.gate.witness = func(string) {}
		died := make(chan struct{})
		r.at(core.StepKeep, func() {
			r.gate.mu.Lock()
			defer r.gate.mu.Unlock()
			r.gate.dead = true
			close(died)
		})
		r.begin()
		<-died
		_ = r.core.Close()
		if err := r.ship.Folders.Remove("projects/web/.env"); err != nil { // the fake has no gate
			t.Fatal(err)
		}
		r.gate.witness = nil
		r.restart(0)
		r.wait(time.Minute, "it is decided", func() bool { return r.deployments()[0].State == core.DeployDone })
		r.wait(time.Minute, "the folder is written", func() bool {
			text, err := r.ship.Folders.ReadFile("projects/web/.env")
			return err == nil && strings.Contains(string(text), "TOKEN=one")
		})
	})
}
