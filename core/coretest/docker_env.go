package coretest

import (
	"context"
	"strings"

	"github.com/codematrx/matrx-ship/core"
)

var _ core.EnvReader = (*Docker)(nil)

// ContainerEnv reads what a container was made with.
func (d *Docker) ContainerEnv(ctx context.Context, id string) (map[string]string, error) {
	if err := d.enter(ctx, "ContainerEnv"); err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	c := d.find(id)
	if c == nil {
		return nil, core.Errorf(core.CodeNotFound, "There is no container %s.", id)
	}
	env := map[string]string{}
	for _, pair := range c.env {
		name, value, _ := strings.Cut(pair, "=")
		env[name] = value
	}
	return env, nil
}
