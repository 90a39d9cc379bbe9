package docker

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/codematrx/matrx-ship/core"
	"github.com/moby/moby/api/types/build"
	"github.com/moby/moby/api/types/jsonstream"
	dockersdk "github.com/moby/moby/client"
)

const (
	buildLimit   = time.Hour
	contextLimit = 1 << 30  // bytes, where the spec names none
	outputLine   = 16 << 10 // bytes; a longer line is given in pieces
	messageLimit = 1 << 20  // bytes of one message of the engine
	buildShares  = 512      // half a container's weight: apps come before builds
)

// BuildImage builds through the engine's classic builder, which every engine with API 1.40 and up has and which needs no
// session. A step is bounded in memory when the spec says so, and not in processes: that builder knows no such bound. The
// context is streamed; one over its bound is CodeInvalid, and so is what the Dockerfile did wrong. Cancelling ctx ends the
// build, and the call waits until its last container is gone.
func (d *Docker) BuildImage(ctx context.Context, spec core.BuildSpec, out func(line string)) (string, error) {
	const action = "build the image"
	api, err := d.ready(ctx, action)
	if err != nil {
		return "", err
	}
	own, cancel := context.WithTimeout(ctx, buildLimit)
	defer cancel()
	source := &buildContext{from: spec.Context, left: spec.MaxBytes}
	if source.left == 0 {
		source.left = contextLimit
	}
	steps := &stepWatch{out: out}
	id, err := buildWith(own, api, source, spec, steps.line)
	if err == nil && id == "" {
		err = core.Errorf(core.CodeUnavailable, "The engine ended the build without a result: look at its log and build again.")
	}
	if err == nil {
		return id, nil
	}
	d.swept(context.WithoutCancel(ctx), steps.running())
	switch {
	case ctx.Err() != nil:
		return "", wrap(ctx.Err(), action)
	case source.failure() != nil:
		return "", source.failure()
	}
	return "", outward(err)
}

// buildWith sends the request and reads the answer to its end.
func buildWith(ctx context.Context, api *dockersdk.Client, source io.Reader, spec core.BuildSpec, out func(line string)) (string, error) {
	opts := dockersdk.ImageBuildOptions{
		Version: build.BuilderV1, Dockerfile: spec.Dockerfile, NoCache: spec.Fresh, Labels: spec.Labels, BuildArgs: map[string]*string{},
		Remove: true, ForceRemove: true, CPUShares: buildShares, Memory: spec.Memory, MemorySwap: spec.Memory,
	}
	if spec.Tag != "" {
		opts.Tags = []string{spec.Tag}
	}
	for name, value := range spec.Args {
		opts.BuildArgs[name] = &value
	}
	res, err := api.ImageBuild(ctx, source, opts)
	if err != nil && codeOf(err) == core.CodeInternal { // what the engine found in the context or the Dockerfile, as a failure of its own
		return "", &core.Error{Code: core.CodeInvalid, Message: "Cannot build the image: " + words(err), Err: err}
	}
	if err != nil {
		return "", wrap(err, "build the image")
	}
	return readProgress(ctx, res.Body, "build the image", out)
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

// readProgress reads the messages of a build or a pull to their end, gives their lines to out, and the id that they name. A
// message that is an error is the error.
func readProgress(ctx context.Context, body io.ReadCloser, action string, out func(line string)) (id string, err error) {
	defer func() { _ = body.Close() }() // it was read, or is not wanted any more
	lines := &cutter{out: out}
	messages := bufio.NewScanner(body)
	messages.Buffer(make([]byte, 0, 64<<10), messageLimit)
	for messages.Scan() {
		raw := bytes.TrimSpace(messages.Bytes())
		if len(raw) == 0 {
			continue
		}
		var m jsonstream.Message
		if err := json.Unmarshal(raw, &m); err != nil {
			return "", core.Errorf(core.CodeInternal, "Cannot %s: the engine's answer cannot be read: %w", action, err)
		}
		if m.Error != nil {
			lines.end()
			return "", core.Errorf(failureCode(m.Error.Message), "Cannot %s: %s", action, strings.TrimSpace(m.Error.Message))
		}
		if made := madeBy(m); made != "" {
			id = made
		}
		lines.message(m)
	}
	lines.end()
	if err := messages.Err(); err != nil {
		return "", wrap(err, action)
	}
	if id != "" {
		return id, nil
	}
	return "", wrap(ctx.Err(), action)
}

// failureCode is what kind of failure an error in the middle of the engine's output is.
func failureCode(text string) core.Code {
	if strings.Contains(text, context.Canceled.Error()) {
		return core.CodeCanceled
	}
	return core.CodeInvalid
}

// madeBy is the id of the image that a message reports.
func madeBy(m jsonstream.Message) string {
	if m.Aux == nil {
		return ""
	}
	var made build.Result
	if err := json.Unmarshal(*m.Aux, &made); err != nil {
		return "" // something else's
	}
	return made.ID
}

// cutter makes lines of a stream of text.
type cutter struct {
	out  func(line string)
	line []byte
}

// message takes in a message. One of a progress that goes on is left out: there are hundreds a second.
func (c *cutter) message(m jsonstream.Message) {
	c.text(m.Stream)
	if m.Status == "" || m.Progress != nil && m.Progress.Total > 0 {
		return
	}
	if m.ID != "" {
		m.Status = m.ID + ": " + m.Status
	}
	c.end()
	c.text(m.Status + "\n")
}

// text adds a piece of the stream.
func (c *cutter) text(s string) {
	for s != "" {
		piece, rest, ended := strings.Cut(s, "\n")
		s = rest
		for len(c.line)+len(piece) > outputLine {
			room := outputLine - len(c.line)
			c.line = append(c.line, piece[:room]...)
			piece = piece[room:]
			c.give()
		}
		c.line = append(c.line, piece...)
		if ended {
			c.give()
		}
	}
}

// end gives what is left without a newline.
func (c *cutter) end() {
	if len(c.line) > 0 {
		c.give()
	}
}

// give hands a line on.
func (c *cutter) give() {
	line := strings.ToValidUTF8(strings.TrimSuffix(string(c.line), "\r"), "\uFFFD")
	c.line = c.line[:0]
	if c.out != nil {
		c.out(line)
	}
}
