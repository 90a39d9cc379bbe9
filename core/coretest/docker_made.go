package coretest

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/codematrx/matrx-ship/core"
)

var _ core.MadeReader = (*Docker)(nil)

// MadeContainer says how a container was made: what CreateContainer was told, else what an inspection of it says.
func (d *Docker) MadeContainer(ctx context.Context, id string) (core.MadeContainer, error) {
	if err := d.enter(ctx, "MadeContainer"); err != nil {
		return core.MadeContainer{}, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	c := d.find(id)
	if c == nil {
		return core.MadeContainer{}, noSuch(id)
	}
	out := core.MadeContainer{Env: map[string]string{}, Definition: core.Definition{
		Container: c.d.Name, Image: c.d.Image, User: c.d.User, WorkDir: c.d.WorkDir, Command: slices.Clone(c.d.Command), Labels: maps.Clone(c.d.Labels),
		Mounts: slices.Clone(c.d.Mounts), Restart: first(c.d.RestartPolicy, "no"), StopSignal: c.d.StopSignal, StopGrace: c.d.StopGrace,
		Memory: c.d.MemoryLimit, CPUs: c.d.CPULimit, Pids: c.d.PidsLimit, ReadOnly: c.d.ReadOnly,
	}}
	if c.spec != nil {
		labels := out.Definition.Labels
		out.Definition = c.spec.Definition
		out.Definition.Labels = labels
		out.Definition.Env = nil
	} else {
		for _, a := range c.d.Networks {
			out.Definition.Networks = append(out.Definition.Networks, core.NetworkUse{Name: a.Network, Aliases: a.Aliases})
		}
		out.Definition.Ports = slices.DeleteFunc(slices.Clone(c.d.Ports), func(p core.Port) bool { return p.Host == 0 })
	}
	for _, pair := range c.env {
		name, value, _ := strings.Cut(pair, "=")
		out.Env[name] = value
	}
	if c.d.Privileged {
		out.Refused = append(out.Refused, "all privileges")
	}
	return out, nil
}
