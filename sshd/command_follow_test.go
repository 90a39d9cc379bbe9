package sshd

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/codematrx/matrx-ship/core"
)

// failedDeployment is one whose candidate never became healthy.
func failedDeployment() core.Deployment {
	return core.Deployment{
		ID: "d1", Service: "ship-demo", Kind: "deploy", State: core.DeployFailed, From: "r1", Took: 12345 * time.Millisecond, Asked: 900, Lost: 0,
		By: core.Actor{Name: "ann"}, Commit: core.Commit{SHA: "0123456789abcdef", Subject: "break \x1b[2Jit"}, Result: "The old version serves.",
		Health: []string{"10:00:01 HTTP 500"}, LastLog: []string{"panic: \x1b]0;x\x07boom"},
		Steps: []core.DeployStep{
			{Name: core.StepLock, State: "done", Took: 20 * time.Millisecond},
			{Name: core.StepBuild, State: "skipped", Detail: "built before"},
			{Name: core.StepHealth, State: "failed", Took: 3 * time.Second, Detail: "HTTP 500 from /healthz"},
		},
	}
}

func TestAStepIsPrintedOnceForEachOfItsStates(t *testing.T) {
	var out bytes.Buffer
	k := &call{out: &out}
	d := core.Deployment{ID: "d1", State: core.DeployRunning, Steps: []core.DeployStep{{Name: core.StepLock, State: "running"}}}
	shown := map[string]string{}
	for _, change := range []func(){
		func() {}, func() {},
		func() { d.Steps[0].State, d.Steps[0].Took = "done", 1500*time.Millisecond },
		func() { d.Steps = append(d.Steps, core.DeployStep{Name: core.StepBuild, State: "running"}) },
		func() {},
	} {
		change()
		if err := k.stepLines(d, shown); err != nil {
			t.Fatal(err)
		}
	}
	want := "◐ lock             running          \n● lock             done         1.5s\n◐ build            running          \n"
	if got := out.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestForAProgramEachChangeIsALineOfJSON(t *testing.T) {
	var out bytes.Buffer
	k := &call{out: &out, json: true}
	for range 2 {
		if err := k.stepLines(failedDeployment(), nil); err != nil {
			t.Fatal(err)
		}
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	var d core.Deployment
	if len(lines) != 2 || json.Unmarshal([]byte(lines[1]), &d) != nil || d.ID != "d1" || len(d.Steps) != 3 {
		t.Errorf("got %s", out.String())
	}
}

func TestAFailedDeploymentShowsItsEvidenceAndMovesNoCursor(t *testing.T) {
	var out bytes.Buffer
	printDeployment(&out, failedDeployment())
	for _, want := range []string{
		"deploy of ship-demo by ann: failed", "from r1 to -, 0123456789ab \"break it\"", "✗ health check     failed         3s  HTTP 500 from /healthz",
		"  10:00:01 HTTP 500", "  panic: boom", "failed after 12.3s; 0 of 900 requests lost during the swap.", "The old version serves.",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
	if strings.ContainsAny(out.String(), "\x1b\x07") {
		t.Errorf("control characters in %q", out.String())
	}
}

func TestWhatIsListedFitsOneLineEach(t *testing.T) {
	var out bytes.Buffer
	printPlan(&out, core.DeployPlan{
		Service: "ship-demo", From: &core.Release{ID: "r1", Commit: core.Commit{SHA: "abc", Subject: "old"}}, Commit: core.Commit{SHA: "def", Subject: "new"},
		Steps: []string{"lock", "build"}, Stops: true, Blocked: []string{"It is the program\x1b[1m that answers."}, Warn: []string{"The tree is dirty."},
		Changes: []core.ChangeItem{{Kind: core.ChangeEnv, What: "A changed", Need: core.NeedsDeploy}},
	})
	printChanges(&out, core.Changes{Service: "ship-demo", Running: "abc", Known: true, Head: core.Commit{SHA: "def"}, Commits: []core.Commit{{SHA: "def", Subject: "x"}}, More: true})
	printRoutes(&out, core.RoutingView{Problem: "Traefik is away.", Routes: []core.RouteView{{Service: "ship-demo", Verdict: "no router", Do: "Deploy it."}}, Others: []core.Route{{Name: "x"}}}, false)
	for _, want := range []string{
		"from release r1 abc \"old\" to def \"new\"", "steps: lock, build", "▲ It cannot run twice", "✗ It is the program that answers.", "▲ The tree is dirty.",
		"env   A changed  needs deploy", "ship-demo runs abc; the head is def", "and more", "✗ Traefik is away.", "Deploy it.", "OTHER ROUTER",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
	if state := releaseState(core.ReleaseView{ImageGone: true}); state != "image is gone" {
		t.Errorf("a release without its image is %q", state)
	}
	if diff := releaseDiff(core.ReleaseView{Diff: []core.ChangeItem{{Kind: "env", What: "A removed"}}, Note: "data stays"}); diff != "env: A removed; data stays" {
		t.Errorf("diff: %q", diff)
	}
}
