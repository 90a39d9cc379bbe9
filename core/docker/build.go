package docker

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/codematrx/matrx-ship/core"
	"github.com/moby/moby/api/types/build"
	dockersdk "github.com/moby/moby/client"
)

const (
	buildAction  = "build the image"
	buildLimit   = time.Hour
	contextLimit = 1 << 30 // bytes, where the spec names none
)

// BuildImage builds through BuildKit where the engine says that it is its builder (23 and newer, or set so), and through its
// classic builder else. The context is streamed; one over its bound is CodeInvalid, and so is what the Dockerfile did wrong.
// Cancelling ctx ends the build, and the call waits until the engine has ended it. The classic builder bounds each step's
// memory as the spec says; BuildKit has no such bound in a request.
func (d *Docker) BuildImage(ctx context.Context, spec core.BuildSpec, out func(line string)) (string, error) {
	api, ping, err := d.ready(ctx, buildAction)
	if err != nil {
		return "", err
	}
	source := &buildContext{from: spec.Context, left: spec.MaxBytes}
	if source.left == 0 {
		source.left = contextLimit
	}
	if out == nil {
		out = func(string) {}
	}
	how := d.classic
	if ping.BuilderVersion == build.BuilderBuildKit {
		how = d.buildKit
	}
	id, err := how(ctx, api, source, spec, out)
	switch {
	case err == nil && id != "":
		return id, nil
	case err == nil:
		return "", core.Errorf(core.CodeUnavailable, "The engine ended the build without a result: look at its log and build again.")
	case ctx.Err() != nil:
		return "", wrap(ctx.Err(), buildAction)
	case source.failure() != nil:
		return "", source.failure()
	}
	return "", outward(err)
}

// buildOptions are what both builders are told.
func (d *Docker) buildOptions(spec core.BuildSpec, with build.BuilderVersion) dockersdk.ImageBuildOptions {
	opts := dockersdk.ImageBuildOptions{
		Version: with, Dockerfile: spec.Dockerfile, NoCache: spec.Fresh, Labels: spec.Labels, BuildArgs: map[string]*string{},
		CgroupParent: d.cfg.BuildCgroup,
	}
	if spec.Tag != "" {
		opts.Tags = []string{spec.Tag}
	}
	for name, value := range spec.Args {
		opts.BuildArgs[name] = &value
	}
	return opts
}

// buildWith sends the request and reads the answer to its end.
func buildWith(ctx context.Context, api *dockersdk.Client, source io.Reader, opts dockersdk.ImageBuildOptions, out func(line string),
	trace func(raw []byte) error) (string, error) {
	res, err := api.ImageBuild(ctx, source, opts)
	if err != nil && codeOf(err) == core.CodeInternal { // what the engine found in the context or the Dockerfile, as a failure of its own
		return "", &core.Error{Code: core.CodeInvalid, Message: "Cannot " + buildAction + ": " + words(err), Err: err}
	}
	if err != nil {
		return "", wrap(err, buildAction)
	}
	return readProgress(ctx, res.Body, buildAction, out, trace)
}

// buildContext is a context on its way to the engine. It keeps its own failure, because what the connection makes of it may hide it.
type buildContext struct {
	from io.Reader
	left int64

	mu  sync.Mutex // guards err: the connection reads beside us
	err error
}

// Read fails when more comes than the bound.
func (b *buildContext) Read(p []byte) (int, error) {
	n, err := b.from.Read(p)
	if b.left -= int64(n); b.left < 0 {
		n, err = 0, core.Errorf(core.CodeInvalid, "The build's context is too large: add what the build does not need to .dockerignore, or raise the bound.")
	}
	if err != nil && !errors.Is(err, io.EOF) {
		b.mu.Lock()
		b.err = err
		b.mu.Unlock()
	}
	return n, err
}

// failure is why it could not be read, nil when it could.
func (b *buildContext) failure() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.err
}
