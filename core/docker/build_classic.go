package docker

import (
	"context"
	"io"
	"strings"
	"time"

	"github.com/codematrx/matrx-ship/core"
	"github.com/moby/moby/api/types/build"
	dockersdk "github.com/moby/moby/client"
)

// buildShares is half a container's weight: apps come before builds.
const buildShares = 512

// classic builds with the builder that runs each step in a container, bounded in memory. Cancelling ctx ends the build, and
// the call waits until its last container is gone.
func (d *Docker) classic(ctx context.Context, api *dockersdk.Client, source io.Reader, spec core.BuildSpec, out func(line string)) (string, error) {
	own, cancel := context.WithTimeout(ctx, buildLimit)
	defer cancel()
	opts := d.buildOptions(spec, build.BuilderV1)
	opts.Remove, opts.ForceRemove, opts.CPUShares, opts.Memory, opts.MemorySwap = true, true, buildShares, spec.Memory, spec.Memory
	steps := &stepWatch{out: out}
	id, err := buildWith(own, api, source, opts, steps.line, nil)
	if err != nil {
		d.swept(context.WithoutCancel(ctx), steps.running())
	}
	return id, err
}

// swept waits until the engine has removed the last container of a build that did not end well. It only looks: its id comes
// from the build's output, which anybody may have written.
func (d *Docker) swept(ctx context.Context, id string) {
	if id == "" {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, actLimit)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		if _, err := d.Container(ctx, id); err != nil {
			if core.CodeOf(err) != core.CodeNotFound {
				d.cfg.Log.Warn("nobody knows whether the container of a failed build is gone", "id", id, "err", err)
			}
			return
		}
		select {
		case <-ctx.Done():
			d.cfg.Log.Warn("the container of a failed build is still there", "id", id)
			return
		case <-tick.C:
		}
	}
}

// stepWatch passes lines on and remembers the container of the step that runs.
type stepWatch struct {
	out func(line string)
	now string
}

// line takes one line of output.
func (s *stepWatch) line(text string) {
	const begins, ends = " ---> Running in ", "Removing intermediate container "
	if id, ok := strings.CutPrefix(text, begins); ok && len(id) == 12 && strings.Trim(id, "0123456789abcdef") == "" {
		s.now = id
	}
	if id, ok := strings.CutPrefix(text, ends); ok && id == s.now {
		s.now = ""
	}
	if s.out != nil {
		s.out(text)
	}
}

func (s *stepWatch) running() string { return s.now }
