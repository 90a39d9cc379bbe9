//go:build integration

package docker

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/codematrx/matrx-ship/core"
	"github.com/codematrx/matrx-ship/core/coretest"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	dockersdk "github.com/moby/moby/client"
)

func TestARecreatedContainerKeepsItsPlaceInTheNetworks(t *testing.T) {
	r := newRig(t, "")
	ctx := bounded(t, time.Minute)
	_, name := r.Run(t, coretest.Guest{Args: []string{"sleep"}})
	var fixed netip.Addr // an address that the container asked for, in the second network
	for i := range 2 {
		net := fmt.Sprintf("%s-net%d", name, i)
		octets := makeNetwork(t, r.api, net).Addr().As4()
		octets[3] = 77
		fixed = netip.AddrFrom4(octets)
		t.Cleanup(func() {
			_, err := r.api.NetworkRemove(context.Background(), net, dockersdk.NetworkRemoveOptions{})
			check(t, err)
		})
	}
	opts := guest(&container.HostConfig{NetworkMode: container.NetworkMode(name + "-net0")}, "http", "8080")
	opts.NetworkingConfig = &network.NetworkingConfig{EndpointsConfig: map[string]*network.EndpointSettings{name + "-net0": {Aliases: []string{"web"}}}}
	id, own := r.start(t, opts)
	_, err := r.api.NetworkConnect(ctx, name+"-net1", dockersdk.NetworkConnectOptions{Container: id, EndpointConfig: &network.EndpointSettings{
		Aliases: []string{"db-side"}, IPAMConfig: &network.EndpointIPAMConfig{IPv4Address: fixed}}})
	check(t, err)
	fresh, err := r.d.Recreate(ctx, own, 2*time.Second, nil)
	check(t, err)
	c, err := r.d.Container(ctx, fresh)
	check(t, err)
	if len(c.Networks) != 2 || !slices.Contains(c.Networks[0].Aliases, "web") || c.Networks[0].Address == "" ||
		!slices.Contains(c.Networks[1].Aliases, "db-side") || c.Networks[1].Address != fixed.String() {
		t.Errorf("networks %+v", c.Networks)
	}
}

func TestARecreationThatCannotStartPutsTheRunningContainerBack(t *testing.T) {
	r := newRig(t, newEngine(t).host)
	ctx := bounded(t, time.Minute)
	id, name := r.Run(t, coretest.Guest{Args: []string{"sleep"}})
	res, err := r.d.inspect(ctx, id)
	check(t, err)
	spec, err := r.d.specOf(ctx, res)
	check(t, err)
	spec.create.Config.Cmd = []string{"exit", "9"}
	rec := recreation{d: r.d, old: res.Container, name: name, spec: spec, grace: time.Second}
	fresh, err := rec.forward(ctx)
	if err == nil {
		t.Fatal("it stays up")
	}
	err = rec.back(ctx, fresh, err)
	if core.CodeOf(err) != core.CodeConflict || !strings.Contains(err.Error(), "exit code 9") || !strings.Contains(err.Error(), "The old container is back.") {
		t.Errorf("got %v", err)
	}
	c, err := r.d.Container(ctx, name)
	check(t, err)
	if c.ID != id || c.State != "running" {
		t.Errorf("%s is %s, %s", name, c.ID, c.State)
	}
	if _, err := r.d.Container(ctx, fresh); core.CodeOf(err) != core.CodeNotFound {
		t.Errorf("the new one is left: %v", err)
	}
}

func TestACrashAtAnyPointOfARecreationIsFinished(t *testing.T) {
	e := newEngine(t) // nobody else's: another one would finish it for us
	for _, c := range []struct {
		name string
		stop int // after so many steps: rename, create, stop old, start new
		old  bool
	}{{"renamed", 1, true}, {"created", 2, true}, {"old stopped", 3, true}, {"new started", 4, false}} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, e.host)
			ctx := bounded(t, time.Minute)
			opts := guest(nil, "sleep")
			opts.Config.Volumes, opts.Config.StopTimeout = map[string]struct{}{"/data": {}}, new(int)
			id, name := r.start(t, opts)
			res, err := r.d.inspect(ctx, id)
			check(t, err)
			spec, err := r.d.specOf(ctx, res)
			check(t, err)
			fresh := ""
			for i, step := range []func() error{
				func() error { return r.d.rename(ctx, id, name+oldMark+core.ShortID(id)) },
				func() error {
					made, err := r.api.ContainerCreate(ctx, spec.create)
					fresh = made.ID
					return err
				},
				func() error { return r.d.Stop(ctx, id, time.Second) },
				func() error { return r.d.Start(ctx, fresh) },
			} {
				if i < c.stop {
					check(t, step())
				}
			}
			again, err := Open(Config{Host: r.api.DaemonHost(), Locks: r.d.cfg.Locks}) // the next process
			check(t, err)
			again.quiet = 0
			again.ReconcileWhenReady()
			coretest.Wait(t, 20*time.Second, "the name is whole again", func() bool {
				list, err := r.d.Containers(ctx)
				check(t, err)
				return !slices.ContainsFunc(list, func(c core.Container) bool { return c.Name == name+oldMark+core.ShortID(id) })
			})
			check(t, again.Close())
			check(t, r.d.Reconcile(ctx)) // now there is nothing to do
			got, err := r.d.Container(ctx, name)
			check(t, err)
			want := fresh
			if c.old {
				want = id
			}
			if got.ID != want || got.State != "running" || len(got.Mounts) != 1 || got.Mounts[0].Name != res.Container.Mounts[0].Name {
				t.Errorf("%s is %s (%s) with %+v, want %s", name, got.Short(), got.State, got.Mounts, core.ShortID(want))
			}
			list, err := r.d.Containers(ctx)
			check(t, err)
			for _, other := range list {
				if strings.HasPrefix(other.Name, name) && other.ID != want {
					t.Errorf("%s is left", other.Name)
				}
			}
		})
	}
}

func TestAnotherPlanesRecreationIsLeftAlone(t *testing.T) {
	r := newRig(t, newEngine(t).host)
	ctx := bounded(t, time.Minute)
	other, err := Open(Config{Host: r.api.DaemonHost(), Locks: r.d.cfg.Locks})
	check(t, err)
	t.Cleanup(func() { check(t, other.Close()) })
	r.d.quiet = 0
	opts := guest(nil, "sleep")
	opts.Config.StopTimeout = new(int)
	id, name := r.start(t, opts)
	unlock, err := other.lock(name)
	check(t, err)
	if _, err := r.d.Recreate(ctx, id, time.Second, nil); core.CodeOf(err) != core.CodeConflict {
		t.Errorf("recreate: %v", err)
	}
	aside := name + oldMark + core.ShortID(id)
	check(t, r.d.rename(ctx, id, aside))
	check(t, r.d.Reconcile(ctx))
	c, err := r.d.Container(ctx, id)
	check(t, err)
	if c.Name != aside {
		t.Errorf("named %s", c.Name)
	}
	unlock()
	check(t, r.d.Reconcile(ctx))
	c, err = r.d.Container(ctx, id)
	check(t, err)
	if c.Name != name {
		t.Errorf("afterwards named %s", c.Name)
	}
}

func TestAMovedTagDoesNotChangeTheVersionOfARecreatedContainer(t *testing.T) {
	r := newRig(t, "")
	ctx := bounded(t, time.Minute)
	tag := prefix + "moved:1"
	_, err := r.api.ImageTag(ctx, dockersdk.ImageTagOptions{Source: imageName(), Target: tag})
	check(t, err)
	opts := guest(nil, "sleep")
	opts.Config.Image = tag
	id, _ := r.start(t, opts)
	was, err := r.d.Container(ctx, id)
	check(t, err)
	_, err = r.api.ImageRemove(ctx, tag, dockersdk.ImageRemoveOptions{Force: true})
	check(t, err)
	fresh, err := r.d.Recreate(ctx, id, time.Second, nil)
	check(t, err)
	c, err := r.d.Container(ctx, fresh)
	check(t, err)
	if c.ImageID != was.ImageID {
		t.Errorf("image %s, was %s", c.ImageID, was.ImageID)
	}
}
