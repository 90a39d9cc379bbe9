package core_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/codematrx/matrx-ship/core"
)

// runWeb puts a running container of web on the engine, with labels.
func (y *yard) runWeb(image string, labels map[string]string) {
	all := map[string]string{"com.matrx.service": "web", "com.matrx.health": "skip:a test"}
	for k, v := range labels {
		all[k] = v
	}
	y.engine.Add(core.ContainerDetail{Container: core.Container{Name: "web", Image: "web:1", ImageID: image, State: "running", Created: time.Now(), Labels: all}, StartedAt: time.Now()})
}

// changes is what would change now.
func (y *yard) changes() core.Changes {
	y.t.Helper()
	y.wait(5*time.Second, "web", func() bool {
		status := y.snapshot()
		_, ok := status.Service("web")
		return ok
	})
	c, err := core.ListChanges.Run(y.as(core.RoleViewer), y.core, core.ServiceIn{Service: "web"})
	if err != nil {
		y.t.Fatal(err)
	}
	return c
}

// items are the changes of a kind as "what | need".
func items(c core.Changes, kind string) []string {
	var list []string
	for _, item := range c.Items {
		if item.Kind == kind {
			list = append(list, item.What+" | "+item.Need)
		}
	}
	return list
}

func TestTheCommitsBetweenWhatRunsAndTheHeadAreListedWithWhatTheyNeed(t *testing.T) {
	var base, docs, head core.Commit
	y := newYard(t, func(y *yard) {
		y.def.Source.Context = "app"
		base = y.push("base", map[string]string{"app/Dockerfile": "FROM scratch\n"})
		docs = y.push("docs", map[string]string{"README": "x"})
		head = y.push("code", map[string]string{"app/main": "x"})
		y.runWeb("sha256:old", map[string]string{"com.matrx.commit": base.SHA, "com.matrx.definition": y.def.Hash()})
	})
	c := y.changes()
	if !c.Known || c.Running != base.SHA || c.Head.SHA != head.SHA || c.Need != core.NeedsBuild || c.Note != "" || c.More {
		t.Fatalf("got %+v", c)
	}
	want := []string{head.Short() + " code | needs build", docs.Short() + " docs (outside of app) | nothing"}
	if got := items(c, core.ChangeCommit); !slices.Equal(got, want) || len(c.Commits) != 2 || !slices.Equal(c.Commits[0].Files, []string{"app/main"}) {
		t.Fatalf("got %q, %+v", got, c.Commits)
	}
	y.ended(y.start(core.BuildIn{}))
	if c := y.changes(); c.Need != core.NeedsDeploy {
		t.Fatalf("the head is built and needs %q: %+v", c.Need, c.Items)
	}
}

func TestNothingDiffersWhenTheHeadRuns(t *testing.T) {
	y := newYard(t, func(y *yard) {
		head := y.push("base", dockerfile())
		y.engine.AddImage(core.Image{ID: "sha256:" + strings.Repeat("b", 64), Labels: map[string]string{"com.matrx.commit": head.SHA}})
		y.runWeb("sha256:"+strings.Repeat("b", 64), map[string]string{"com.matrx.definition": y.def.Hash()})
	})
	if c := y.changes(); !c.Known || c.Need != core.NeedsNone || len(c.Items) != 0 || c.Note != "" {
		t.Fatalf("got %+v", c)
	}
}

func TestADirtyOrUnknownBuildIsNeverCalledByASHA(t *testing.T) {
	for name, tc := range map[string]struct{ label, says string }{
		"dirty":   {strings.Repeat("a", 40) + "-dirty", "not a clean commit"},
		"foreign": {strings.Repeat("a", 40), "not in the repository"},
		"none":    {"", "not known"},
	} {
		t.Run(name, func(t *testing.T) {
			y := newYard(t, func(y *yard) {
				y.push("base", dockerfile())
				y.runWeb("sha256:old", map[string]string{"com.matrx.commit": tc.label})
			})
			c := y.changes()
			if c.Known || len(c.Commits) != 0 || !strings.Contains(c.Note, tc.says) || c.Need != core.NeedsBuild {
				t.Fatalf("got %+v", c)
			}
		})
	}
}

func TestARepositoryThatDoesNotAnswerHidesNothingElse(t *testing.T) {
	var base, head core.Commit
	y := newYard(t, func(y *yard) {
		base = y.push("base", dockerfile())
		y.runWeb("sha256:old", map[string]string{"com.matrx.commit": base.SHA, "com.matrx.definition": "000000000000"})
		y.ship.Git.Fail("Fetch", core.Errorf(core.CodeUnavailable, "It does not answer."))
	})
	c := y.changes()
	if !strings.Contains(c.Note, "does not answer") || c.Head.SHA != "" || len(items(c, core.ChangeDefinition)) != 1 {
		t.Fatalf("got %+v", c)
	}
	y.ship.Git.Fail("Fetch", nil)
	head = y.push("next", dockerfile("x"))
	if c = y.changes(); c.Head.SHA != head.SHA {
		t.Fatalf("got %+v", c)
	}
	y.ship.Git.Fail("Fetch", core.Errorf(core.CodeUnavailable, "It does not answer."))
	if c = y.changes(); c.Head.SHA != head.SHA || len(c.Commits) != 1 || !strings.Contains(c.Note, "last known state") {
		t.Fatalf("got %+v", c)
	}
}

func TestAForcedPushThatTakesBackWhatRunsIsSaid(t *testing.T) {
	y := newYard(t, func(y *yard) {
		base := y.push("base", dockerfile())
		runs := y.push("runs", dockerfile("x"))
		if _, err := y.ship.Git.Fetch(y.t.Context(), "web", *y.def.Source, nil); err != nil {
			y.t.Fatal(err)
		}
		y.ship.Git.SetRef("web", "main", base.SHA)
		y.runWeb("sha256:old", map[string]string{"com.matrx.commit": runs.SHA, "com.matrx.definition": y.def.Hash()})
	})
	c := y.changes()
	if !strings.Contains(c.Note, "no longer has what runs") || c.Need != core.NeedsBuild || len(items(c, core.ChangeCommit)) != 1 {
		t.Fatalf("got %+v", c)
	}
}

func TestTheDefinitionOfTheRunningReleaseIsComparedInWords(t *testing.T) {
	y := newYard(t, func(y *yard) {
		head := y.push("base", dockerfile())
		old := y.def
		old.Memory = 128 << 20
		y.def.Memory = 256 << 20
		y.put("releases", "r1", core.Release{ID: "r1", Service: "web", Definition: old})
		y.runWeb("sha256:old", map[string]string{"com.matrx.commit": head.SHA, "com.matrx.release": "r1", "com.matrx.definition": old.Hash()})
	})
	c := y.changes()
	if got := items(c, core.ChangeDefinition); !slices.Equal(got, []string{"memory: 128 MiB to 256 MiB | needs deploy"}) || c.Need != core.NeedsDeploy {
		t.Fatalf("got %+v", c)
	}
}

func TestANewerImageOfTheSameNameIsAChange(t *testing.T) {
	y := newYard(t, func(y *yard) {
		y.def.Source, y.def.Image = nil, "redis:7"
		y.engine.AddImage(core.Image{ID: "sha256:" + strings.Repeat("c", 64), Tags: []string{"redis:7"}})
		y.runWeb("sha256:"+strings.Repeat("b", 64), map[string]string{"com.matrx.definition": y.def.Hash()})
	})
	c := y.changes()
	if got := items(c, core.ChangeImage); len(got) != 1 || !strings.Contains(got[0], "cccccccccccc now; bbbbbbbbbbbb runs | needs deploy") {
		t.Fatalf("got %+v", c)
	}
}

func TestAServiceThatDoesNotRunYetNeedsABuild(t *testing.T) {
	y := newYard(t, func(y *yard) { y.push("base", dockerfile()) })
	c, err := core.ListChanges.Run(y.as(core.RoleViewer), y.core, core.ServiceIn{Service: "web"})
	if err != nil || c.Need != core.NeedsBuild || !strings.Contains(c.Note, "no container") {
		t.Fatalf("got %+v, %v", c, err)
	}
}
