package coretest

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/codematrx/matrx-ship/core"
)

// TestDocker is the contract of core.Docker. open gives the engine under test; it is called once for each story.
func TestDocker(t *testing.T, open func(t testing.TB) Rig) {
	for _, story := range []struct {
		name string
		run  func(*testing.T, Rig)
	}{
		{"the engine says what it is", testInfo},
		{"a container is listed and inspected by id, short id and name", testListed},
		{"an unknown container is not found", testUnknown},
		{"an exit code is kept", testExitCode},
		{"a container stops, starts and restarts, and asking twice is no error", testLifecycle},
		{"a container that ignores its stop signal is killed after the grace", testStubborn},
		{"removing a running container stops it first", testRemove},
		{"events tell what happened since the call, in order", testEvents},
		{"an event stream ends silently with its context", testEventsEnd},
		{"a renamed container keeps its id", testRename},
		{"a recreated container keeps name, labels and volumes under a new id", testRecreate},
		{"recreating twice at once is a conflict", testRecreateTwice},
		{"a container that no longer starts is put back", testRecreateBack},
		{"the old container stays until the new one is ready", testRecreateReady},
		{"a container that is not ready gives way to the old one", testRecreateUnready},
		{"log lines come with stream, time and order", testLogs},
		{"logs since a time leave out what is older", testLogsSince},
		{"a long line comes in fragments of at most 16 KiB", testLogsLong},
		{"the log of a terminal has no header", testLogsTTY},
		{"a followed log gives new lines and ends with the container", testLogsFollow},
		{"a process is started, read, written and its exit code kept", testExec},
		{"a terminal is resized", testExecResize},
		{"a process outlives its client and KillExec ends it", testKillExec},
		{"nothing starts in a stopped container", testExecStopped},
		{"a running container is measured", testStats},
		{"networks, volumes and images are listed with their users", testStore},
		{"a cancelled call is cancelled", testCanceled},
	} {
		t.Run(story.name, func(t *testing.T) { story.run(t, open(t)) })
	}
}

func testInfo(t *testing.T, r Rig) {
	r.Run(t, Guest{Args: []string{"sleep"}})
	info, err := r.Docker().Info(t.Context())
	must(t, err)
	if info.Version == "" || info.API == "" || info.CPUs < 1 || info.Memory < 1 || info.Containers < 1 || info.Running < 1 ||
		info.Root == "" || (info.Cgroup != "1" && info.Cgroup != "2") {
		t.Errorf("incomplete: %+v", info)
	}
}

func testListed(t *testing.T, r Rig) {
	id, name := r.Run(t, Guest{Args: []string{"sleep"}, Labels: map[string]string{"com.matrx.service": "x"}, Env: []string{"SECRET=hidden"}})
	d := r.Docker()
	list, err := d.Containers(t.Context())
	must(t, err)
	i := slices.IndexFunc(list, func(c core.Container) bool { return c.ID == id })
	if i < 0 {
		t.Fatal("not listed")
	}
	c := list[i]
	if c.Name != name || c.State != "running" || c.Labels["com.matrx.service"] != "x" || c.Created.IsZero() ||
		!strings.HasPrefix(c.ImageID, "sha256:") || c.Image == "" || !strings.HasPrefix(c.Status, "Up") || len(c.Networks) != 1 {
		t.Errorf("listed as %+v", c)
	}
	for _, key := range []string{id, id[:12], name} {
		got, err := d.Container(t.Context(), key)
		must(t, err)
		if got.ID != id || got.Name != name || got.State != "running" || got.Pid == 0 || got.StartedAt.IsZero() {
			t.Errorf("inspected by %s: %+v", key, got)
		}
		if len(got.Networks) != 1 || got.Networks[0].Network != c.Networks[0].Network || got.Networks[0].Address != c.Networks[0].Address {
			t.Errorf("networks: listed %+v, inspected %+v", c.Networks, got.Networks)
		}
	}
}

func testUnknown(t *testing.T, r Rig) {
	d, ctx := r.Docker(), t.Context()
	_, err := d.Container(ctx, "nobody")
	wantCode(t, err, core.CodeNotFound)
	wantCode(t, d.Start(ctx, "nobody"), core.CodeNotFound)
	wantCode(t, d.Stop(ctx, "nobody", time.Second), core.CodeNotFound)
	wantCode(t, d.Restart(ctx, "nobody", time.Second), core.CodeNotFound)
	wantCode(t, d.Remove(ctx, "nobody", time.Second), core.CodeNotFound)
	_, err = d.Recreate(ctx, "nobody", time.Second, nil)
	wantCode(t, err, core.CodeNotFound)
	_, err = d.Exec(ctx, "nobody", core.ExecSpec{Command: r.Exec("cat")})
	wantCode(t, err, core.CodeNotFound)
	_, err = d.KillExec(ctx, "nobody", "m", time.Second)
	wantCode(t, err, core.CodeNotFound)
	_, err = d.Stats(ctx, "nobody")
	wantCode(t, err, core.CodeNotFound)
	for _, err := range d.ContainerLogs(ctx, "nobody", time.Time{}, true) {
		wantCode(t, err, core.CodeNotFound)
	}
}

func testCanceled(t *testing.T, r Rig) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := r.Docker().Containers(ctx)
	wantCode(t, err, core.CodeCanceled)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantCode(t testing.TB, err error, code core.Code) {
	t.Helper()
	if core.CodeOf(err) != code {
		t.Errorf("error is %v (%s), want code %s", err, core.CodeOf(err), code)
	}
}

// waitState waits until a container is in the state.
func waitState(t testing.TB, d core.Docker, id, state string) core.ContainerDetail {
	t.Helper()
	var c core.ContainerDetail
	Wait(t, 10*time.Second, id+" is "+state, func() bool {
		var err error
		c, err = d.Container(t.Context(), id)
		must(t, err)
		return c.State == state
	})
	return c
}
