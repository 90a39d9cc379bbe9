package docker

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/codematrx/matrx-ship/core"
	"github.com/moby/moby/api/types/network"
	dockersdk "github.com/moby/moby/client"
)

// waitLimit is how long WaitContainer waits at most: nobody waits longer for a container that is meant to end.
const waitLimit = time.Hour

var _ core.Maker = (*Docker)(nil)

// CreateContainer makes a container without starting it: in the first network of its definition, and then in the others, so
// that it has all its names from the moment it starts. A name that is taken is CodeConflict, a network or image that
// is not there CodeNotFound. Of one that cannot join every network nothing is left.
func (d *Docker) CreateContainer(ctx context.Context, spec core.ContainerSpec) (string, error) {
	create, others, err := createOptions(spec)
	if err != nil {
		return "", err
	}
	if err := d.haveNetworks(ctx, create, others); err != nil {
		return "", err
	}
	made, err := call(ctx, d, actLimit, "create "+spec.Name, func(ctx context.Context, api *dockersdk.Client) (dockersdk.ContainerCreateResult, error) {
		return api.ContainerCreate(ctx, create)
	})
	if err != nil {
		return "", err
	}
	if err := d.join(ctx, made.ID, spec.Name, others); err != nil {
		if gone := notMissing(d.remove(context.WithoutCancel(ctx), made.ID, true)); gone != nil {
			d.cfg.Log.Warn("half-made container left behind", "name", spec.Name, "id", made.ID, "err", gone)
		}
		return "", err
	}
	return made.ID, nil
}

// join connects a container to further networks.
func (d *Docker) join(ctx context.Context, id, name string, networks []membership) error {
	for _, n := range networks {
		err := act(ctx, d, actLimit, "connect "+name+" to "+n.network, func(ctx context.Context, api *dockersdk.Client) error {
			_, err := api.NetworkConnect(ctx, n.network, dockersdk.NetworkConnectOptions{Container: id, EndpointConfig: n.endpoint})
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// haveNetworks finds a missing network before anything is made: the engine itself would say so at the start only.
func (d *Docker) haveNetworks(ctx context.Context, create dockersdk.ContainerCreateOptions, others []membership) error {
	mode := create.HostConfig.NetworkMode
	if mode.IsNone() || mode.IsContainer() {
		return nil
	}
	items, err := d.listNetworks(ctx)
	if err != nil {
		return err
	}
	want := []string{string(mode)}
	for _, n := range others {
		want = append(want, n.network)
	}
	for _, name := range want {
		if !slices.ContainsFunc(items, func(n network.Summary) bool { return n.Name == name }) {
			return core.Errorf(core.CodeNotFound, "Cannot create %s: there is no network %s.", create.Name, name)
		}
	}
	return nil
}

// RenameContainer gives a container another name; one that has it already keeps it.
func (d *Docker) RenameContainer(ctx context.Context, id, name string) error {
	err := d.rename(ctx, id, name)
	if err == nil || core.CodeOf(err) == core.CodeNotFound || core.CodeOf(err) == core.CodeUnavailable {
		return err
	}
	if c, look := d.Container(ctx, id); look == nil && c.Name == name {
		return nil
	}
	return err
}

// WaitContainer waits until a started container has ended, at most an hour. One that was never started is CodeConflict.
func (d *Docker) WaitContainer(ctx context.Context, id string) (int, error) {
	c, err := d.Container(ctx, id)
	switch {
	case err != nil:
		return 0, err
	case c.State == "created":
		return 0, core.Errorf(core.CodeConflict, "%s was not started yet.", c.Name)
	}
	ctx, cancel := context.WithTimeout(ctx, waitLimit)
	defer cancel()
	code, err := d.waitEnd(ctx, c.ID)
	return int(code), err
}

// listNetworks is Networks as the SDK has them.
func (d *Docker) listNetworks(ctx context.Context) ([]network.Summary, error) {
	return call(ctx, d, readLimit, "list networks", func(ctx context.Context, api *dockersdk.Client) ([]network.Summary, error) {
		res, err := api.NetworkList(ctx, dockersdk.NetworkListOptions{})
		return res.Items, err
	})
}

// EnsureNetwork makes a bridge network unless there is one of that name. Engines before API 1.44 take a second network of the
// same name when two planes ask at once; one of them goes again then.
func (d *Docker) EnsureNetwork(ctx context.Context, name string, internal bool, labels map[string]string) error {
	select {
	case d.making <- struct{}{}:
		defer func() { <-d.making }()
	case <-ctx.Done():
		return wrap(ctx.Err(), "make the network "+name)
	}
	same, err := d.networksNamed(ctx, name)
	if err != nil || len(same) > 0 {
		return err
	}
	made, err := call(ctx, d, actLimit, "make the network "+name, func(ctx context.Context, api *dockersdk.Client) (dockersdk.NetworkCreateResult, error) {
		return api.NetworkCreate(ctx, name, dockersdk.NetworkCreateOptions{Driver: "bridge", Internal: internal, Labels: labels})
	})
	if core.CodeOf(err) == core.CodeConflict {
		return nil // somebody was faster
	}
	if err != nil {
		return err
	}
	same, err = d.networksNamed(ctx, name)
	if err != nil || len(same) < 2 {
		return err
	}
	return d.oneNetwork(ctx, same, made.ID)
}

// oneNetwork leaves the oldest of the networks of one name, or another one when that is in use already.
func (d *Docker) oneNetwork(ctx context.Context, same []network.Summary, own string) error {
	if same[0].ID != own {
		return d.removeNetwork(ctx, own)
	}
	for _, other := range same[1:] {
		if err := d.removeNetwork(ctx, other.ID); err != nil {
			return d.removeNetwork(ctx, own)
		}
	}
	return nil
}

// removeNetwork removes a network; one that is gone already is no error.
func (d *Docker) removeNetwork(ctx context.Context, id string) error {
	return notMissing(act(ctx, d, actLimit, "remove a second network of one name", func(ctx context.Context, api *dockersdk.Client) error {
		_, err := api.NetworkRemove(ctx, id, dockersdk.NetworkRemoveOptions{})
		return err
	}))
}

// RemoveNetwork removes the networks of a name. Engines call one that is in use forbidden.
func (d *Docker) RemoveNetwork(ctx context.Context, name string) error {
	same, err := d.networksNamed(ctx, name)
	if err == nil && len(same) == 0 {
		return core.Errorf(core.CodeNotFound, "There is no network %s.", name)
	}
	for _, n := range same {
		err = act(ctx, d, actLimit, "remove the network "+name, func(ctx context.Context, api *dockersdk.Client) error {
			_, err := api.NetworkRemove(ctx, n.ID, dockersdk.NetworkRemoveOptions{})
			return err
		})
		if core.CodeOf(err) == core.CodeForbidden {
			return core.Errorf(core.CodeConflict, "The network %s is in use.", name)
		}
		if err := notMissing(err); err != nil {
			return err
		}
	}
	return err
}

// networksNamed are the networks of exactly this name, oldest first.
func (d *Docker) networksNamed(ctx context.Context, name string) ([]network.Summary, error) {
	items, err := d.listNetworks(ctx)
	items = slices.DeleteFunc(items, func(n network.Summary) bool { return n.Name != name })
	slices.SortFunc(items, func(a, b network.Summary) int {
		return cmp.Or(a.Created.Compare(b.Created), strings.Compare(a.ID, b.ID))
	})
	return items, err
}

// EnsureVolume makes a volume unless there is one of that name.
func (d *Docker) EnsureVolume(ctx context.Context, name string, labels map[string]string) error {
	return act(ctx, d, actLimit, "make the volume "+name, func(ctx context.Context, api *dockersdk.Client) error {
		_, err := api.VolumeCreate(ctx, dockersdk.VolumeCreateOptions{Name: name, Labels: labels})
		return err
	})
}
