package docker

import (
	"context"
	"slices"

	"github.com/codematrx/matrx-ship/core"
	"github.com/moby/moby/api/types/network"
	dockersdk "github.com/moby/moby/client"
	"github.com/moby/moby/client/pkg/versions"
)

const (
	// gatewayVersion is the API from which on a member may say that a network is not its way out.
	gatewayVersion = "1.48"
	// lastGateway is the priority of a network that is the way out only when there is no other. Older engines do not read it.
	lastGateway = -1
)

// Connect makes a container a member of a network, without a further name there.
func (d *Docker) Connect(ctx context.Context, name, container string) error {
	same, err := d.networksNamed(ctx, name)
	if err == nil && len(same) == 0 {
		err = core.Errorf(core.CodeNotFound, "There is no network %s.", name)
	}
	if err != nil {
		return err
	}
	c, err := d.Container(ctx, container)
	if err != nil || isMember(c.Container, name) {
		return err
	}
	if err := d.keepsWayOut(ctx, c.Container, same[0]); err != nil {
		return err
	}
	err = act(ctx, d, actLimit, "connect "+c.Name+" to "+name, func(ctx context.Context, api *dockersdk.Client) error {
		_, err := api.NetworkConnect(ctx, same[0].ID, dockersdk.NetworkConnectOptions{
			Container: c.ID, EndpointConfig: &network.EndpointSettings{GwPriority: lastGateway},
		})
		return err
	})
	return d.unless(ctx, err, c.ID, name, true)
}

// Disconnect ends a membership.
func (d *Docker) Disconnect(ctx context.Context, name, container string) error {
	c, err := d.Container(ctx, container)
	if err != nil {
		return err
	}
	if !isMember(c.Container, name) {
		same, err := d.networksNamed(ctx, name)
		if err == nil && len(same) == 0 {
			err = core.Errorf(core.CodeNotFound, "There is no network %s.", name)
		}
		return err
	}
	err = act(ctx, d, actLimit, "disconnect "+c.Name+" from "+name, func(ctx context.Context, api *dockersdk.Client) error {
		_, err := api.NetworkDisconnect(ctx, name, dockersdk.NetworkDisconnectOptions{Container: c.ID})
		return err
	})
	return d.unless(ctx, err, c.ID, name, false)
}

// unless drops an error when the membership is as it was wanted: somebody was faster.
func (d *Docker) unless(ctx context.Context, err error, id, name string, member bool) error {
	if err == nil || core.CodeOf(err) == core.CodeUnavailable {
		return err
	}
	if now, look := d.Container(ctx, id); look == nil && isMember(now.Container, name) == member {
		return nil
	}
	return err
}

// isMember is true for a container in a network.
func isMember(c core.Container, name string) bool {
	return slices.ContainsFunc(c.Networks, func(a core.Attachment) bool { return a.Network == name })
}

// keepsWayOut refuses a network that would become the container's way out: the engine then gives the published ports to that network,
// and each connection through them ends. Older engines decide by the names of the networks that are not internal.
func (d *Docker) keepsWayOut(ctx context.Context, c core.Container, n network.Summary) error {
	api, err := d.client(ctx)
	if err != nil {
		return wrap(err, "connect "+c.Name+" to "+n.Name)
	}
	if n.Internal || !versions.LessThan(api.ClientVersion(), gatewayVersion) {
		return nil
	}
	items, err := d.listNetworks(ctx)
	if err != nil {
		return err
	}
	now := ""
	for _, item := range items {
		if !item.Internal && isMember(c, item.Name) && (now == "" || item.Name < now) {
			now = item.Name
		}
	}
	if now == "" || now < n.Name {
		return nil
	}
	return core.Errorf(core.CodeConflict, "The network %s would become the way out of %s instead of %s, because its name comes first, and cut its connections.", n.Name, c.Name, now)
}
