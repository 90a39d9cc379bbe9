package coretest

import (
	"context"
	"fmt"
	"slices"

	"github.com/codematrx/matrx-ship/core"
)

// Connect makes a container a member of a network. As with an older engine, the way out is the network whose name comes first.
func (d *Docker) Connect(ctx context.Context, network, container string) error {
	if err := d.enter(ctx, "Connect"); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	c, n, err := d.member(network, container)
	if err != nil || c.in(network) {
		return err
	}
	way := ""
	for _, a := range c.d.Networks {
		if other := d.networks[a.Network]; other.Name != "" && !other.Internal && (way == "" || other.Name < way) {
			way = other.Name
		}
	}
	if !n.Internal && way != "" && network < way {
		return core.Errorf(core.CodeConflict, "The network %s would become the way out of %s instead of %s.", network, c.d.Name, way)
	}
	a := core.Attachment{Network: network}
	if c.d.State == "running" {
		d.pid++
		a.Address = fmt.Sprintf("172.17.%d.%d", d.pid/250%250, d.pid%250+2)
	}
	c.d.Networks = append(slices.Clone(c.d.Networks), a)
	return nil
}

// Disconnect ends a membership.
func (d *Docker) Disconnect(ctx context.Context, network, container string) error {
	if err := d.enter(ctx, "Disconnect"); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	c, _, err := d.member(network, container)
	if err != nil {
		return err
	}
	c.d.Networks = slices.DeleteFunc(slices.Clone(c.d.Networks), func(a core.Attachment) bool { return a.Network == network })
	return nil
}

// member finds a network and a container. Call with mu held.
func (d *Docker) member(network, id string) (*container, core.Network, error) {
	n, ok := d.networks[network]
	c := d.find(id)
	switch {
	case !ok:
		return nil, n, core.Errorf(core.CodeNotFound, "There is no network %s.", network)
	case c == nil:
		return nil, n, noSuch(id)
	}
	return c, n, nil
}

// in is true for a member of a network.
func (c *container) in(network string) bool {
	return slices.ContainsFunc(c.d.Networks, func(a core.Attachment) bool { return a.Network == network })
}
