package docker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/codematrx/matrx-ship/core"
	"github.com/codematrx/matrx-ship/core/docker/reap"
	"github.com/google/uuid"
	"github.com/moby/moby/api/types/container"
	dockersdk "github.com/moby/moby/client"
)

// HelperLabel marks the short-lived containers of our own that are no services. Its value says what for.
const HelperLabel = "com.matrx.helper"

// helperLimit is how long a helper container has besides the work it does.
const helperLimit = 20 * time.Second

// KillExec ends every process in the container that carries the marker, with what they began: hang-up first, kill after
// grace. It returns how many there were; a container that does not run has none. It works from a helper container of our
// own image, so the other one needs no tools and is not touched; without an image it works when the engine's processes are ours to see.
func (d *Docker) KillExec(ctx context.Context, id, marker string, grace time.Duration) (int, error) {
	if err := reap.CheckMarker(marker); err != nil {
		return 0, core.Errorf(core.CodeInvalid, "%w", err)
	}
	c, err := d.inspect(ctx, id)
	switch {
	case err != nil:
		return 0, err
	case c.Container.State == nil || !c.Container.State.Running:
		return 0, nil
	case c.Container.State.Paused:
		return 0, core.Errorf(core.CodeConflict, "%s is paused: its processes end when it goes on.", strings.TrimPrefix(c.Container.Name, "/"))
	}
	image, err := d.ownImage(ctx)
	if err != nil {
		return 0, err
	}
	if image == "" {
		return d.killHere(ctx, c.Container, marker, grace)
	}
	select {
	case d.helpers <- struct{}{}:
		defer func() { <-d.helpers }()
	case <-ctx.Done():
		return 0, wrap(ctx.Err(), "end the processes in "+id)
	}
	return d.killFromHelper(ctx, image, c.Container, marker, grace)
}

// killFromHelper runs the reaper in a container of our own.
func (d *Docker) killFromHelper(ctx context.Context, image string, target container.InspectResponse, marker string, grace time.Duration) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, grace+reap.Leeway+helperLimit)
	defer cancel()
	spec := reaperSpec(image, append(d.cfg.Reaper, marker, grace.String()), target)
	helper, err := call(ctx, d, actLimit, "make a helper container", func(ctx context.Context, api *dockersdk.Client) (dockersdk.ContainerCreateResult, error) {
		return api.ContainerCreate(ctx, spec)
	})
	if err != nil {
		return 0, err
	}
	defer func() {
		if err := d.remove(context.WithoutCancel(ctx), helper.ID, true); err != nil {
			d.cfg.Log.Warn("helper container left behind", "id", helper.ID, "err", err)
		}
	}()
	if err := d.Start(ctx, helper.ID); err != nil {
		if again, ierr := d.inspect(ctx, target.ID); core.CodeOf(ierr) == core.CodeNotFound || ierr == nil && !again.Container.State.Running {
			return 0, nil // it ended meanwhile, and everything in it
		}
		return 0, err
	}
	code, err := d.waitEnd(ctx, helper.ID)
	if err != nil {
		return 0, err
	}
	out, err := d.helperOutput(ctx, helper.ID)
	if err != nil {
		return 0, err
	}
	n, err := strconv.Atoi(out)
	if code != 0 || err != nil {
		return 0, core.Errorf(core.CodeUnavailable, "Cannot end the processes in %s: the helper says %q (exit code %d).",
			strings.TrimPrefix(target.Name, "/"), out, code)
	}
	return n, nil
}

// reaperSpec is the helper container: in the target's process namespace, with nothing but the right to see and signal.
func reaperSpec(image string, command []string, target container.InspectResponse) dockersdk.ContainerCreateOptions {
	pids := int64(64)
	host := &container.HostConfig{
		PidMode: container.PidMode("container:" + target.ID), NetworkMode: "none", ReadonlyRootfs: true,
		// To signal any user's processes, and to read their environment: it is a file of that user's, mode 0400.
		CapDrop: []string{"ALL"}, CapAdd: []string{"KILL", "SYS_PTRACE", "DAC_READ_SEARCH"},
		LogConfig: container.LogConfig{Type: "json-file"}, // its output is read back, whatever the engine's default is
		Resources: container.Resources{Memory: 64 << 20, PidsLimit: &pids},
	}
	if target.HostConfig != nil {
		host.UsernsMode = target.HostConfig.UsernsMode // another one's processes cannot be signalled
	}
	return dockersdk.ContainerCreateOptions{
		Name: "matrx-reap-" + uuid.NewString(),
		Config: &container.Config{Image: image, User: "0", Entrypoint: command, Cmd: []string{}, Labels: map[string]string{HelperLabel: "reap"},
			Env: []string{"GOMAXPROCS=1"}, Healthcheck: &container.HealthConfig{Test: []string{"NONE"}}},
		HostConfig: host,
	}
}

// waitEnd waits for a container's end and gives its exit code.
func (d *Docker) waitEnd(ctx context.Context, id string) (int64, error) {
	api, err := d.client(ctx)
	if err != nil {
		return 0, wrap(err, "wait for "+id)
	}
	own, cancel := context.WithCancel(ctx)
	defer cancel()
	res := api.ContainerWait(own, id, dockersdk.ContainerWaitOptions{Condition: container.WaitConditionNotRunning})
	select {
	case end := <-res.Result:
		return end.StatusCode, nil
	case err := <-res.Error:
		return 0, wrap(err, "wait for "+id)
	case <-ctx.Done():
		return 0, wrap(ctx.Err(), "wait for "+id)
	}
}

// helperOutput is what a helper printed, at most 4 KiB.
func (d *Docker) helperOutput(ctx context.Context, id string) (string, error) {
	var b strings.Builder
	for line, err := range d.ContainerLogs(ctx, id, time.Time{}, false) {
		if err != nil {
			return "", err
		}
		if b.Len() < 4<<10 {
			b.Write(line.Text)
		}
	}
	return strings.TrimSpace(b.String()), nil
}

// killHere ends the processes directly, when the container's own process is in our process table: then that is the engine's.
// It looks at our own table only, because a number in another one (the server's, mounted) means another process here.
func (d *Docker) killHere(ctx context.Context, target container.InspectResponse, marker string, grace time.Duration) (int, error) {
	name := strings.TrimPrefix(target.Name, "/")
	groups, err := os.ReadFile(filepath.Join(d.proc, strconv.Itoa(target.State.Pid), "cgroup"))
	if err != nil || !strings.Contains(string(groups), target.ID) {
		return 0, core.Errorf(core.CodeUnavailable, "Cannot end the processes in %s: the control plane knows neither an image of its own to do it from, nor sees the server's processes.", name)
	}
	n, err := reap.Run(ctx, d.proc, marker, grace)
	if err != nil {
		return n, core.Errorf(core.CodeUnavailable, "Cannot end the processes in %s: %w", name, err)
	}
	return n, nil
}

// containerID finds our own container's id in what the kernel says of our mounts: the engine mounts /etc/hostname from
// the container's folder.
func containerID(mountinfo string) string {
	m := regexp.MustCompile(`/containers/([0-9a-f]{64})/hostname`).FindStringSubmatch(mountinfo)
	if m == nil {
		return ""
	}
	return m[1]
}

// ownImage is the id of our own image: the one we were told, else that of the container we run in, else none.
func (d *Docker) ownImage(ctx context.Context) (string, error) {
	if d.cfg.Image != "" {
		return d.cfg.Image, nil
	}
	d.mu.Lock()
	known := d.own
	d.mu.Unlock()
	if known != "" {
		return known, nil
	}
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return "", core.Errorf(core.CodeInternal, "find own container: %w", err)
	}
	mounts, err := io.ReadAll(io.LimitReader(f, 1<<20))
	if err = errors.Join(err, f.Close()); err != nil {
		return "", core.Errorf(core.CodeInternal, "find own container: %w", err)
	}
	id := containerID(string(mounts))
	if id == "" {
		return "", nil
	}
	c, err := d.inspect(ctx, id)
	if core.CodeOf(err) == core.CodeNotFound {
		return "", nil // a container of another engine
	}
	if err != nil {
		return "", fmt.Errorf("find own image: %w", err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.own = c.Container.Image
	return d.own, nil
}
