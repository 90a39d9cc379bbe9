//go:build integration

package docker

import (
	"context"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/codematrx/matrx-ship/core"
	"github.com/codematrx/matrx-ship/core/coretest"
)

func TestAStepThatTakesAllTheMemoryIsEndedByItsBound(t *testing.T) {
	r := newRig(t, newEngine(t, "--bridge=none", builderIs(t, "false")).host)
	ctx := bounded(t, time.Minute)
	context := coretest.Archive(map[string]string{"Dockerfile": "FROM " + r.Guest() + "\nRUN [\"/guest\", \"swarm\", \"16\"]\n"})
	_, err := r.d.BuildImage(ctx, core.BuildSpec{Context: context, Dockerfile: "Dockerfile", Memory: 48 << 20}, nil)
	if core.CodeOf(err) != core.CodeInvalid || !strings.Contains(err.Error(), "non-zero code") {
		t.Errorf("got %v", err)
	}
	noBuilders(t, r)
}

func TestAnEngineThatHangsInABuildIsLeftByItsCaller(t *testing.T) {
	e := newEngine(t, "--bridge=none", builderIs(t, "false"))
	r := newRig(t, e.host)
	ctx, cancel := context.WithCancel(bounded(t, 2*time.Minute))
	defer cancel()
	context := coretest.Archive(map[string]string{"Dockerfile": "FROM " + r.Guest() + "\nRUN [\"/guest\", \"sleep\"]\n"})
	var asked time.Time
	_, err := r.d.BuildImage(ctx, core.BuildSpec{Context: context, Dockerfile: "Dockerfile"}, func(line string) {
		if strings.HasPrefix(line, " ---> Running in ") {
			e.hang()
			asked = time.Now()
			cancel()
		}
	})
	if took := time.Since(asked); core.CodeOf(err) != core.CodeCanceled || took > actLimit+5*time.Second {
		t.Errorf("after %s: %v", took, err)
	}
	e.signal(syscall.SIGCONT)
	coretest.Wait(t, 30*time.Second, "the build's container is gone", func() bool {
		img, err := r.d.ImageDetail(t.Context(), r.Guest())
		return err == nil && img.UsedBy == 0
	})
}

// noBuilders fails when a container of a build is left.
func noBuilders(t *testing.T, r *rig) {
	t.Helper()
	img, err := r.d.ImageDetail(t.Context(), r.Guest())
	check(t, err)
	if img.UsedBy != 0 {
		t.Errorf("%d containers are left", img.UsedBy)
	}
}

func TestTwoPlanesThatMakeANetworkAtOnceEndWithOne(t *testing.T) {
	r := newRig(t, "")
	other, err := Open(Config{Host: r.api.DaemonHost()})
	check(t, err)
	t.Cleanup(func() { check(t, other.Close()) })
	ctx := bounded(t, time.Minute)
	for range 5 {
		name := r.Name(t)
		errs := make(chan error, 2)
		for _, d := range []*Docker{r.d, other} {
			go func() { errs <- d.EnsureNetwork(ctx, name, true, nil) }()
		}
		check(t, <-errs)
		check(t, <-errs)
		same, err := r.d.networksNamed(ctx, name)
		check(t, err)
		if len(same) != 1 {
			t.Errorf("%d networks", len(same))
		}
	}
}
