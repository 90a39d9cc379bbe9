package coretest

import (
	"slices"
	"testing"

	"github.com/codematrx/matrx-ship/core"
)

// joiner runs a container in a network of its own, beside a second network.
func joiner(t *testing.T, r Rig, own, other string, internal bool) (id string) {
	t.Helper()
	ctx := t.Context()
	must(t, r.Maker().EnsureNetwork(ctx, own, false, nil))
	must(t, r.Maker().EnsureNetwork(ctx, other, internal, nil))
	spec := madeSpec(t, r, own, "sleep")
	spec.Definition.Networks = []core.NetworkUse{{Name: own}}
	id, err := r.Maker().CreateContainer(ctx, spec)
	must(t, err)
	must(t, r.Docker().Start(ctx, id))
	waitState(t, r.Docker(), id, "running")
	return id
}

// memberships are the networks of a container, by name.
func memberships(t *testing.T, r Rig, id string) map[string]core.Attachment {
	t.Helper()
	c, err := r.Docker().Container(t.Context(), id)
	must(t, err)
	list := map[string]core.Attachment{}
	for _, a := range c.Networks {
		list[a.Network] = a
	}
	return list
}

func testConnect(t *testing.T, r Rig) {
	ctx, name := t.Context(), r.Name(t)
	other := name + "-z"
	id := joiner(t, r, name, other, true)
	for range 2 {
		must(t, r.Maker().Connect(ctx, other, id))
		got := memberships(t, r, id)
		if a := got[other]; len(got) != 2 || a.Address == "" || slices.Contains(a.Aliases, "web") {
			t.Errorf("networks %+v", got)
		}
	}
	wantCode(t, r.Maker().RemoveNetwork(ctx, other), core.CodeConflict)
	for range 2 {
		must(t, r.Maker().Disconnect(ctx, other, id))
		if got := memberships(t, r, id); len(got) != 1 || got[name].Address == "" {
			t.Errorf("networks %+v", got)
		}
	}
	must(t, r.Maker().RemoveNetwork(ctx, other))
}

// testConnectKeepsTheWayOut joins a network whose name comes first: engines either keep the way out all the same, or the network is
// refused.
func testConnectKeepsTheWayOut(t *testing.T, r Rig) {
	ctx, name := t.Context(), r.Name(t)
	first := "0-" + name
	id := joiner(t, r, name, first, false)
	err := r.Maker().Connect(ctx, first, id)
	got := memberships(t, r, id)
	if _, joined := got[first]; joined != (err == nil) || err != nil && core.CodeOf(err) != core.CodeConflict {
		t.Errorf("joined %v, %v", joined, err)
	}
	must(t, r.Maker().Disconnect(ctx, first, id))
	must(t, r.Maker().RemoveNetwork(ctx, first))
	last := name + "-z"
	must(t, r.Maker().EnsureNetwork(ctx, last, false, nil))
	must(t, r.Maker().Connect(ctx, last, id))
	if got := memberships(t, r, id); got[last].Address == "" {
		t.Errorf("networks %+v", got)
	}
	must(t, r.Maker().Disconnect(ctx, last, id))
	must(t, r.Maker().RemoveNetwork(ctx, last))
}

func testConnectWrong(t *testing.T, r Rig) {
	ctx, name := t.Context(), r.Name(t)
	id := joiner(t, r, name, name+"-z", true)
	wantCode(t, r.Maker().Connect(ctx, name+"-none", id), core.CodeNotFound)
	wantCode(t, r.Maker().Disconnect(ctx, name+"-none", id), core.CodeNotFound)
	wantCode(t, r.Maker().Connect(ctx, name+"-z", name+"-nobody"), core.CodeNotFound)
	wantCode(t, r.Maker().Disconnect(ctx, name+"-z", name+"-nobody"), core.CodeNotFound)
}
