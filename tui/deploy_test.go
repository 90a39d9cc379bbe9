package tui

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/codematrx/matrx-ship/core"
)

// running is a deployment of ship-demo under way.
func running(states ...core.DeployStep) core.Deployment {
	return core.Deployment{
		ID: "d-22", Service: "ship-demo", Plane: "manager", Kind: "deploy", By: person("ana", core.RoleAdmin), Job: "j-9", State: core.DeployRunning, Started: epoch,
		FromSHA: commit(1, "").SHA, Commit: commit(4, "Answer 404 for what is gone"), Env: 4, Steps: states,
	}
}

func TestADeploymentIsPlannedConfirmedAndFollowedLive(t *testing.T) {
	inConsole(t, full(), func(c *console) {
		c.press("j", "D")
		c.shows("What changes", "memory: 128 MiB to 256 MiB", "builds an image")
		c.press("enter")
		c.golden()
		c.pass(time.Second)
		c.press("enter") // on Cancel
		if got := c.world.called("deployment.start"); len(got) != 0 {
			t.Fatalf("enter on Cancel deployed: %q", got)
		}
		c.press("enter")
		c.pass(time.Second)
		c.press("y")
		want := "deployment.start {ServiceIn:{Service:ship-demo} Ref:" + commit(4, "").SHA + " Build: Same:false Fresh:false EnvGone:false}"
		if got := c.world.called("deployment.start"); len(got) != 1 || got[0] != want {
			t.Fatalf("calls: %q, want the commit that was shown", got)
		}
		c.shows("The deployment of ship-demo begins")
		d := running(core.DeployStep{Name: core.StepLock, State: "done", Took: 20 * time.Millisecond}, core.DeployStep{Name: core.StepSource, State: "running", At: epoch.Add(2 * time.Second)})
		c.world.ship.deployments = append([]core.Deployment{d}, c.world.ship.deployments...)
		c.pass(time.Second)
		c.shows("Home › deployment of ship-demo", "◐ running", "no requests measured yet", "● lock", "◐ source", "· health check")
		d.Steps[1].State, d.Steps[1].Took = "done", 1200*time.Millisecond
		d.Steps = append(d.Steps, core.DeployStep{Name: core.StepSwitch, State: "running", At: epoch})
		d.Asked, d.Lost = 80, 1
		c.world.ship.live.emit(d)
		c.pass(time.Second)
		c.shows("✗ 1 of 80 requests lost", "● source", "1.2s", "◐ switch route")
		d.State, d.Result, d.Took, d.Lost = core.DeployDone, "Release r-13 runs and is healthy.", 9*time.Second, 0
		c.world.ship.live.emit(d)
		c.pass(time.Second)
		c.shows("● done", "Release r-13 runs and is healthy.", "● 0 of 80 requests lost")
		c.press("esc")
		c.shows("SERVICE", "ship-demo-db") // the plan gave way: what is below is where D was pressed
		if n := c.world.ship.live.readers(); n != 0 {
			t.Errorf("%d streams are open after the screen was left", n)
		}
	})
}

func TestADeployScreenGivesWayToTheDeploymentThatRuns(t *testing.T) {
	w := full()
	w.ship.deployments = append([]core.Deployment{running(core.DeployStep{Name: core.StepBuild, State: "running", At: epoch})}, w.ship.deployments...)
	inConsole(t, w, func(c *console) {
		c.press("j", "D")
		c.shows("Home › deployment of ship-demo", "◐ build")
		c.press("esc")
		c.shows("SERVICE", "ship-demo-db")
	})
}

func TestABlockedPlanSaysWhyAndBeginsNothing(t *testing.T) {
	w := full()
	w.ship.plan.Blocked = []string{"The env is empty where the last one was not."}
	w.ship.plan.Held, w.ship.plan.Stops = "deploy-server has the lock since 20 s: rollback by bo", true
	inConsole(t, w, func(c *console) {
		c.press("j", "D")
		c.shows("✗ refused The env is empty", "▲ locked deploy-server has the lock")
		c.press("enter")
		c.hides("Cancel ")
		c.shows("It would be refused: The env is empty")
		w.ship.plan.Blocked = nil
		c.press("z")
		c.shows("an empty env is allowed")
		c.press("enter")
		c.shows("nothing answers in between", "It goes on although the env is empty")
	})
}

func TestWhatIsDeployedIsChosenOnThePlan(t *testing.T) {
	last := func(c *console) string {
		calls := c.world.called("deployment.plan")
		return calls[len(calls)-1]
	}
	inConsole(t, full(), func(c *console) {
		c.press("j", "D", "i")
		if got := last(c); !strings.Contains(got, "Same:true") {
			t.Errorf("i asks for %s", got)
		}
		c.shows("the image that runs now, again")
		c.press("f")
		if got := last(c); !strings.Contains(got, "Same:false Fresh:true") {
			t.Errorf("f asks for %s", got)
		}
		c.press("e")
		c.types("v1.2")
		c.press("enter")
		if got := last(c); !strings.Contains(got, "Ref:v1.2") {
			t.Errorf("e asks for %s", got)
		}
		c.command("deploy ship-demo main")
		if got := last(c); !strings.Contains(got, "Ref:main") {
			t.Errorf(":deploy asks for %s", got)
		}
	})
}

func TestAFailedDeploymentShowsWhyAndItsLastLines(t *testing.T) {
	w := full()
	w.ship.live = ending(w.ship.deployments[0])
	inConsole(t, w, func(c *console) {
		c.press("H", "enter")
		c.golden()
		c.press("enter")
		c.shows("build b-13", "Step 40/40")
	})
}

func TestADeploymentWhoseJobFailsBeforeItsRecordSaysWhy(t *testing.T) {
	w := full()
	w.ship.job.State = core.JobRunning
	inConsole(t, w, func(c *console) {
		c.press("j", "D", "enter")
		c.pass(time.Second)
		failed := w.ship.job
		failed.State, failed.Result = core.JobFailed, "ship-demo is locked by deploy-server since 3 s."
		w.jobs = append([]core.Job{failed}, w.jobs...)
		c.press("y")
		c.pass(time.Second)
		c.shows("ship-demo is locked by deploy-server since 3 s.")
	})
}

func TestADeploymentWithoutARecordIsNotWaitedForForEver(t *testing.T) {
	inConsole(t, full(), func(c *console) {
		c.press("j", "D", "enter")
		c.pass(time.Second)
		c.press("y")
		c.pass(waitForDeployment + 2*time.Second)
		c.shows("Job j-9 has made no record")
		asked := len(c.world.called("deployment.list"))
		c.pass(time.Minute)
		if n := len(c.world.called("deployment.list")); n != asked {
			t.Errorf("it asked %d times more", n-asked)
		}
	})
}

func TestADeploymentIsCancelledWithItsTrueEffect(t *testing.T) {
	w := full()
	w.ship.deployments = append([]core.Deployment{running()}, w.ship.deployments...)
	inConsole(t, w, func(c *console) {
		c.press("H", "x")
		c.shows("Keep it", "the old version goes on", "begun by ana")
		c.pass(time.Second)
		c.press("y")
		if got := c.world.called("deployment.cancel"); len(got) != 1 || got[0] != "deployment.cancel {Deployment:d-22}" {
			t.Errorf("calls: %q", got)
		}
		c.press("j", "x")
		c.shows("That deployment does not run: failed.")
	})
}

func TestARollbackBeginsOnTheReleaseBeforeAndSaysWhatItDoesNotUndo(t *testing.T) {
	inConsole(t, full(), func(c *console) {
		c.press("j", "R")
		c.shows("▌◇     3d", "Going back to r-11", "SESSION_SECRET removed", "Not undone: data in databases and volumes, and migrations that have run.")
		c.press("enter")
		c.shows("Roll a service back", "Makes release r-11 of 3d ago", "env v2 together", "Not undone:")
		c.pass(time.Second)
		c.press("y")
		if got := c.world.called("deployment.rollback"); len(got) != 1 || got[0] != "deployment.rollback {ServiceIn:{Service:ship-demo} Release:r-11}" {
			t.Fatalf("calls: %q", got)
		}
		c.shows("deployment of ship-demo")
	})
}

func TestARollbackBeginsPastReleasesThatAreEqualToTheRunningOne(t *testing.T) {
	w := full()
	again := w.ship.releases[0]
	again.ID, again.Running, again.Diff = "r-same", false, nil
	w.ship.releases = slices.Insert(w.ship.releases, 1, again)
	inConsole(t, w, func(c *console) {
		c.press("j", "R")
		c.shows("Going back to r-11")
	})
}

func TestAReleaseThatCannotComeBackSaysSo(t *testing.T) {
	inConsole(t, full(), func(c *console) {
		c.press("j", "R", "j", "enter")
		c.shows("The engine no longer has its image")
		c.press("g", "enter")
		c.shows("That is the release that runs")
		c.world.ship.releases[1].EnvHere = false
		c.press("ctrl+r", "j", "enter")
		c.shows("Its env v2 cannot be decrypted here")
		if got := c.world.called("deployment.rollback"); len(got) != 0 {
			t.Errorf("calls: %q", got)
		}
	})
}

func TestChangesOpenTheirFilesAndDeployTheCommitUnderTheCursor(t *testing.T) {
	inConsole(t, full(), func(c *console) {
		c.press("j", "C", "j", "enter")
		c.shows("▾ commit", "server.js", "Dockerfile")
		c.press("enter")
		c.hides("Dockerfile")
		c.press("D")
		calls := c.world.called("deployment.plan")
		if len(calls) != 1 || !strings.Contains(calls[0], "Ref:"+commit(3, "").SHA) {
			t.Errorf("calls: %q", calls)
		}
		c.press("esc", "k", "D")
		if calls = c.world.called("deployment.plan"); len(calls) != 2 || !strings.Contains(calls[1], "Ref: ") {
			t.Errorf("the newest commit is what is deployed anyway: %q", calls)
		}
	})
}

func TestAnImageOfAnUnknownCommitIsNotCalledByOne(t *testing.T) {
	w := full()
	w.ship.changes.Known, w.ship.changes.Note = false, "The running image was built from a dirty tree."
	inConsole(t, w, func(c *console) {
		c.press("j", "C")
		c.shows("runs unknown", "▲ The running image was built from a dirty tree.")
	})
}

func TestTheDeployServerHasTheManagersDeploymentOneKeyAway(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		c := openConsole(t, full(), core.DeployCharter())
		c.shows("Home › matrx-manager", "D deploy  R rollback", "Server Manager ● healthy")
		c.press("D")
		c.shows("Deploy matrx-manager", "What changes")
		c.press("esc", "R")
		c.shows("Rollback of matrx-manager")
	})
}

func TestThePlaneYouAreInSaysThatItDoesNotReplaceItself(t *testing.T) {
	inConsole(t, full(), func(c *console) {
		c.command("deploy matrx-manager")
		c.press("enter")
		c.shows("it refuses to replace itself;", "deploy-server can.")
	})
}
