package core

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Joined is a row of the table "joined": a network that a control plane joined by itself, to probe a service over it. What its own
// definition names is none. It is written before the plane joins and deleted after it has left, so that a crash loses no membership.
type Joined struct {
	Plane   string    `json:"plane"`
	Network string    `json:"network"`
	At      time.Time `json:"at"`
}

// key is that of its row: each plane has rows of its own.
func (j Joined) key() string { return j.Plane + "/" + j.Network }

// vantage is what has to be done so that this control plane can probe a service.
type vantage struct {
	join []string // networks of which one has to be joined, the best first; empty: nothing has to be
	why  string   // it cannot come near, in words
}

// vantageOn finds out how to come near a container with these networks. One without a way out of the server is the better choice: it
// cannot become the way out of the plane.
func (c *Core) vantageOn(ctx context.Context, uses []NetworkUse) (vantage, error) {
	home := c.services.standing()
	uses = slices.DeleteFunc(slices.Clone(uses), func(use NetworkUse) bool { return use.Name == noNetwork })
	switch {
	case len(uses) == 0:
		return vantage{why: "It is on no network, so its health check cannot be made."}, nil
	case !home.inside || home.networks[hostNetwork]: // the host is a member of every network
		return vantage{}, nil
	case slices.ContainsFunc(uses, func(use NetworkUse) bool { return home.networks[use.Name] }):
		return vantage{}, nil
	}
	list, err := c.docker.Networks(ctx)
	if err != nil {
		return vantage{}, err
	}
	return c.chooseNetwork(uses, list), nil
}

// chooseNetwork sorts the networks that may be joined, and says why the others may not. One that is not there yet is made by the
// deployment.
func (c *Core) chooseNetwork(uses []NetworkUse, list []Network) vantage {
	var inner, outer, not []string
	for _, use := range uses {
		internal, why := use.Internal, ""
		if i := slices.IndexFunc(list, func(n Network) bool { return n.Name == use.Name }); i >= 0 {
			internal, why = list[i].Internal, c.notToJoin(list[i])
		} else if use.Name == hostNetwork {
			why = "the server's own"
		}
		switch {
		case why != "":
			not = append(not, shortText(use.Name)+": "+why)
		case internal:
			inner = append(inner, use.Name)
		default:
			outer = append(outer, use.Name)
		}
	}
	if join := append(inner, outer...); len(join) > 0 {
		return vantage{join: join}
	}
	return vantage{why: "This control plane is on none of its networks and joins none of them (" + strings.Join(not, "; ") + "), so its health check cannot be made."}
}

// notToJoin says why a control plane does not join a network; empty when it may.
func (c *Core) notToJoin(n Network) string {
	project := n.Labels[labelProject]
	switch {
	case n.Driver != "bridge":
		return "not a bridge network but " + shortText(n.Driver)
	case project != "" && project != c.cfg.Project:
		return "of the stack " + shortText(project)
	}
	return ""
}

// comeNear joins one of the networks when this control plane is in none of them, and gives its name. CodeConflict says why it cannot.
func (c *Core) comeNear(ctx context.Context, uses []NetworkUse) (string, error) {
	v, err := c.vantageOn(ctx, uses)
	switch {
	case err != nil:
		return "", err
	case v.why != "":
		return "", Errorf(CodeConflict, "%s", v.why)
	}
	var refused error // the best one's
	for _, name := range v.join {
		err := c.joinNetwork(ctx, name)
		if err == nil {
			return name, nil
		}
		if CodeOf(err) != CodeConflict {
			return "", err
		}
		refused = cmp.Or(refused, err)
	}
	if refused != nil {
		return "", Errorf(CodeConflict, "This control plane is on none of its networks and can join none of them, so its health check cannot be made. %s Make one of them internal.", MessageOf(refused))
	}
	return "", nil
}

// joinNetwork makes this control plane a member of a network, and writes that down first.
func (c *Core) joinNetwork(ctx context.Context, name string) error {
	c.joining.Lock()
	defer c.joining.Unlock()
	row := Joined{Plane: c.charter.Name, Network: name, At: c.now().UTC()}
	if err := c.commit(ctx, edit{joinedTable, row.key(), row}); err != nil {
		return fmt.Errorf("write down that the network %s is joined: %w", name, err)
	}
	err := c.ship.Maker.Connect(ctx, name, c.services.standing().container)
	switch CodeOf(err) {
	case "":
		c.log.Info("a network was joined, to probe what is in it", "network", name)
		return c.services.relist(ctx)
	case CodeConflict, CodeNotFound: // it did not come to it
		return errors.Join(err, c.commit(ctx, edit{joinedTable, row.key(), nil}))
	}
	return err
}

// leaveNetwork ends what joinNetwork began. A network that is gone has been left.
func (c *Core) leaveNetwork(ctx context.Context, row Joined) error {
	c.joining.Lock()
	defer c.joining.Unlock()
	if home := c.services.standing(); home.inside {
		if err := ignoreMissing(c.ship.Maker.Disconnect(ctx, row.Network, home.container)); err != nil {
			return err
		}
	}
	if err := c.commit(ctx, edit{joinedTable, row.key(), nil}); err != nil {
		return fmt.Errorf("write down that the network %s is left: %w", row.Network, err)
	}
	c.log.Info("a network was left: no definition names it any more", "network", row.Network)
	return c.services.relist(ctx)
}

// guest is a control plane in a network that it joined by itself.
type guest struct {
	row       Joined
	container Container
}

// guestsOf are the control planes that joined a network by themselves, as far as they have a container.
func (c *Core) guestsOf(network string) []guest {
	var list []guest
	for _, row := range rowsOf[Joined](c, joinedTable) {
		if row.Network != network || row.Plane != c.charter.Name && row.Plane != c.charter.Sibling {
			continue
		}
		if container, _, ok := c.services.placeOf(row.Plane); ok {
			list = append(list, guest{row, container})
		}
	}
	return list
}

// clearGuests has the control planes leave a network that is to be removed. The row of the other plane is deleted by itself.
func (c *Core) clearGuests(ctx context.Context, network string) error {
	for _, g := range c.guestsOf(network) {
		var err error
		if g.row.Plane == c.charter.Name {
			err = c.leaveNetwork(ctx, g.row)
		} else {
			err = ignoreMissing(c.ship.Maker.Disconnect(ctx, network, g.container.ID))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// comeNear has this control plane join a network of the candidate whose health it is to probe. What cannot be probed is found out
// before anything is made, and not after the time that the health check has.
func (r *deployRun) comeNear(ctx context.Context) error {
	made := Container{Labels: r.labels(), Ports: r.image.Ports}
	if !comesNear(r.def.Kind) || probeRuleOf(made, r.def.Kind).how == ProbeSkip {
		return nil
	}
	if r.c.services.standing().inside {
		if err := r.c.services.relist(ctx); err != nil { // the other plane may have taken us out of a network of that name
			return err
		}
	}
	name, err := r.c.comeNear(ctx, r.def.Networks)
	if name != "" {
		r.j.print("this control plane joined the network " + name + ", to probe the new version over it")
	}
	return err
}

// outOfReach says why the health of what a definition makes cannot be probed from here; empty when it can, or when that is not known.
func (c *Core) outOfReach(ctx context.Context, d Definition) string {
	if !comesNear(d.Kind) || probeRuleOf(Container{Labels: ContainerLabels(d, Stamp{})}, d.Kind).how == ProbeSkip {
		return ""
	}
	v, err := c.vantageOn(ctx, d.Networks)
	if err != nil {
		return "" // the deployment asks again
	}
	return v.why
}

// comesNear is true for the kinds whose networks a control plane joins. Those of the platform have the planes in theirs by definition.
func comesNear(k Kind) bool { return kindLayers[k] == LayerApps }
