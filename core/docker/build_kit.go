package docker

import (
	"context"
	"crypto/rand"
	"io"
	"time"

	"github.com/codematrx/matrx-ship/core"
	"github.com/moby/moby/api/types/build"
	dockersdk "github.com/moby/moby/client"
)

// cancelEvery is how often the engine is asked again to end a build: it forgets what it hears before the build has begun.
const cancelEvery = 250 * time.Millisecond

// buildKit builds with BuildKit. The context goes with the request, as with the classic builder; the session is there to say
// that we have no credentials for registries. The request outlives ctx for as long as the engine needs to end the build.
func (d *Docker) buildKit(ctx context.Context, api *dockersdk.Client, source io.Reader, spec core.BuildSpec, out func(line string)) (string, error) {
	own, cancel := context.WithTimeout(context.WithoutCancel(ctx), buildLimit)
	defer cancel()
	s, err := d.openSession(ctx, api)
	if err != nil {
		return "", err
	}
	defer s.close()
	opts := d.buildOptions(spec, build.BuilderBuildKit)
	opts.BuildID, opts.SessionID = rand.Text(), s.id
	over := d.endBuild(ctx, api, opts.BuildID, cancel)
	defer over()
	steps := newBuildSteps(out)
	id, err := buildWith(own, api, source, opts, out, steps.take)
	steps.end()
	return id, steps.explain(err)
}

// endBuild asks the engine to end a build when ctx ends, and gives its request up when the engine takes too long. The function
// that it returns says that the build is over.
func (d *Docker) endBuild(ctx context.Context, api *dockersdk.Client, id string, giveUp context.CancelFunc) (over func()) {
	running, end := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	go func() {
		defer close(done)
		select {
		case <-running.Done():
			return
		case <-ctx.Done():
		}
		defer giveUp()
		asking, stop := context.WithTimeout(running, actLimit)
		defer stop()
		tick := time.NewTicker(cancelEvery)
		defer tick.Stop()
		for {
			if _, err := api.BuildCancel(asking, id, dockersdk.BuildCancelOptions{}); err != nil && asking.Err() == nil {
				d.cfg.Log.Warn("the engine does not take the end of a build", "err", err)
			}
			select {
			case <-asking.Done():
				return
			case <-tick.C:
			}
		}
	}()
	return func() {
		end()
		<-done
	}
}
