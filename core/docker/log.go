package docker

import (
	"context"
	"errors"
	"io"
	"iter"
	"time"

	"github.com/codematrx/matrx-ship/core"
	dockersdk "github.com/moby/moby/client"
	"github.com/moby/moby/client/pkg/versions"
)

// ContainerLogs yields a container's log from the first entry at or after since (zero: from its beginning). A followed one
// ends silently when the container does, and with an error when the stream breaks. A fragment without the line's end is
// Partial, also the last one of a process that ended within a line.
func (d *Docker) ContainerLogs(ctx context.Context, id string, since time.Time, follow bool) iter.Seq2[core.RawLog, error] {
	return func(yield func(core.RawLog, error) bool) {
		if err := d.pumpLogs(ctx, id, since, follow, yield); err != nil && ctx.Err() == nil {
			yield(core.RawLog{}, wrap(err, "read the log of "+id))
		}
	}
}

// pumpLogs hands fragments on until the consumer has enough or the stream ends (nil), or it breaks.
func (d *Docker) pumpLogs(ctx context.Context, id string, since time.Time, follow bool, yield func(core.RawLog, error) bool) error {
	c, err := d.inspect(ctx, id)
	if err != nil {
		return err
	}
	opts := dockersdk.ContainerLogsOptions{ShowStdout: true, ShowStderr: true, Timestamps: true, Follow: follow}
	if !since.IsZero() {
		opts.Since = sinceOf(since)
	}
	body, end, err := openStream(ctx, d, "read the log of "+id, func(ctx context.Context, api *dockersdk.Client) (dockersdk.ContainerLogsResult, error) {
		return api.ContainerLogs(ctx, c.Container.ID, opts)
	})
	if err != nil {
		return err
	}
	defer end()
	defer body.Close()
	next := newLogReader(body, c.Container.Config != nil && c.Container.Config.Tty)
	again := repeats{follow: follow && d.repeatsLogs()}
	for {
		line, err := next.read()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		if line.At.Before(since) || again.skip(line, time.Now()) {
			continue
		}
		if !yield(line, nil) {
			return nil
		}
	}
}

// repeatsLogs knows the engines (before 23, API 1.42) that give a file they have just rotated once more from its beginning.
func (d *Docker) repeatsLogs() bool {
	api := d.current()
	return api != nil && versions.LessThan(api.ClientVersion(), "1.42")
}
