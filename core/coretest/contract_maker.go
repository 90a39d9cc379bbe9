package coretest

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/codematrx/matrx-ship/core"
)

// TestMaker is the contract of core.Maker. open gives the engine under test; it is called once for each story.
func TestMaker(t *testing.T, open func(t testing.TB) Rig) {
	for _, story := range []struct {
		name string
		run  func(*testing.T, Rig)
	}{
		{"a container is made as its definition says", testMade},
		{"a container has all of its names in all of its networks when it starts", testMadeInNetworks},
		{"how a container was made is read back as its definition", testMadeReadBack},
		{"a container to test an image stands alone", testMadeAlone},
		{"a container that asks another one shares its network and nothing else", testMadeBeside},
		{"a container that stands alone sees what it shall see read-only", testMadeSeeing},
		{"a taken name, an unknown image and an unknown network are told apart, and leave nothing", testMadeWrong},
		{"a renamed container keeps its id, and a taken name is a conflict", testRenameContainer},
		{"waiting ends with the container and gives its exit code", testWaitContainer},
		{"a network is made once, however many ask at once", testEnsureNetwork},
		{"a network goes when nothing runs in it", testRemoveNetwork},
		{"a container joins a network while it runs, and leaves it, however often it is told to", testConnect},
		{"a container keeps its way out of the server when it joins a network", testConnectKeepsTheWayOut},
		{"joining and leaving tell what is not there", testConnectWrong},
		{"a volume is made once", testEnsureVolume},
	} {
		t.Run(story.name, func(t *testing.T) { story.run(t, open(t)) })
	}
}

// madeSpec is a plain container of the guest.
func madeSpec(t testing.TB, r Rig, name string, command ...string) core.ContainerSpec {
	t.Helper()
	img, err := r.Images().ImageDetail(t.Context(), r.Guest())
	must(t, err)
	return core.ContainerSpec{Name: name, Image: img.ID, Definition: core.Definition{Command: command, Restart: "no"}}
}

func testMade(t *testing.T, r Rig) {
	ctx, name := t.Context(), r.Name(t)
	must(t, r.Maker().EnsureVolume(ctx, name, nil))
	spec := madeSpec(t, r, name, "sleep")
	spec.Definition.Restart, spec.Definition.User, spec.Definition.WorkDir = "unless-stopped", "1000:1000", "/"
	spec.Definition.Memory, spec.Definition.CPUs, spec.Definition.Pids = 64<<20, 0.5, 32
	spec.Definition.ReadOnly, spec.Definition.StopSignal, spec.Definition.StopGrace = true, "SIGINT", 3*time.Second
	spec.Definition.Mounts = []core.Mount{{Type: "volume", Name: name, Target: "/data", ReadOnly: true}}
	spec.Env = map[string]string{"B": "two=2\nlines", "A": "1"}
	spec.Labels = map[string]string{"com.matrx.release": "r1"}
	id, err := r.Maker().CreateContainer(ctx, spec)
	must(t, err)
	c, err := r.Docker().Container(ctx, id)
	must(t, err)
	if c.Name != name || c.State != "created" || c.ImageID != spec.Image || c.Labels["com.matrx.release"] != "r1" || c.RestartPolicy != "unless-stopped" {
		t.Errorf("made %+v", c)
	}
	if c.User != "1000:1000" || c.WorkDir != "/" || c.StopSignal != "SIGINT" || c.StopGrace != 3*time.Second || c.LogDriver != "json-file" {
		t.Errorf("user %q, in %q, stopped by %s within %s, logs to %s", c.User, c.WorkDir, c.StopSignal, c.StopGrace, c.LogDriver)
	}
	if c.MemoryLimit != 64<<20 || c.CPULimit != 0.5 || c.PidsLimit != 32 || !c.ReadOnly || c.Privileged {
		t.Errorf("limits %d, %v, %d, read-only %v, privileged %v", c.MemoryLimit, c.CPULimit, c.PidsLimit, c.ReadOnly, c.Privileged)
	}
	if len(c.Mounts) != 1 || c.Mounts[0].Name != name || c.Mounts[0].Target != "/data" || !c.Mounts[0].ReadOnly {
		t.Errorf("mounts %+v", c.Mounts)
	}
	if !slices.Contains(c.EnvNames, "A") || !slices.Contains(c.EnvNames, "B") || slices.ContainsFunc(c.EnvNames, func(s string) bool { return strings.Contains(s, "lines") }) {
		t.Errorf("env %q", c.EnvNames)
	}
	must(t, r.Docker().Start(ctx, id))
	waitState(t, r.Docker(), id, "running")
}

// testMadeReadBack makes a container of nearly everything a definition can say.
func testMadeReadBack(t *testing.T, r Rig) {
	reader, ok := r.Docker().(core.MadeReader)
	if !ok {
		t.Fatal("the engine cannot say how containers were made")
	}
	ctx, name := t.Context(), r.Name(t)
	must(t, r.Maker().EnsureVolume(ctx, name, nil))
	must(t, r.Maker().EnsureNetwork(ctx, name, true, nil))
	spec := madeSpec(t, r, name, "sleep")
	spec.Definition = core.Definition{
		Container: name, Image: spec.Image, Command: []string{"sleep"}, User: "1000:1000", Groups: []string{"100"}, WorkDir: "/tmp", Restart: "on-failure",
		StopSignal: "SIGINT", StopGrace: 3 * time.Second, Memory: 64 << 20, ShmSize: 32 << 20, CPUs: 0.5, Pids: 32, ReadOnly: true, Init: false,
		NoNewPrivileges: true, CapAdd: []string{"CHOWN"}, CapDrop: []string{"ALL"}, Tmpfs: map[string]string{"/tmp": "size=1m"},
		Networks: []core.NetworkUse{{Name: name, Aliases: []string{"web"}, Internal: true}},
		Mounts:   []core.Mount{{Type: "volume", Name: name, Target: "/data", ReadOnly: true}},
	}
	spec.Env = map[string]string{"A": "1", "B": "two=2\nlines"}
	id, err := r.Maker().CreateContainer(ctx, spec)
	must(t, err)
	got, err := reader.MadeContainer(ctx, id)
	must(t, err)
	got.Definition.Labels = nil
	if got.Definition.Hash() != spec.Definition.Hash() {
		t.Errorf("got  %+v\nwant %+v", got.Definition, spec.Definition)
	}
	if len(got.Env) != 2 || got.Env["B"] != "two=2\nlines" || len(got.Refused)+len(got.Lost) > 0 {
		t.Errorf("%d variables, refused %q, lost %q", len(got.Env), got.Refused, got.Lost)
	}
	if _, err := reader.MadeContainer(ctx, name+"-none"); core.CodeOf(err) != core.CodeNotFound {
		t.Errorf("a container that is not there: %v", err)
	}
}

func testMadeInNetworks(t *testing.T, r Rig) {
	ctx, name := t.Context(), r.Name(t)
	spec := madeSpec(t, r, name, "sleep")
	for _, n := range []string{name + "-a", name + "-b"} {
		must(t, r.Maker().EnsureNetwork(ctx, n, false, nil))
		spec.Definition.Networks = append(spec.Definition.Networks, core.NetworkUse{Name: n, Aliases: []string{"web"}})
	}
	spec.Alias = "web-d1"
	id, err := r.Maker().CreateContainer(ctx, spec)
	must(t, err)
	must(t, r.Docker().Start(ctx, id))
	c := waitState(t, r.Docker(), id, "running")
	if len(c.Networks) != 2 {
		t.Fatalf("networks %+v", c.Networks)
	}
	for i, n := range []string{name + "-a", name + "-b"} {
		got := c.Networks[i]
		if got.Network != n || got.Address == "" || !slices.Contains(got.Aliases, "web") || !slices.Contains(got.Aliases, "web-d1") {
			t.Errorf("in %s: %+v", n, got)
		}
	}
}

func testMadeAlone(t *testing.T, r Rig) {
	ctx, name := t.Context(), r.Name(t)
	spec := madeSpec(t, r, name, "sleep")
	spec.Definition.Restart = "always"
	spec.Definition.Networks = []core.NetworkUse{{Name: name + "-none-such"}}
	spec.Definition.Mounts = []core.Mount{{Type: "volume", Name: name + "-v", Target: "/data"}}
	spec.Definition.Ports = []core.Port{{Host: 1, Container: 80}}
	spec.Alone, spec.Command = true, []string{"exit", "4"}
	id, err := r.Maker().CreateContainer(ctx, spec)
	must(t, err)
	must(t, r.Docker().Start(ctx, id))
	code, err := r.Maker().WaitContainer(ctx, id)
	must(t, err)
	c, err := r.Docker().Container(ctx, id)
	must(t, err)
	if code != 4 || c.RestartPolicy != "no" || len(c.Mounts) != 0 || len(c.Ports) != 0 {
		t.Errorf("exit code %d, restart %q, mounts %+v, ports %+v", code, c.RestartPolicy, c.Mounts, c.Ports)
	}
	if len(c.Networks) != 1 || c.Networks[0].Network != "none" {
		t.Errorf("networks %+v", c.Networks)
	}
}

func testMadeBeside(t *testing.T, r Rig) {
	ctx, name := t.Context(), r.Name(t)
	spec := madeSpec(t, r, name, "sleep")
	spec.Alone = true
	first, err := r.Maker().CreateContainer(ctx, spec)
	must(t, err)
	must(t, r.Docker().Start(ctx, first))
	spec.Name, spec.Beside, spec.Command = name+"-ask", first, []string{"exit", "0"}
	id, err := r.Maker().CreateContainer(ctx, spec)
	must(t, err)
	must(t, r.Docker().Start(ctx, id))
	code, err := r.Maker().WaitContainer(ctx, id)
	must(t, err)
	c, err := r.Docker().Container(ctx, id)
	must(t, err)
	if code != 0 || len(c.Networks) != 0 || len(c.Mounts) != 0 || len(c.Ports) != 0 {
		t.Errorf("exit code %d, networks %+v, mounts %+v, ports %+v", code, c.Networks, c.Mounts, c.Ports)
	}
}

func testMadeSeeing(t *testing.T, r Rig) {
	ctx, name := t.Context(), r.Name(t)
	must(t, r.Maker().EnsureVolume(ctx, name+"-v", nil))
	spec := madeSpec(t, r, name, "sleep")
	spec.Alone, spec.Seen = true, []core.Mount{{Type: "volume", Name: name + "-v", Target: "/data"}}
	id, err := r.Maker().CreateContainer(ctx, spec)
	must(t, err)
	c, err := r.Docker().Container(ctx, id)
	must(t, err)
	if len(c.Mounts) != 1 || c.Mounts[0].Target != "/data" || !c.Mounts[0].ReadOnly {
		t.Errorf("mounts %+v", c.Mounts)
	}
}

func testMadeWrong(t *testing.T, r Rig) {
	ctx, name := t.Context(), r.Name(t)
	spec := madeSpec(t, r, name, "sleep")
	id, err := r.Maker().CreateContainer(ctx, spec)
	must(t, err)
	_, err = r.Maker().CreateContainer(ctx, spec)
	wantCode(t, err, core.CodeConflict)
	if c, err := r.Docker().Container(ctx, name); err != nil || c.ID != id {
		t.Errorf("%s is %s, %v; want the first", name, c.ID, err)
	}
	spec.Name = name + "-2"
	spec.Image = "sha256:" + strings.Repeat("0", 64)
	_, err = r.Maker().CreateContainer(ctx, spec)
	wantCode(t, err, core.CodeNotFound)
	spec = madeSpec(t, r, name+"-2", "sleep")
	spec.Definition.Networks = []core.NetworkUse{{Name: name + "-none-such"}}
	_, err = r.Maker().CreateContainer(ctx, spec)
	wantCode(t, err, core.CodeNotFound)
	_, err = r.Docker().Container(ctx, name+"-2")
	wantCode(t, err, core.CodeNotFound)
}

func testRenameContainer(t *testing.T, r Rig) {
	ctx, name := t.Context(), r.Name(t)
	id, err := r.Maker().CreateContainer(ctx, madeSpec(t, r, name, "sleep"))
	must(t, err)
	_, err = r.Maker().CreateContainer(ctx, madeSpec(t, r, name+"-2", "sleep"))
	must(t, err)
	wantCode(t, r.Maker().RenameContainer(ctx, id, name+"-2"), core.CodeConflict)
	must(t, r.Maker().RenameContainer(ctx, id, name))
	must(t, r.Maker().RenameContainer(ctx, id, name+"-3"))
	if c, err := r.Docker().Container(ctx, name+"-3"); err != nil || c.ID != id {
		t.Errorf("%s is %s, %v", name+"-3", c.ID, err)
	}
	wantCode(t, r.Maker().RenameContainer(ctx, name+"-nobody", name+"-4"), core.CodeNotFound)
}

func testWaitContainer(t *testing.T, r Rig) {
	ctx, name := t.Context(), r.Name(t)
	id, err := r.Maker().CreateContainer(ctx, madeSpec(t, r, name, "sleep"))
	must(t, err)
	_, err = r.Maker().WaitContainer(ctx, id)
	wantCode(t, err, core.CodeConflict)
	must(t, r.Docker().Start(ctx, id))
	short, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
	defer cancel()
	_, err = r.Maker().WaitContainer(short, id)
	wantCode(t, err, core.CodeUnavailable)
	ended := make(chan error, 1)
	go func() {
		_, err := r.Maker().WaitContainer(ctx, id)
		ended <- err
	}()
	must(t, r.Docker().Stop(ctx, id, 5*time.Second))
	select {
	case err := <-ended:
		must(t, err)
	case <-time.After(10 * time.Second):
		t.Error("still waiting")
	}
	_, err = r.Maker().WaitContainer(ctx, name+"-nobody")
	wantCode(t, err, core.CodeNotFound)
}

func testEnsureNetwork(t *testing.T, r Rig) {
	ctx, name := t.Context(), r.Name(t)
	errs := make(chan error, 4)
	for range cap(errs) {
		go func() { errs <- r.Maker().EnsureNetwork(ctx, name, true, map[string]string{"a": "b"}) }()
	}
	for range cap(errs) {
		must(t, <-errs)
	}
	list, err := r.Docker().Networks(ctx)
	must(t, err)
	list = slices.DeleteFunc(list, func(n core.Network) bool { return n.Name != name })
	if len(list) != 1 || !list[0].Internal || list[0].Labels["a"] != "b" || list[0].Driver != "bridge" {
		t.Errorf("networks %+v", list)
	}
}

func testRemoveNetwork(t *testing.T, r Rig) {
	ctx, name := t.Context(), r.Name(t)
	wantCode(t, r.Maker().RemoveNetwork(ctx, name), core.CodeNotFound)
	must(t, r.Maker().EnsureNetwork(ctx, name, true, nil))
	spec := madeSpec(t, r, name, "sleep")
	spec.Definition.Networks = []core.NetworkUse{{Name: name}}
	id, err := r.Maker().CreateContainer(ctx, spec)
	must(t, err)
	must(t, r.Docker().Start(ctx, id))
	wantCode(t, r.Maker().RemoveNetwork(ctx, name), core.CodeConflict)
	must(t, r.Docker().Remove(ctx, id, 0))
	must(t, r.Maker().RemoveNetwork(ctx, name))
	wantCode(t, r.Maker().RemoveNetwork(ctx, name), core.CodeNotFound)
}

func testEnsureVolume(t *testing.T, r Rig) {
	ctx, name := t.Context(), r.Name(t)
	must(t, r.Maker().EnsureVolume(ctx, name, map[string]string{"a": "b"}))
	must(t, r.Maker().EnsureVolume(ctx, name, map[string]string{"a": "c"}))
	list, err := r.Docker().Volumes(ctx)
	must(t, err)
	list = slices.DeleteFunc(list, func(v core.Volume) bool { return v.Name != name })
	if len(list) != 1 || list[0].Labels["a"] != "b" {
		t.Errorf("volumes %+v", list)
	}
}
