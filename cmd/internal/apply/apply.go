// Package apply makes what runs on a server equal to compose files: what `make up` and the setting up of a server do before
// there is a control plane that could. A container that a control plane deployed keeps its image and its env.
package apply

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/codematrx/matrx-ship/core"
)

// Engine is what is needed of the Docker Engine.
type Engine interface {
	core.Engine
	core.Lifecycle
	core.EngineStore
	core.Maker
	core.ImageStore
	core.EnvReader
}

// Parts is what an Applier works with. Every field is needed.
type Parts struct {
	Root        string // MATRX_ROOT
	Definitions core.Definitions
	Engine      Engine
	Locks       core.Locker
	Switch      core.Switch
	Folders     core.FolderWriter
	Vars        map[string]string            // of the compose files
	Images      map[string]string            // of services that are built from source, by service
	Env         map[string]map[string]string // secrets by service, over those that its folder has
	Out         io.Writer                    // gets one line for each service
}

// Applier makes containers from definitions.
type Applier struct{ Parts }

// New makes an Applier.
func New(p Parts) *Applier { return &Applier{p} }

// File is a compose file.
type File struct {
	Name string
	Text []byte
}

// Run reads all files before it touches anything, then makes each service what its definition says, in the order of starting.
// The first failure ends it.
func (a *Applier) Run(ctx context.Context, files []File) error {
	defs, err := a.parse(files)
	if err != nil {
		return err
	}
	services := make([]*service, 0, len(defs))
	for _, d := range defs {
		s := &service{Applier: a, def: d}
		if err := s.prepare(ctx); err != nil {
			return fmt.Errorf("%s: %w", d.Container, err)
		}
		services = append(services, s)
	}
	if err := a.networks(ctx, defs); err != nil {
		return err
	}
	for _, s := range services {
		if err := s.apply(ctx); err != nil {
			return err
		}
	}
	return nil
}

// parse reads the files. A service that two of them define is refused.
func (a *Applier) parse(files []File) ([]core.Definition, error) {
	var defs []core.Definition
	from := map[string]string{}
	for _, f := range files {
		more, err := a.Definitions.Parse(f.Name, f.Text, a.Vars)
		if err != nil {
			return nil, err
		}
		for _, d := range more {
			if other := from[d.Service]; other != "" {
				return nil, core.Errorf(core.CodeInvalid, "%s is defined in %s and in %s: take it out of one.", d.Service, other, f.Name)
			}
			from[d.Service] = f.Name
		}
		defs = append(defs, more...)
	}
	slices.SortStableFunc(defs, func(x, y core.Definition) int { return cmp.Compare(x.Order, y.Order) })
	return defs, nil
}

// say prints what became of a container.
func (a *Applier) say(name, what string) error {
	if _, err := fmt.Fprintf(a.Out, "%s: %s\n", name, what); err != nil {
		return fmt.Errorf("say what was done: %w", err)
	}
	return nil
}
