package coretest

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/codematrx/matrx-ship/core"
)

func testExitCode(t *testing.T, r Rig) {
	id, _ := r.Run(t, Guest{Args: []string{"exit", "3"}})
	c := waitState(t, r.Docker(), id, "exited")
	if c.ExitCode != 3 || c.FinishedAt.IsZero() || c.Pid != 0 {
		t.Errorf("exit code %d, finished %s, pid %d", c.ExitCode, c.FinishedAt, c.Pid)
	}
}

func testLifecycle(t *testing.T, r Rig) {
	d, ctx := r.Docker(), t.Context()
	id, _ := r.Run(t, Guest{Args: []string{"sleep"}})
	must(t, d.Start(ctx, id))
	before := waitState(t, d, id, "running")
	must(t, d.Restart(ctx, id, 5*time.Second))
	after := waitState(t, d, id, "running")
	if !after.StartedAt.After(before.StartedAt) {
		t.Errorf("started at %s, before the restart %s", after.StartedAt, before.StartedAt)
	}
	must(t, d.Stop(ctx, id, 5*time.Second))
	must(t, d.Stop(ctx, id, 5*time.Second))
	if c := waitState(t, d, id, "exited"); c.ExitCode != 0 {
		t.Errorf("exit code %d", c.ExitCode)
	}
	must(t, d.Start(ctx, id))
	waitState(t, d, id, "running")
}

func testStubborn(t *testing.T, r Rig) {
	d := r.Docker()
	id, _ := r.Run(t, Guest{Args: []string{"stubborn"}})
	begin := time.Now()
	must(t, d.Stop(t.Context(), id, time.Second))
	if took := time.Since(begin); took < 900*time.Millisecond {
		t.Errorf("killed after %s", took)
	}
	if c := waitState(t, d, id, "exited"); c.ExitCode != 137 {
		t.Errorf("exit code %d", c.ExitCode)
	}
}

func testRemove(t *testing.T, r Rig) {
	d := r.Docker()
	id, _ := r.Run(t, Guest{Args: []string{"sleep"}})
	must(t, d.Remove(t.Context(), id, 5*time.Second))
	_, err := d.Container(t.Context(), id)
	wantCode(t, err, core.CodeNotFound)
}

func testEvents(t *testing.T, r Rig) {
	d := r.Docker()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	id, name := r.Run(t, Guest{Args: []string{"sleep"}, Labels: map[string]string{"com.matrx.service": "x"}})
	begin := time.Now()
	events := d.Events(ctx)
	must(t, d.Stop(ctx, id, 5*time.Second)) // before the stream is pulled: nothing may be missed
	must(t, d.Start(ctx, id))
	must(t, d.Remove(ctx, id, 5*time.Second))
	var got []string
	for e, err := range events {
		must(t, err)
		if e.ID != id || e.Type != "container" || !slices.Contains([]string{"die", "start", "destroy"}, e.Action) {
			continue
		}
		if e.Name != name || e.Labels["com.matrx.service"] != "x" || e.At.Before(begin.Add(-time.Second)) {
			t.Errorf("event %+v", e)
		}
		if got = append(got, e.Action); e.Action == "destroy" {
			break
		}
	}
	if want := "die start die destroy"; strings.Join(got, " ") != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func testEventsEnd(t *testing.T, r Rig) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		for _, err := range r.Docker().Events(ctx) {
			if err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	cancel()
	select {
	case err := <-done:
		must(t, err)
	case <-time.After(5 * time.Second):
		t.Error("goes on")
	}
}

func testRename(t *testing.T, r Rig) {
	d := r.Docker()
	id, name := r.Run(t, Guest{Args: []string{"sleep"}})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	events := d.Events(ctx)
	r.Rename(t, id, name+"-2")
	for e, err := range events {
		must(t, err)
		if e.ID == id && e.Action == "rename" {
			if e.Name != name+"-2" {
				t.Errorf("event names %s", e.Name)
			}
			break
		}
	}
	c, err := d.Container(t.Context(), id)
	must(t, err)
	if c.Name != name+"-2" {
		t.Errorf("named %s", c.Name)
	}
}

func testRecreate(t *testing.T, r Rig) {
	d, ctx := r.Docker(), t.Context()
	id, name := r.Run(t, Guest{Args: []string{"sleep"}, Labels: map[string]string{"a": "b"}, Volume: "/data"})
	old, err := d.Container(ctx, id)
	must(t, err)
	fresh, err := d.Recreate(ctx, id, 5*time.Second, nil)
	must(t, err)
	if fresh == id {
		t.Error("the id is the same")
	}
	c := waitState(t, d, name, "running")
	if c.ID != fresh || c.Labels["a"] != "b" || c.ImageID != old.ImageID || c.Image != old.Image || !slices.Equal(c.Command, old.Command) {
		t.Errorf("recreated as %+v, was %+v", c, old)
	}
	if len(c.Mounts) != 1 || c.Mounts[0].Name != old.Mounts[0].Name || c.Mounts[0].Target != "/data" {
		t.Errorf("mounts %+v, were %+v", c.Mounts, old.Mounts)
	}
	_, err = d.Container(ctx, id)
	wantCode(t, err, core.CodeNotFound)
}

func testRecreateTwice(t *testing.T, r Rig) {
	d, ctx := r.Docker(), t.Context()
	id, name := r.Run(t, Guest{Args: []string{"stubborn"}}) // takes its time to stop
	errs := make(chan error, 2)
	for range 2 {
		go func() {
			_, err := d.Recreate(ctx, id, time.Second, nil)
			errs <- err
		}()
	}
	a, b := <-errs, <-errs
	if a != nil {
		a, b = b, a
	}
	must(t, a)
	if code := core.CodeOf(b); code != core.CodeConflict && code != core.CodeNotFound {
		t.Errorf("the second got %v", b)
	}
	waitState(t, d, name, "running")
}

func testRecreateBack(t *testing.T, r Rig) {
	d, ctx := r.Docker(), t.Context()
	id, name := r.Run(t, Guest{Args: []string{"exit", "7"}})
	waitState(t, d, id, "exited")
	_, err := d.Recreate(ctx, id, time.Second, nil)
	wantCode(t, err, core.CodeConflict)
	c, err := d.Container(ctx, name)
	must(t, err)
	if c.ID != id {
		t.Errorf("%s is %s, want the old %s", name, c.ID, id)
	}
}

func testRecreateReady(t *testing.T, r Rig) {
	d, ctx := r.Docker(), t.Context()
	id, name := r.Run(t, Guest{Args: []string{"sleep"}})
	var asked string
	fresh, err := d.Recreate(ctx, id, time.Second, func(ctx context.Context, fresh string) error {
		asked = fresh
		both, err := d.Container(ctx, id)
		if err != nil || both.State != "exited" || both.Name == name {
			t.Errorf("the old one is %s %s, %v", both.Name, both.State, err)
		}
		c, err := d.Container(ctx, fresh)
		if err != nil || c.State != "running" || c.Name != name {
			t.Errorf("the new one is %s %s, %v", c.Name, c.State, err)
		}
		return nil
	})
	must(t, err)
	if asked != fresh {
		t.Errorf("asked about %q, the new one is %s", asked, fresh)
	}
	_, err = d.Container(ctx, id)
	wantCode(t, err, core.CodeNotFound)
}

func testRecreateUnready(t *testing.T, r Rig) {
	d, ctx := r.Docker(), t.Context()
	id, name := r.Run(t, Guest{Args: []string{"sleep"}})
	var fresh string
	_, err := d.Recreate(ctx, id, time.Second, func(_ context.Context, c string) error {
		fresh = c
		return core.Errorf(core.CodeUnavailable, "It does not serve.")
	})
	wantCode(t, err, core.CodeUnavailable)
	if !strings.Contains(core.MessageOf(err), "It does not serve.") || !strings.Contains(core.MessageOf(err), "is back") {
		t.Errorf("said %q", core.MessageOf(err))
	}
	if c := waitState(t, d, name, "running"); c.ID != id {
		t.Errorf("%s is %s, want the old %s", name, c.ID, id)
	}
	_, err = d.Container(ctx, fresh)
	wantCode(t, err, core.CodeNotFound)
}

func testStats(t *testing.T, r Rig) {
	d, ctx := r.Docker(), t.Context()
	id, _ := r.Run(t, Guest{Args: []string{"sleep"}})
	s, err := d.Stats(ctx, id)
	must(t, err)
	if s.CPU <= 0 || s.Memory <= 0 || s.Pids < 1 || s.At.IsZero() || s.MemoryLimit != 0 {
		t.Errorf("sample %+v", s)
	}
	must(t, d.Stop(ctx, id, time.Second))
	_, err = d.Stats(ctx, id)
	wantCode(t, err, core.CodeConflict)
}

func testStore(t *testing.T, r Rig) {
	d, ctx := r.Docker(), t.Context()
	id, name := r.Run(t, Guest{Args: []string{"sleep"}, Volume: "/data"})
	c, err := d.Container(ctx, id)
	must(t, err)
	networks, err := d.Networks(ctx)
	must(t, err)
	i := slices.IndexFunc(networks, func(n core.Network) bool { return n.Name == c.Networks[0].Network })
	if i < 0 || !slices.Contains(networks[i].Containers, name) {
		t.Errorf("%s is not a member of %q in %+v", name, c.Networks[0].Network, networks)
	}
	volumes, err := d.Volumes(ctx)
	must(t, err)
	i = slices.IndexFunc(volumes, func(v core.Volume) bool { return v.Name == c.Mounts[0].Name })
	if i < 0 || volumes[i].Size != -1 || volumes[i].UsedBy != 1 {
		t.Errorf("volume %s in %+v", c.Mounts[0].Name, volumes)
	}
	images, err := d.Images(ctx)
	must(t, err)
	i = slices.IndexFunc(images, func(img core.Image) bool { return img.ID == c.ImageID })
	if i < 0 || images[i].UsedBy < 1 || images[i].Size < 1 {
		t.Errorf("image %s in %+v", c.ImageID, images)
	}
	usage, err := d.DiskUsage(ctx)
	must(t, err)
	if usage.At.IsZero() {
		t.Error("disk usage has no time")
	}
}
