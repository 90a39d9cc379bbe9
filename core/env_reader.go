package core

import "context"

// EnvReader reads what a container was made with. Its values are secrets.
type EnvReader interface {
	ContainerEnv(ctx context.Context, id string) (map[string]string, error)
}
