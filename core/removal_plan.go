package core

import (
	"bytes"
	"context"
	"slices"
	"strings"
)

// removalScope is what belongs to a service on the engine and on the disk, and goes with its definition.
type removalScope struct {
	containers []ContainerDetail // also what a deployment left beside the service's own
	tests      []string          // ids of containers in which an image was tested
	stranger   string            // why the container of its name is not its own; empty when it is
	routed     bool              // there is a switch file
	files      []string          // below MATRX_ROOT: rendered by us
	images     []string          // tags
	networks   []string
	stays      []string
}

func planRemoval(ctx context.Context, c *Core, in RemovalIn) (RemovalPlan, error) {
	dv, err := c.definitionOf(in.Service)
	if err != nil {
		return RemovalPlan{}, err
	}
	plan := RemovalPlan{Service: in.Service, KeepContainer: in.KeepContainer, Steps: removalSteps(in.KeepContainer), Goes: []string{"its definition"}}
	if env := c.newestEnv(in.Service); len(env.Names) > 0 {
		plan.Goes = append(plan.Goes, "its env, from being in force")
	}
	if dv.Removal != nil {
		plan.Begun = dv.At
	}
	if err := c.removable(dv, in.KeepContainer); err != nil {
		plan.Blocked = append(plan.Blocked, MessageOf(err))
	}
	if c.ship.Locks != nil {
		plan.Held = c.ship.Locks.Holder(in.Service)
	}
	ctx, cancel := context.WithTimeout(ctx, planWait)
	defer cancel()
	scope, err := c.scopeOf(ctx, dv)
	if err != nil {
		plan.Warn = append(plan.Warn, "What it has on the engine and the disk is not known: "+MessageOf(err))
	}
	if in.KeepContainer {
		plan.Stays = append(scope.words(), scope.stays...)
	} else {
		plan.Goes, plan.Stays = append(plan.Goes, scope.words()...), scope.stays
	}
	plan.Stays = append(plan.Stays, "its log", "what is on record: builds, releases, deployments, and older versions of its env, encrypted")
	plan.Warn = append(plan.Warn, c.removalWarnings(dv, in.KeepContainer, scope)...)
	return plan, nil
}

// words name what is in the scope.
func (s removalScope) words() []string {
	var list []string
	for _, d := range s.containers {
		list = append(list, "the container "+shortText(d.Name)+" ("+d.State+")")
	}
	if s.routed {
		list = append(list, "the file that leads its route")
	}
	for _, name := range s.files {
		list = append(list, "the file "+name)
	}
	if len(s.images) > 0 {
		list = append(list, "the images "+strings.Join(s.images, ", ")+", as far as nothing else uses them")
	}
	for _, name := range s.networks {
		list = append(list, "the network "+name)
	}
	return list
}

// removable refuses what may not be removed from here.
func (c *Core) removable(dv DefinitionVersion, keep bool) error {
	name := dv.Service
	switch dv.Kind {
	case KindTraefik, KindPostgres, KindManager, KindDeploy:
		return Errorf(CodeConflict, "%s belongs to the platform: the server does not work without it, so its definition cannot be removed.", name)
	}
	if HomeOf(dv.Kind) != c.charter.Name && c.siblingServes() {
		return Errorf(CodeConflict, "The definition of %s is removed on the %s, which keeps its env: %s definition remove %s", name, c.charter.SiblingTitle(), c.cfg.Sibling(c.charter), name)
	}
	if c.ship.Maker == nil || c.ship.Images == nil || c.ship.Locks == nil || c.ship.Folders == nil {
		return Errorf(CodeUnavailable, "This control plane has no engine to remove %s from.", name)
	}
	if len(c.newestEnv(name).Names) > 0 {
		if _, err := c.sealer(); err != nil {
			return err
		}
	}
	for _, other := range c.definitions() {
		if !keep && dv.Kind == KindShipDB && other.Kind == KindShip && other.Instance == dv.Instance {
			return Errorf(CodeConflict, "%s is the database of %s. Remove that one first: definition remove %s", name, other.Service, other.Service)
		}
	}
	return nil
}

// removalWarnings are what an operator should know before.
func (c *Core) removalWarnings(dv DefinitionVersion, keep bool, s removalScope) []string {
	var warn []string
	if s.stranger != "" {
		warn = append(warn, "A container of its name stays: "+s.stranger)
	}
	if dv.Route != nil && !keep {
		warn = append(warn, "https://"+string(dv.Route.Domains[0])+" does not answer any more.")
	}
	if keep {
		warn = append(warn, "What goes on running is deployed and rolled back by nobody here; adopt "+dv.Service+" takes it over again.")
	}
	return warn
}

// scopeOf finds what belongs to a service. Nothing of it is data.
func (c *Core) scopeOf(ctx context.Context, dv DefinitionVersion) (removalScope, error) {
	s := removalScope{}
	f, err := c.familyOf(ctx, dv.Service, containerName(dv))
	switch {
	case CodeOf(err) == CodeConflict: // another stack's, or another service's: not ours to touch
		s.stranger = MessageOf(err)
	case err != nil:
		return s, err
	default:
		s.containers, s.tests = f.members, f.tests
	}
	if c.ship.Switch != nil {
		_, err := c.ship.Switch.Target(ctx, dv.Service)
		s.routed = CodeOf(err) != CodeNotFound
	}
	if err := c.scopeFiles(dv, &s); err != nil {
		return s, err
	}
	if s.images, err = c.ownImages(ctx, dv.Service); err != nil {
		return s, err
	}
	err = c.scopeNetworks(ctx, dv, &s)
	s.stays = append(s.stays, mountWords(dv.Definition, s.containers)...)
	return s, err
}

// containerName is the name of a service's container.
func containerName(dv DefinitionVersion) string {
	if dv.Container != "" {
		return dv.Container
	}
	return dv.Service
}

// scopeFiles finds the files that were rendered into the service's folder. What somebody else wrote there stays.
func (c *Core) scopeFiles(dv DefinitionVersion, s *removalScope) error {
	if c.ship.Folders == nil {
		return nil
	}
	folder := FolderOf(dv.Definition)
	for name, mark := range map[string][]byte{composeFile: derivedMark, dotEnvFile: []byte(dotEnvMark)} {
		text, err := c.ship.Folders.ReadFile(folder + "/" + name)
		switch {
		case CodeOf(err) == CodeNotFound:
		case err != nil:
			return err
		case bytes.HasPrefix(text, mark):
			s.files = append(s.files, folder+"/"+name)
		}
	}
	slices.Sort(s.files)
	s.stays = append(s.stays, "the folder "+c.cfg.Root+"/"+folder+", with everything that was not rendered into it")
	return nil
}

// ownImages are the tags under which the engine keeps images that only this service's releases and builds name.
func (c *Core) ownImages(ctx context.Context, service string) ([]string, error) {
	if c.ship.Images == nil {
		return nil, nil
	}
	own, ours := map[string]bool{}, map[string]bool{}
	for _, rel := range rowsOf[Release](c, releasesTable) {
		if rel.Service == service {
			own[rel.Image], ours[rel.Tag] = true, true
		}
	}
	for _, b := range rowsOf[Build](c, buildsTable) {
		if b.Service == service && b.Image != "" {
			own[b.Image], ours[b.Tag] = true, true
		}
	}
	list, err := c.docker.Images(ctx)
	if err != nil {
		return nil, err
	}
	var tags []string
	for _, image := range list {
		for _, tag := range image.Tags { // the current one may be that of another stack on the engine
			if ours[tag] || tag == CurrentImage(service) && own[image.ID] {
				tags = append(tags, tag)
			}
		}
	}
	slices.Sort(tags)
	return slices.Compact(tags), nil
}

// scopeNetworks finds the networks that a deployment made for the service and that no other definition names.
func (c *Core) scopeNetworks(ctx context.Context, dv DefinitionVersion, s *removalScope) error {
	list, err := c.docker.Networks(ctx)
	if err != nil {
		return err
	}
	all, err := c.docker.Containers(ctx) // also those that do not run: without their network they could never start again
	if err != nil {
		return err
	}
	needed := c.networksOfOthers(dv.Service)
	for _, n := range list {
		uses := func(use NetworkUse) bool { return use.Name == n.Name }
		if !slices.ContainsFunc(dv.Networks, uses) {
			continue
		}
		made := n.Labels[labelProject] == c.cfg.Project && (n.Labels[labelService] != "" || c.cfg.Project != "")
		guests := c.guestsOf(n.Name)
		isForeign := func(name string) bool {
			own := func(d ContainerDetail) bool { return d.Name == name }
			return !slices.ContainsFunc(s.containers, own) && !slices.ContainsFunc(guests, func(g guest) bool { return g.container.Name == name })
		}
		foreign := slices.ContainsFunc(n.Containers, isForeign) ||
			slices.ContainsFunc(all, func(other Container) bool { return isMember(other, n.Name) && isForeign(other.Name) })
		if made && !needed[n.Name] && !foreign {
			s.networks = append(s.networks, n.Name)
		} else {
			s.stays = append(s.stays, "the network "+shortText(n.Name))
		}
	}
	slices.Sort(s.networks)
	return nil
}

// networksOfOthers are the networks that other definitions name.
func (c *Core) networksOfOthers(service string) map[string]bool {
	needed := map[string]bool{}
	for _, other := range c.definitions() {
		if other.Service == service {
			continue
		}
		for _, use := range other.Networks {
			needed[use.Name] = true
		}
		if other.Route != nil {
			needed[other.Route.Network] = true
		}
	}
	return needed
}

// mountWords name the data that a removal never takes: what the definition mounts, and what the containers have.
func mountWords(d Definition, containers []ContainerDetail) []string {
	mounts := slices.Clone(d.Mounts)
	for _, c := range containers {
		mounts = append(mounts, c.Mounts...)
	}
	var list []string
	for _, m := range mounts {
		switch {
		case m.Type == "volume" && m.Name != "":
			list = append(list, "the volume "+shortText(m.Name))
		case m.Type == "bind":
			list = append(list, "the folder "+shortText(m.Source))
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}
