package core

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"
)

// The names of containers that a deployment makes beside the service's own: NAME.new-HEX is the candidate, NAME.was-HEX one
// that is to go, and NAME.test-HEX one in which an image is tested.
const (
	markNew  = ".new-"
	markWas  = ".was-"
	markTest = ".test-"
)

// testWait bounds the test of an image.
const testWait = 2 * time.Minute

// cleanWait bounds the removal of what was made for a moment.
const cleanWait = 30 * time.Second

// cutMark takes the mark of a deployment off a container's name.
func cutMark(name string) (base, mark string) {
	for _, mark := range []string{markNew, markWas, markTest} {
		if base, hex, ok := strings.Cut(name, mark); ok && base != "" && len(hex) == 8 && isHex(hex) {
			return base, mark
		}
	}
	return name, ""
}

// runTest runs the definition's test in a container of its own, which is gone afterwards, and gives its exit code and, when it
// passed, its last line.
func (r *deployRun) runTest(ctx context.Context) (code int, said string, err error) {
	id, err := r.c.ship.Maker.CreateContainer(ctx, ContainerSpec{
		Name: r.name + markTest + r.mark, Image: r.image.ID, Definition: r.def, Env: r.fullEnv(), Labels: r.testLabels(),
		Alone: true, Seen: testMounts(r.def, r.fullEnv()), Command: r.def.Test,
	})
	if err != nil {
		return 0, "", err
	}
	defer func() {
		own, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanWait)
		defer cancel()
		if code != 0 || err != nil {
			r.keepLog(own, id)
		} else {
			said = r.lastLine(own, id)
		}
		err = errors.Join(err, ignoreMissing(r.c.docker.Remove(own, id, 0)))
	}()
	if err := r.c.docker.Start(ctx, id); err != nil {
		return 0, "", err
	}
	limited, cancel := context.WithTimeout(ctx, testWait)
	defer cancel()
	code, err = r.c.ship.Maker.WaitContainer(limited, id)
	if err != nil && limited.Err() == context.DeadlineExceeded {
		return 0, "", Errorf(CodeConflict, "The image's own test did not end within %s.", testWait)
	}
	return code, "", err
}

// testLabels are those of a container that is made for a moment.
func (r *deployRun) testLabels() map[string]string {
	labels := map[string]string{labelHelper: "test", labelDeployment: r.id}
	if r.def.Project != "" {
		labels[labelProject] = r.def.Project
	}
	return labels
}

// lastLine is what a test that passed has to say. One whose output cannot be read has passed all the same.
func (r *deployRun) lastLine(ctx context.Context, id string) string {
	lines, err := r.c.lastLines(ctx, id)
	if err != nil {
		return "(what it said cannot be read: " + MessageOf(err) + ")"
	}
	if len(lines) == 0 {
		return ""
	}
	return strings.TrimSpace(lines[len(lines)-1])
}

// ignoreMissing drops the error of a thing that is gone already.
func ignoreMissing(err error) error {
	if CodeOf(err) == CodeNotFound {
		return nil
	}
	return err
}

// candidate makes the new container. What can run twice is started beside the old one at once.
func (r *deployRun) candidate(ctx context.Context) (string, error) {
	if err := r.checkRoute(ctx); err != nil {
		return "", err
	}
	if err := r.noteSwitch(ctx); err != nil {
		return "", err
	}
	if err := r.ensure(ctx); err != nil {
		return "", err
	}
	if err := r.comeNear(ctx); err != nil {
		return "", err
	}
	if err := r.bridge(ctx); err != nil {
		return "", err
	}
	id, err := r.c.ship.Maker.CreateContainer(ctx, ContainerSpec{
		Name: r.name + markNew + r.mark, Image: r.image.ID, Definition: r.def, Env: r.fullEnv(),
		Labels: r.labels(), Alias: r.row.Alias,
	})
	if err != nil {
		return "", err
	}
	r.update(func(row *Deployment) { row.New = id })
	if !r.twice {
		return "container " + ShortID(id) + " is made; it starts when the old one has ended", nil
	}
	if err := r.c.docker.Start(ctx, id); err != nil {
		return "", err
	}
	return "container " + ShortID(id), nil
}

// labels are those of the new container. The engine puts the image's under them, so what an image says in our name, such as the
// commit of another server's build, is overridden by nothing.
func (r *deployRun) labels() map[string]string {
	labels := ContainerLabels(r.def, r.stamp())
	for name := range r.image.Labels {
		if _, ours := labels[name]; !ours && IsOwnLabel(name) {
			labels[name] = ""
		}
	}
	return labels
}

// ensure makes the networks and volumes that the definition names and the engine lacks.
func (r *deployRun) ensure(ctx context.Context) error {
	labels := map[string]string{}
	if r.def.Project != "" {
		labels[labelProject] = r.def.Project
	}
	of := maps.Clone(labels)
	of[labelService] = r.row.Service // whose deployment made it
	for _, n := range r.def.Networks {
		if err := r.c.ship.Maker.EnsureNetwork(ctx, n.Name, n.Internal, maps.Clone(of)); err != nil {
			return err
		}
	}
	for _, m := range r.def.Mounts {
		if m.Type != "volume" || m.Name == "" {
			continue
		}
		if err := r.c.ship.Maker.EnsureVolume(ctx, m.Name, maps.Clone(labels)); err != nil {
			return err
		}
	}
	return nil
}

// keepLog takes the last lines of a container into the record.
func (r *deployRun) keepLog(ctx context.Context, id string) {
	lines, err := r.c.lastLines(ctx, id)
	if err != nil {
		lines = append(lines, "(The log could not be read to its end: "+MessageOf(err)+")")
	}
	r.update(func(row *Deployment) { row.LastLog = lines })
}

// lastLines are the last lines that a container wrote, made safe and within bounds.
func (c *Core) lastLines(ctx context.Context, id string) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, cleanWait)
	defer cancel()
	var lines []string
	var part strings.Builder
	size := 0
	for raw, err := range c.docker.ContainerLogs(ctx, id, time.Time{}, false) {
		if err != nil {
			return lines, err
		}
		if part.Len() < maxJobLine {
			part.Write(raw.Text[:min(len(raw.Text), maxJobLine)])
		}
		if raw.Partial {
			continue
		}
		line := cutLine(SafeText(part.String()))
		part.Reset()
		lines, size = append(lines, line), size+len(line)
		for len(lines) > maxLastLog || size > maxLastLogText {
			size -= len(lines[0])
			lines = slices.Delete(lines, 0, 1)
		}
	}
	return lines, nil
}
