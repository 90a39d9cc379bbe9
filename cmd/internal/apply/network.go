package apply

import (
	"context"

	"github.com/codematrx/matrx-ship/core"
)

// The labels of networks and volumes.
const (
	labelProject = "com.matrx.project"
	labelRoot    = "com.matrx.root" // MATRX_ROOT of the stack that they belong to
	composeLabel = "com.docker.compose.project"
)

// networks makes the networks and volumes that are missing. One that belongs to another project is refused before anything
// is made.
func (a *Applier) networks(ctx context.Context, defs []core.Definition) error {
	owners, err := a.owners(ctx)
	if err != nil {
		return err
	}
	for _, d := range defs {
		for _, n := range d.Networks {
			if err := refuseForeign(owners, "network", n.Name, d.Project); err != nil {
				return err
			}
		}
		for _, m := range d.Mounts {
			if err := refuseForeign(owners, "volume", m.Name, d.Project); err != nil {
				return err
			}
		}
	}
	for _, d := range defs {
		if err := a.ensure(ctx, d, owners); err != nil {
			return err
		}
	}
	return nil
}

// owners gives the project of every network and volume there is, "-" for one without.
func (a *Applier) owners(ctx context.Context) (map[string]string, error) {
	owners := map[string]string{}
	networks, err := a.Engine.Networks(ctx)
	if err != nil {
		return nil, err
	}
	for _, n := range networks {
		owners["network "+n.Name] = projectOf(n.Labels)
	}
	volumes, err := a.Engine.Volumes(ctx)
	if err != nil {
		return nil, err
	}
	for _, v := range volumes {
		owners["volume "+v.Name] = projectOf(v.Labels)
	}
	return owners, nil
}

func projectOf(labels map[string]string) string {
	if project := labels[labelProject]; project != "" {
		return project
	}
	return "-"
}

// refuseForeign keeps two stacks on one engine apart. A definition without a project, on a server of its own, takes what is there.
func refuseForeign(owners map[string]string, kind, name, project string) error {
	owner := owners[kind+" "+name]
	if name == "" || owner == "" || project == "" || owner == project {
		return nil
	}
	return core.Errorf(core.CodeConflict, "a %s named %s exists and does not belong to project %s; remove it, or choose another MATRX_PROJECT", kind, name, project)
}

// ensure makes what one service needs, and says what it made.
func (a *Applier) ensure(ctx context.Context, d core.Definition, owners map[string]string) error {
	labels := map[string]string{labelRoot: a.Root}
	if d.Project != "" {
		labels[labelProject], labels[composeLabel] = d.Project, d.Project
	}
	for _, n := range d.Networks {
		if err := a.Engine.EnsureNetwork(ctx, n.Name, n.Internal, labels); err != nil {
			return err
		}
		if err := a.made(owners, "network "+n.Name); err != nil {
			return err
		}
	}
	for _, m := range d.Mounts {
		if m.Type != "volume" {
			continue
		}
		if err := a.Engine.EnsureVolume(ctx, m.Name, labels); err != nil {
			return err
		}
		if err := a.made(owners, "volume "+m.Name); err != nil {
			return err
		}
	}
	return nil
}

// made says once that something is new.
func (a *Applier) made(owners map[string]string, what string) error {
	if owners[what] != "" {
		return nil
	}
	owners[what] = "new"
	return a.say(what, "made")
}
