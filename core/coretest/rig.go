package coretest

import (
	"context"
	"testing"
	"time"

	"github.com/codematrx/matrx-ship/core"
)

// Guest is a container for tests. Its program runs one of: "sleep" (until it is told to end), "say TEXT..." (one line
// each, on stderr after the prefix "2:", then sleep), "long N" (a line of N bytes, then sleep), "exit N", "stubborn"
// (sleep that ignores SIGTERM). Executed in the container it also knows "cat", "size" and "exit N": see GuestExec.
type Guest struct {
	Args   []string
	Labels map[string]string
	Env    []string
	TTY    bool
	Volume string // of an anonymous volume: its target, empty for none
}

// Rig is an engine under test and the means to prepare it.
type Rig interface {
	Docker() core.Docker
	Maker() core.Maker
	Images() core.ImageStore
	// Guest is an image of the guest program, by a name.
	Guest() string
	// Name is one of its own. What is made under it, or under a name that begins with it, goes when the test ends.
	Name(t testing.TB) string
	// Run makes and starts a container under a name of its own and returns its id and name. Whatever is left of it goes
	// when the test ends.
	Run(t testing.TB, g Guest) (id, name string)
	// Exec is the command that runs the guest program in a container with the arguments.
	Exec(args ...string) []string
	// Rename renames a container behind the plane's back.
	Rename(t testing.TB, id, name string)
}

// FakeRig is the fake as a Rig.
type FakeRig struct{ Fake *Docker }

// NewFakeRig makes a Rig over a new fake.
func NewFakeRig() FakeRig { return FakeRig{NewDocker()} }

// Docker is the fake.
func (r FakeRig) Docker() core.Docker { return r.Fake }

// Maker is the fake.
func (r FakeRig) Maker() core.Maker { return r.Fake }

// Images is the fake.
func (r FakeRig) Images() core.ImageStore { return r.Fake }

// Guest puts the image into the fake unless it is there.
func (r FakeRig) Guest() string {
	r.Fake.mu.Lock()
	defer r.Fake.mu.Unlock()
	r.Fake.image("guest:latest")
	return "guest:latest"
}

// Name is a random one.
func (r FakeRig) Name(testing.TB) string { return "t-" + newID()[:8] }

// Run puts a guest into the fake.
func (r FakeRig) Run(t testing.TB, g Guest) (id, name string) {
	t.Helper()
	detail := core.ContainerDetail{TTY: g.TTY, Command: g.Args}
	detail.Labels = g.Labels
	if g.Volume != "" {
		v := core.Mount{Type: "volume", Name: newID(), Target: g.Volume}
		r.Fake.AddVolume(core.Volume{Name: v.Name})
		detail.Mounts = []core.Mount{v}
	}
	r.Fake.mu.Lock()
	defer r.Fake.mu.Unlock()
	id = r.Fake.add(detail, g.Env)
	return id, r.Fake.containers[id].d.Name
}

// Exec is the guest's command line.
func (r FakeRig) Exec(args ...string) []string { return append([]string{"/guest"}, args...) }

// Rename renames in the fake.
func (r FakeRig) Rename(_ testing.TB, id, name string) { r.Fake.Rename(id, name) }

// Wait polls until ok holds, and fails the test when it does not within the deadline.
func Wait(t testing.TB, deadline time.Duration, what string, ok func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-ctx.Done():
			t.Fatalf("not within %s: %s", deadline, what)
		case <-tick.C:
		}
	}
}
