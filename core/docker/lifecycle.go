package docker

import (
	"context"
	"time"

	dockersdk "github.com/moby/moby/client"
)

// Start starts a container; one that runs stays as it is.
func (d *Docker) Start(ctx context.Context, id string) error {
	return act(ctx, d, actLimit, "start "+id, func(ctx context.Context, api *dockersdk.Client) error {
		_, err := api.ContainerStart(ctx, id, dockersdk.ContainerStartOptions{})
		return err
	})
}

// Stop sends a container its stop signal, and kills it after grace.
func (d *Docker) Stop(ctx context.Context, id string, grace time.Duration) error {
	return act(ctx, d, grace+actLimit, "stop "+id, func(ctx context.Context, api *dockersdk.Client) error {
		_, err := api.ContainerStop(ctx, id, dockersdk.ContainerStopOptions{Timeout: seconds(grace)})
		return err
	})
}

// Restart stops and starts a container.
func (d *Docker) Restart(ctx context.Context, id string, grace time.Duration) error {
	return act(ctx, d, grace+actLimit, "restart "+id, func(ctx context.Context, api *dockersdk.Client) error {
		_, err := api.ContainerRestart(ctx, id, dockersdk.ContainerRestartOptions{Timeout: seconds(grace)})
		return err
	})
}

// Remove stops and removes a container. Its volumes stay, also anonymous ones.
func (d *Docker) Remove(ctx context.Context, id string, grace time.Duration) error {
	if err := d.Stop(ctx, id, grace); err != nil {
		return err
	}
	return d.remove(ctx, id, false)
}

// remove removes a container, by force when it may still run.
func (d *Docker) remove(ctx context.Context, id string, force bool) error {
	return act(ctx, d, actLimit, "remove "+id, func(ctx context.Context, api *dockersdk.Client) error {
		_, err := api.ContainerRemove(ctx, id, dockersdk.ContainerRemoveOptions{Force: force})
		return err
	})
}

// rename gives a container another name.
func (d *Docker) rename(ctx context.Context, id, name string) error {
	return act(ctx, d, actLimit, "rename "+id+" to "+name, func(ctx context.Context, api *dockersdk.Client) error {
		_, err := api.ContainerRename(ctx, id, dockersdk.ContainerRenameOptions{NewName: name})
		return err
	})
}

// seconds is a grace as the engine takes it, rounded up: a short one must not become none.
func seconds(grace time.Duration) *int {
	n := int((max(grace, 0) + time.Second - 1) / time.Second)
	return &n
}
