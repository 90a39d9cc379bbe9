package core

import (
	"bytes"
	"context"
	"errors"
	"slices"
)

// The derived files of a service's folder.
const (
	composeFile = "docker-compose.yml"
	dotEnvFile  = ".env"
	keptSuffix  = ".before-matrx" // of a file that somebody wrote by hand
)

// derivedMark is how a rendered file begins.
var derivedMark = []byte("# Derived state")

// writeFolder writes the compose file of a definition into the service's folder, with its env beside it. The container that
// docker compose makes of it is led to by Traefik at once: it carries the alias that the switch file names now.
func (c *Core) writeFolder(ctx context.Context, d Definition, env map[string]string) error {
	if err := c.writeCompose(ctx, d); err != nil {
		return err
	}
	name := FolderOf(d) + "/" + dotEnvFile
	if len(env) == 0 {
		old, err := c.ship.Folders.ReadFile(name)
		switch {
		case err == nil && !bytes.HasPrefix(old, []byte(dotEnvMark)): // the store has no env: what somebody wrote there is all there is
			return nil
		case err != nil && CodeOf(err) != CodeNotFound:
			return err
		}
	}
	return c.ship.Folders.WriteFile(name, renderEnvFile(env))
}

// writeCompose writes the compose file alone. A file that is none of ours is kept beside it.
func (c *Core) writeCompose(ctx context.Context, d Definition) error {
	if c.ship.Folders == nil || c.ship.Definitions == nil {
		return Errorf(CodeUnavailable, "This control plane writes no folders, so %s has no compose file to start it by hand.", d.Service)
	}
	text, err := c.ship.Definitions.Render(c.withServing(ctx, d))
	if err != nil {
		return err
	}
	name := FolderOf(d) + "/" + composeFile
	old, err := c.ship.Folders.ReadFile(name)
	switch {
	case err == nil && !bytes.HasPrefix(old, derivedMark):
		if err := c.ship.Folders.WriteFile(name+keptSuffix, old); err != nil {
			return err
		}
	case err == nil && bytes.Equal(old, text):
		return nil
	case err != nil && CodeOf(err) != CodeNotFound:
		return err
	}
	return c.ship.Folders.WriteFile(name, text)
}

// withServing adds the alias of the container that serves now to the network of the route.
func (c *Core) withServing(ctx context.Context, d Definition) Definition {
	if d.Route == nil || c.ship.Switch == nil {
		return d
	}
	target, err := c.ship.Switch.Target(ctx, d.Service)
	if err != nil {
		return d // the switch keeper tells of it
	}
	d.Networks = slices.Clone(d.Networks)
	for i, use := range d.Networks {
		if use.Name == d.Route.Network && !slices.Contains(use.Aliases, target.Alias) && target.Alias != d.Service {
			d.Networks[i].Aliases = append(slices.Clone(use.Aliases), target.Alias)
		}
	}
	return d
}

// renewFolder writes the folder for what the store says now. A folder that cannot be written is written at the next
// deployment; the store is what counts.
func (c *Core) renewFolder(ctx context.Context, d Definition) {
	values, _, err := c.envFor(d.Service, 0)
	if err == nil {
		err = c.writeFolder(ctx, d, values)
	} else { // the .env stays as it is
		err = errors.Join(err, c.writeCompose(ctx, d))
	}
	if err != nil {
		c.log.Warn("the service's folder is not up to date", "service", d.Service, "err", err)
	}
}
