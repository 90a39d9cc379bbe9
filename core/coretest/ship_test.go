package coretest_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/codematrx/matrx-ship/core"
	"github.com/codematrx/matrx-ship/core/coretest"
)

func TestTheFakeStoresKeepTheirContracts(t *testing.T) {
	outputs := coretest.NewOutputs()
	outputs.Max = 64
	coretest.TestOutputs(t, outputs, 64)
	coretest.TestFolders(t, coretest.NewFolders())
	locks := coretest.NewLocks()
	coretest.TestLocks(t, locks, locks)
}

func TestANamedCallOfAFakeHangsUntilItsContextEndsAndFailsAsItIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := coretest.NewSwitch()
		s.Hang("Point", true)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := s.Point(ctx, core.SwitchTarget{Service: "a", Alias: "a-d1", Port: 80}); core.CodeOf(err) != core.CodeUnavailable {
			t.Errorf("hung: %v", err)
		}
		done := make(chan error, 1)
		go func() { done <- s.Point(t.Context(), core.SwitchTarget{Service: "a", Alias: "a-d1", Port: 80}) }()
		synctest.Wait()
		s.Hang("Point", false)
		if err := <-done; err != nil {
			t.Error(err)
		}
		s.Fail("Point", core.Errorf(core.CodeUnavailable, "The disk is full."))
		if err := s.Point(t.Context(), core.SwitchTarget{Service: "b", Alias: "b-d1", Port: 80}); core.CodeOf(err) != core.CodeUnavailable {
			t.Error(err)
		}
		if n, history := s.Calls("Point"), s.History(); n != 3 || len(history) != 1 {
			t.Errorf("%d calls, history %+v", n, history)
		}
	})
}

func TestAHungCallOfTheFakeEngineLeavesTheOthersAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := coretest.NewDocker()
		d.Hang("CreateContainer", true)
		if _, err := d.CreateContainer(t.Context(), core.ContainerSpec{}); core.CodeOf(err) != core.CodeUnavailable {
			t.Errorf("hung: %v", err)
		}
		if err := d.EnsureNetwork(t.Context(), "proxy", false, nil); err != nil {
			t.Error(err)
		}
	})
}

func TestTheFakeGitFetchesWhatWasPushed(t *testing.T) {
	g, ctx, src := coretest.NewGit(), t.Context(), core.Source{Repo: "https://git.example.com/a.git", Ref: "main"}
	if _, err := g.Fetch(ctx, "a", src, nil); core.CodeOf(err) != core.CodeNotFound {
		t.Errorf("without a repository: %v", err)
	}
	one := g.Push("a", "main", "first", map[string]string{"app/Dockerfile": "FROM scratch", "README": "hello"})
	if _, err := g.Commit(ctx, "a", one.SHA); core.CodeOf(err) != core.CodeNotFound {
		t.Errorf("before the fetch: %v", err)
	}
	got, err := g.Fetch(ctx, "a", src, nil)
	if err != nil || got.SHA != one.SHA {
		t.Errorf("fetched %+v, %v", got, err)
	}
	two := g.Push("a", "main", "second", map[string]string{"README": ""})
	if _, err := g.Fetch(ctx, "a", src, nil); err != nil {
		t.Fatal(err)
	}
	log, err := g.Log(ctx, "a", one.SHA, "main", 10)
	if err != nil || len(log) != 1 || log[0].SHA != two.SHA {
		t.Errorf("log %+v, %v", log, err)
	}
	if text, err := g.File(ctx, "a", one.Short(), "README"); err != nil || string(text) != "hello" {
		t.Errorf("file %q, %v", text, err)
	}
	if _, err := g.File(ctx, "a", two.SHA, "README"); core.CodeOf(err) != core.CodeNotFound {
		t.Errorf("a removed file: %v", err)
	}
	g.SetRef("a", "main", one.SHA) // a forced push
	if got, err := g.Fetch(ctx, "a", src, nil); err != nil || got.SHA != one.SHA {
		t.Errorf("after it: %+v, %v", got, err)
	}
	context, err := g.Context(ctx, "a", one.SHA, "app")
	if err != nil {
		t.Fatal(err)
	}
	id, err := coretest.NewDocker().BuildImage(ctx, core.BuildSpec{Context: context, Dockerfile: "Dockerfile"}, nil)
	if err != nil || id == "" {
		t.Errorf("built %q, %v", id, err)
	}
}
