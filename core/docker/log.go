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

// outOfStep is how much older than another stream's newest entry one may be that comes later.
const outOfStep = time.Second

// ContainerLogs yields a container's log from the first entry at or after since (zero: from its beginning). A followed one
// ends silently when the container does (lines of its next run may have come already), and with an error when the stream
// breaks. A fragment without the line's end is Partial, also the last one of a process that ended within a line.
func (d *Docker) ContainerLogs(ctx context.Context, id string, since time.Time, follow bool) iter.Seq2[core.RawLog, error] {
	return func(yield func(core.RawLog, error) bool) {
		err := d.pumpLogs(ctx, id, since, follow, func(l core.RawLog) bool { return yield(l, nil) })
		if err != nil && !errors.Is(err, errEnough) && ctx.Err() == nil {
			yield(core.RawLog{}, wrap(err, "read the log of "+id))
		}
	}
}

// errEnough ends a log whose reader has had enough.
var errEnough = errors.New("enough")

// logRequest is one reading of a container's log.
type logRequest struct {
	id     string // full
	tty    bool
	since  time.Time
	follow bool
}

// pumpLogs hands fragments on until the log ends (nil), the reader has enough, or the stream breaks.
func (d *Docker) pumpLogs(ctx context.Context, id string, since time.Time, follow bool, yield func(core.RawLog) bool) error {
	c, err := d.inspect(ctx, id)
	if err != nil {
		return err
	}
	req := logRequest{id: c.Container.ID, tty: c.Container.Config != nil && c.Container.Config.Tty, since: since, follow: follow}
	if !follow || !d.followsBadly() {
		return d.readLog(ctx, req, yield)
	}
	handed := told{}
	err = d.readLog(ctx, req, func(l core.RawLog) bool { return handed.repeated(l, time.Now()) || yield(l) })
	if err != nil {
		return err
	}
	if at := handed.newest(); at.Add(-outOfStep).After(since) {
		req.since = at.Add(-outOfStep)
	}
	req.follow = false // the rest of it, at rest
	err = d.readLog(ctx, req, func(l core.RawLog) bool { return handed.had(l) || yield(l) })
	if core.CodeOf(err) == core.CodeNotFound {
		return nil // removed, and its log with it
	}
	return err
}

// followsBadly knows the engines with the faults that told mends.
func (d *Docker) followsBadly() bool {
	api := d.current()
	return api != nil && versions.LessThan(api.ClientVersion(), "1.42")
}

// readLog is one request to the engine.
func (d *Docker) readLog(ctx context.Context, req logRequest, yield func(core.RawLog) bool) error {
	opts := dockersdk.ContainerLogsOptions{ShowStdout: true, ShowStderr: true, Timestamps: true, Follow: req.follow}
	if !req.since.IsZero() {
		opts.Since = sinceOf(req.since)
	}
	body, end, err := openStream(ctx, d, "read the log of "+req.id, func(ctx context.Context, api *dockersdk.Client) (dockersdk.ContainerLogsResult, error) {
		return api.ContainerLogs(ctx, req.id, opts)
	})
	if err != nil {
		return err
	}
	defer end()
	defer body.Close()
	next := newLogReader(body, req.tty)
	for {
		line, err := next.read()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case !line.At.Before(req.since) && !yield(line):
			return errEnough
		}
	}
}
