package core

import "context"

// MadeContainer is how a container was made, in the words of a definition.
type MadeContainer struct {
	// Definition has what the engine knows: the container's own settings, without what its image brings.
	Definition Definition
	// Env are the variables that are not the image's. They are secrets.
	Env     map[string]string
	Refused []string // settings that no definition may have: privileged, the host's network
	Lost    []string // settings that no definition can say and that a new container would not have
}

// MadeReader reads how containers were made.
type MadeReader interface {
	MadeContainer(ctx context.Context, id string) (MadeContainer, error)
}
