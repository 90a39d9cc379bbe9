package docker

import (
	"context"
	"strings"

	"github.com/codematrx/matrx-ship/core"
)

var _ core.EnvReader = (*Docker)(nil)

// ContainerEnv reads what a container was made with, the image's own variables included.
func (d *Docker) ContainerEnv(ctx context.Context, id string) (map[string]string, error) {
	res, err := d.inspect(ctx, id)
	if err != nil {
		return nil, err
	}
	env := map[string]string{}
	if res.Container.Config != nil {
		for _, pair := range res.Container.Config.Env {
			name, value, _ := strings.Cut(pair, "=")
			env[name] = value
		}
	}
	return env, nil
}
