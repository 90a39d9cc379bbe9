package core

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"
)

// family are the containers of one service while a deployment is under way, or was left in the middle.
type family struct {
	service string
	name    string            // of the service's container
	members []ContainerDetail // the service's own, a candidate, one that is to go; oldest first
	tests   []string          // containers in which an image was tested
}

// familyOf finds them by name, which is what every process can see. A name that something else has taken is CodeConflict.
func (c *Core) familyOf(ctx context.Context, service, name string) (family, error) {
	ctx, cancel := context.WithTimeout(ctx, engineWait)
	defer cancel()
	f := family{service: service, name: name}
	list, err := c.docker.Containers(ctx)
	if err != nil {
		return f, err
	}
	for _, listed := range list {
		base, mark := cutMark(listed.Name)
		if base != name {
			continue
		}
		if mark == "" && (c.services.foreign(listed) || !isOf(listed, service)) {
			return f, Errorf(CodeConflict, "The name %s is taken by a container of %s. Rename or remove that one first.", name, shortText(cmp.Or(listed.Labels[labelService], listed.Labels[labelProject])))
		}
		if mark == markTest {
			f.tests = append(f.tests, listed.ID)
			continue
		}
		d, err := c.docker.Container(ctx, listed.ID)
		switch {
		case err == nil:
			f.members = append(f.members, d)
		case CodeOf(err) != CodeNotFound:
			return f, err
		}
	}
	slices.SortFunc(f.members, func(a, b ContainerDetail) int { return a.Created.Compare(b.Created) })
	return f, nil
}

// isOf is true unless a container says that it is another service.
func isOf(c Container, service string) bool {
	label := c.Labels[labelService]
	return label == "" || label == service
}

// others are the members without one.
func (f family) others(id string) []ContainerDetail {
	return slices.DeleteFunc(slices.Clone(f.members), func(d ContainerDetail) bool { return d.ID == id })
}

// shortGrace is the time that a member gets to end by itself while something else waits to serve.
func shortGrace(d ContainerDetail) time.Duration { return min(graceOf(0, d), settleGrace) }

// stopOthers ends every member but one.
func (c *Core) stopOthers(ctx context.Context, f family, id string) error {
	for _, other := range f.others(id) {
		if !isUp(other.State) {
			continue
		}
		if err := ignoreMissing(c.docker.Stop(ctx, other.ID, shortGrace(other))); err != nil {
			return err
		}
	}
	return nil
}

// install makes one container the only one of its service: it gets the name, then the route, and then the others go. Every step
// may be repeated, in this or another process.
func (c *Core) install(ctx context.Context, f family, d ContainerDetail) error {
	others := f.others(d.ID)
	for _, other := range others {
		if other.Name == f.name {
			if err := c.ship.Maker.RenameContainer(ctx, other.ID, f.name+markWas+other.ID[:8]); err != nil {
				return err
			}
		}
	}
	if d.Name != f.name {
		if err := c.ship.Maker.RenameContainer(ctx, d.ID, f.name); err != nil {
			return err
		}
		d.Name = f.name
	}
	if err := c.leadTo(ctx, f.service, d, others); err != nil {
		return err
	}
	var errs []error
	for _, other := range others {
		errs = append(errs, ignoreMissing(c.docker.Remove(ctx, other.ID, shortGrace(other))))
	}
	if err := errors.Join(append(errs, c.removeTests(ctx, f))...); err != nil {
		return err
	}
	_, _, err := c.endBridge(ctx, f.service, d.Labels, settleRoute)
	return err
}

// removeTests removes containers in which an image was tested.
func (c *Core) removeTests(ctx context.Context, f family) error {
	var errs []error
	for _, id := range f.tests {
		errs = append(errs, ignoreMissing(c.docker.Remove(ctx, id, 0)))
	}
	return errors.Join(errs...)
}
