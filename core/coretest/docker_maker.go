package coretest

import (
	"context"
	"maps"
	"slices"

	"github.com/codematrx/matrx-ship/core"
)

// CreateContainer makes a container without starting it. Its guest runs the spec's command, else the definition's, else
// the image's. It has the image's labels under its own.
func (d *Docker) CreateContainer(ctx context.Context, spec core.ContainerSpec) (string, error) {
	if err := d.enter(ctx, "CreateContainer"); err != nil {
		return "", err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	img, ok := d.findImage(spec.Image)
	switch {
	case !ok:
		return "", noImage(spec.Image)
	case d.find(spec.Name) != nil && d.find(spec.Name).d.Name == spec.Name:
		return "", core.Errorf(core.CodeConflict, "The container name %s is in use.", spec.Name)
	}
	detail := d.detailOf(spec, img)
	for _, n := range detail.Networks {
		if _, ok := d.networks[n.Network]; !ok && n.Network != "none" {
			return "", core.Errorf(core.CodeNotFound, "No such network: %s", n.Network)
		}
	}
	var env []string
	for k, v := range spec.Env {
		env = append(env, k+"="+v)
	}
	id := d.add(detail, env)
	spec.Env, spec.Labels = maps.Clone(spec.Env), maps.Clone(spec.Labels)
	d.containers[id].spec = &spec
	return id, nil
}

// detailOf is what an inspection of a container shall say. Call with mu held.
func (d *Docker) detailOf(spec core.ContainerSpec, img core.Image) core.ContainerDetail {
	def := spec.Definition
	out := core.ContainerDetail{RestartPolicy: first(def.Restart, "no"), User: def.User, WorkDir: def.WorkDir, Mounts: def.Mounts,
		MemoryLimit: def.Memory, CPULimit: def.CPUs, PidsLimit: def.Pids, ReadOnly: def.ReadOnly, StopSignal: def.StopSignal,
		StopGrace: def.StopGrace, EnvNames: slices.Sorted(maps.Keys(spec.Env)), Command: d.recipes[img.ID].command}
	if def.Command != nil {
		out.Command = def.Command
	}
	if spec.Command != nil {
		out.Command = spec.Command
	}
	out.Name, out.Image, out.ImageID, out.State = spec.Name, spec.Image, img.ID, "created"
	out.Labels, out.Ports = maps.Clone(img.Labels), def.Ports
	if out.Labels == nil {
		out.Labels = map[string]string{}
	}
	maps.Copy(out.Labels, spec.Labels)
	if spec.Alone {
		out.RestartPolicy, out.Mounts, out.Ports = "no", slices.Clone(spec.Seen), nil
		for i := range out.Mounts {
			out.Mounts[i].ReadOnly = true
		}
		if out.Networks = []core.Attachment{{Network: "none"}}; spec.Beside != "" {
			out.Networks = []core.Attachment{} // it has none of its own
		}
		return out
	}
	for _, n := range def.Networks {
		aliases := slices.Clone(n.Aliases)
		if spec.Alias != "" {
			aliases = append(aliases, spec.Alias)
		}
		out.Networks = append(out.Networks, core.Attachment{Network: n.Name, Aliases: aliases})
	}
	if len(out.Networks) == 0 {
		out.Networks = []core.Attachment{{Network: "none"}}
	}
	return out
}

// Spec is what a container was made from; ok is false for one that CreateContainer did not make.
func (d *Docker) Spec(id string) (spec core.ContainerSpec, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if c := d.find(id); c != nil && c.spec != nil {
		return *c.spec, true
	}
	return core.ContainerSpec{}, false
}

// RenameContainer gives a container another name; one that has it already keeps it.
func (d *Docker) RenameContainer(ctx context.Context, id, name string) error {
	if err := d.enter(ctx, "RenameContainer"); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	c := d.find(id)
	switch other := d.find(name); {
	case c == nil:
		return noSuch(id)
	case c.d.Name == name:
		return nil
	case other != nil && other.d.Name == name:
		return core.Errorf(core.CodeConflict, "The container name %s is in use.", name)
	}
	c.d.Name = name
	d.emit(c.event("rename"))
	return nil
}

// WaitContainer waits for the end of a container's main process.
func (d *Docker) WaitContainer(ctx context.Context, id string) (int, error) {
	if err := d.enter(ctx, "WaitContainer"); err != nil {
		return 0, err
	}
	d.mu.Lock()
	c := d.find(id)
	d.mu.Unlock()
	if c == nil {
		return 0, noSuch(id)
	}
	for {
		d.mu.Lock()
		state, code, name, down, changed := c.d.State, c.d.ExitCode, c.d.Name, d.down, d.changed
		d.mu.Unlock()
		switch {
		case down != nil:
			return 0, core.Errorf(core.CodeUnavailable, "The engine does not answer: %w", down)
		case state == "created":
			return 0, core.Errorf(core.CodeConflict, "%s was not started yet.", name)
		case state != "running":
			return code, nil
		}
		select {
		case <-ctx.Done():
			return 0, gaveUp(ctx)
		case <-changed:
		}
	}
}

// EnsureNetwork makes a network unless there is one of that name.
func (d *Docker) EnsureNetwork(ctx context.Context, name string, internal bool, labels map[string]string) error {
	if err := d.enter(ctx, "EnsureNetwork"); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, ok := d.networks[name]; !ok {
		d.networks[name] = core.Network{ID: newID(), Name: name, Driver: "bridge", Internal: internal, Created: d.tick(), Labels: maps.Clone(labels)}
	}
	return nil
}

// RemoveNetwork removes a network that no running container is in.
func (d *Docker) RemoveNetwork(ctx context.Context, name string) error {
	if err := d.enter(ctx, "RemoveNetwork"); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, ok := d.networks[name]; !ok {
		return core.Errorf(core.CodeNotFound, "There is no network %s.", name)
	}
	for _, c := range d.containers {
		for _, n := range c.d.Networks {
			if n.Network == name && c.d.State == "running" {
				return core.Errorf(core.CodeConflict, "The network %s is in use.", name)
			}
		}
	}
	delete(d.networks, name)
	return nil
}

// EnsureVolume makes a volume unless there is one of that name.
func (d *Docker) EnsureVolume(ctx context.Context, name string, labels map[string]string) error {
	if err := d.enter(ctx, "EnsureVolume"); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, ok := d.volumes[name]; !ok {
		d.volumes[name] = core.Volume{Name: name, Driver: "local", Created: d.tick(), Labels: maps.Clone(labels)}
	}
	return nil
}
