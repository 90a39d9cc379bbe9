package coretest

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/codematrx/matrx-ship/core"
)

// dockerfileLimit is how much of a Dockerfile the fake reads.
const dockerfileLimit = 1 << 20

// Building counts the builds that run.
func (d *Docker) Building() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.building
}

// BuildImage reads the context and does what its Dockerfile says, line by line; each line is output. The fake knows
//
//	FROM image      which must be there, except "scratch"
//	LABEL k=v       one each line
//	CMD ["a", "b"]  the guest's command
//	EXPOSE 80       a TCP port
//	RUN ["/guest", "print", "text"]  output; "exit" N fails, "sleep" and "say" run until they are cancelled
//	FAIL message    the build fails with the message
//	SLEEP 2s        takes so long
//	ARCH arm64      the image's architecture
//
// Every other line is output and nothing else.
func (d *Docker) BuildImage(ctx context.Context, spec core.BuildSpec, out func(line string)) (string, error) {
	if err := d.enter(ctx, "BuildImage"); err != nil {
		return "", err
	}
	d.mu.Lock()
	d.building++
	d.mu.Unlock()
	defer func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.building--
		d.bump()
	}()
	text, err := readDockerfile(spec)
	if err != nil {
		return "", err
	}
	if out == nil {
		out = func(string) {}
	}
	b := fakeBuild{d: d, out: out, labels: map[string]string{}}
	lines := strings.Split(strings.TrimSpace(text), "\n")
	for i, line := range lines {
		out(fmt.Sprintf("Step %d/%d : %s", i+1, len(lines), line))
		if err := b.step(ctx, strings.TrimSpace(line)); err != nil {
			return "", err
		}
	}
	maps.Copy(b.labels, spec.Labels)
	id := b.finish(spec.Tag)
	out("Successfully built " + core.ShortID(id))
	return id, nil
}

// fakeBuild is one build under way.
type fakeBuild struct {
	d      *Docker
	out    func(line string)
	labels map[string]string
	recipe imageRecipe
	base   string // id of the image it is built on
}

// step does one line of a Dockerfile.
func (b *fakeBuild) step(ctx context.Context, line string) error {
	verb, rest, _ := strings.Cut(line, " ")
	switch verb {
	case "FROM":
		return b.from(rest)
	case "LABEL":
		k, v, _ := strings.Cut(rest, "=")
		b.labels[k] = strings.Trim(v, `"`)
	case "ARCH":
		b.recipe.arch = rest
	case "CMD":
		return words(rest, &b.recipe.command)
	case "EXPOSE":
		n, err := strconv.Atoi(rest)
		if err != nil {
			return core.Errorf(core.CodeInvalid, "The build failed: EXPOSE %s is no port.", rest)
		}
		b.recipe.ports = append(b.recipe.ports, core.Port{Container: n, Protocol: "tcp"})
	case "RUN":
		return b.run(ctx, rest)
	case "FAIL":
		return core.Errorf(core.CodeInvalid, "The build failed: %s", rest)
	case "SLEEP":
		took, err := time.ParseDuration(rest)
		if err != nil {
			return core.Errorf(core.CodeInvalid, "The build failed: SLEEP %s is no duration.", rest)
		}
		return b.sleep(ctx, took)
	}
	return nil
}

// from begins with another image's labels and settings.
func (b *fakeBuild) from(ref string) error {
	if ref == "scratch" {
		return nil
	}
	b.d.mu.Lock()
	defer b.d.mu.Unlock()
	img, ok := b.d.findImage(ref)
	if !ok {
		return core.Errorf(core.CodeInvalid, "The build failed: there is no image %s, and no registry.", ref)
	}
	b.recipe, b.base = b.d.recipes[img.ID], img.ID
	maps.Copy(b.labels, img.Labels)
	return nil
}

// run does what the guest program would.
func (b *fakeBuild) run(ctx context.Context, rest string) error {
	var args []string
	if err := words(rest, &args); err != nil {
		return err
	}
	args = append(args, "", "", "")
	switch args[1] {
	case "print":
		b.out(args[2])
	case "exit":
		if args[2] != "0" {
			return core.Errorf(core.CodeInvalid, "The build failed: The command '%s' returned a non-zero code: %s", strings.TrimSpace(strings.Join(args, " ")), args[2])
		}
	case "sleep", "say":
		id := b.begin()
		b.out(args[2])
		defer b.end(id)
		return b.sleep(ctx, time.Hour)
	}
	return nil
}

// begin makes the container in which a step runs.
func (b *fakeBuild) begin() string {
	b.d.mu.Lock()
	id := b.d.add(core.ContainerDetail{Container: core.Container{ImageID: b.base}, Command: []string{"sleep"}}, nil)
	b.d.mu.Unlock()
	b.out(" ---> Running in " + core.ShortID(id))
	return id
}

// end removes it.
func (b *fakeBuild) end(id string) {
	b.d.mu.Lock()
	defer b.d.mu.Unlock()
	if c := b.d.find(id); c != nil {
		b.d.die(c, 137)
		b.d.remove(c)
	}
}

// words reads the exec form of a command.
func words(text string, into *[]string) error {
	if err := json.Unmarshal([]byte(text), into); err != nil {
		return core.Errorf(core.CodeInvalid, "The build failed: the fake knows the form [\"a\", \"b\"] only: %w", err)
	}
	return nil
}

// sleep takes its time, or ends with ctx or with the engine.
func (b *fakeBuild) sleep(ctx context.Context, took time.Duration) error {
	t := time.NewTimer(took)
	defer t.Stop()
	for {
		b.d.mu.Lock()
		changed, down := b.d.changed, b.d.down
		b.d.mu.Unlock()
		if down != nil {
			return core.Errorf(core.CodeUnavailable, "The engine ended the connection: %w", down)
		}
		select {
		case <-ctx.Done():
			return gaveUp(ctx)
		case <-t.C:
			return nil
		case <-changed:
		}
	}
}

// finish puts the image into the engine.
func (b *fakeBuild) finish(tag string) string {
	b.d.mu.Lock()
	defer b.d.mu.Unlock()
	id := "sha256:" + newID()
	b.d.images[id] = core.Image{ID: id, Created: b.d.tick(), Size: 2 << 20, Labels: b.labels}
	b.d.recipes[id] = b.recipe
	if tag != "" {
		b.d.tag(id, tagged(tag))
	}
	return id
}

// readDockerfile reads the whole context, within its bound, and gives the Dockerfile.
func readDockerfile(spec core.BuildSpec) (string, error) {
	limit := spec.MaxBytes
	if limit == 0 {
		limit = 1 << 30
	}
	all := &io.LimitedReader{R: spec.Context, N: limit + 1}
	archive, text, found := tar.NewReader(all), "", false
	for {
		h, err := archive.Next()
		switch {
		case all.N <= 0:
			return "", core.Errorf(core.CodeInvalid, "The build's context is too large: it has more than %d bytes.", limit)
		case errors.Is(err, io.EOF) && found:
			return text, nil
		case errors.Is(err, io.EOF):
			return "", core.Errorf(core.CodeInvalid, "Cannot locate the Dockerfile %s.", spec.Dockerfile)
		case err != nil:
			return "", err
		}
		content := io.Reader(archive)
		if h.Name != first(spec.Dockerfile, "Dockerfile") {
			if _, err := io.Copy(io.Discard, content); err != nil && all.N > 0 {
				return "", err
			}
			continue
		}
		raw, err := io.ReadAll(io.LimitReader(content, dockerfileLimit))
		if err != nil {
			return "", err
		}
		text, found = string(raw), true
	}
}

// Archive makes a build context of files by path.
func Archive(files map[string]string) io.Reader {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(files[name]))})
		if err == nil {
			_, err = io.WriteString(w, files[name])
		}
		if err != nil { // a name that no archive can hold
			panic(err)
		}
	}
	if err := w.Close(); err != nil {
		panic(err)
	}
	return &b
}
