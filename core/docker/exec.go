package docker

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"slices"
	"time"

	"github.com/codematrx/matrx-ship/core"
	"github.com/codematrx/matrx-ship/core/docker/reap"
	dockersdk "github.com/moby/moby/client"
)

// process is one in a container and the connection to it.
type process struct {
	d    *Docker
	id   string
	conn dockersdk.HijackedResponse
	out  io.Reader
}

// Exec starts a process in a running container. ctx covers the start only: the process and its connection go on until
// Close and KillExec. A command that does not exist ends with exit code 126 or 127 and the reason as its output.
func (d *Docker) Exec(ctx context.Context, id string, spec core.ExecSpec) (core.Exec, error) {
	if len(spec.Command) == 0 {
		return nil, core.Errorf(core.CodeInvalid, "The command is empty: say what to run.")
	}
	opts := dockersdk.ExecCreateOptions{User: spec.User, TTY: spec.TTY, AttachStdin: true, AttachStdout: true, AttachStderr: true,
		Env: slices.Clone(spec.Env), WorkingDir: spec.WorkDir, Cmd: spec.Command}
	if spec.Marker != "" {
		if err := reap.CheckMarker(spec.Marker); err != nil {
			return nil, core.Errorf(core.CodeInvalid, "%w", err)
		}
		opts.Env = append(opts.Env, reap.Variable+"="+spec.Marker)
	}
	size := dockersdk.ConsoleSize{}
	if spec.TTY && spec.Cols > 0 && spec.Rows > 0 {
		size = dockersdk.ConsoleSize{Width: uint(spec.Cols), Height: uint(spec.Rows)}
	}
	opts.ConsoleSize = size
	created, err := call(ctx, d, readLimit, "start a process in "+id, func(ctx context.Context, api *dockersdk.Client) (dockersdk.ExecCreateResult, error) {
		return api.ExecCreate(ctx, id, opts)
	})
	if err != nil {
		return nil, err
	}
	attached, err := call(ctx, d, readLimit, "start a process in "+id, func(ctx context.Context, api *dockersdk.Client) (dockersdk.ExecAttachResult, error) {
		return api.ExecAttach(ctx, created.ID, dockersdk.ExecAttachOptions{TTY: spec.TTY, ConsoleSize: size})
	})
	if err != nil {
		return nil, err
	}
	x := &process{d: d, id: created.ID, conn: attached.HijackedResponse, out: attached.Reader}
	if !spec.TTY {
		x.out = &unframer{r: attached.Reader}
	}
	if err := x.started(ctx, spec); err != nil {
		return nil, errors.Join(err, x.Close())
	}
	return x, nil
}

// started waits until the process is there, so that KillExec will find it. Setting the size waits for that too, and engines
// before API 1.42 ignore the one given at the start.
func (x *process) started(ctx context.Context, spec core.ExecSpec) error {
	if spec.TTY && spec.Cols > 0 && spec.Rows > 0 {
		err := x.Resize(ctx, spec.Cols, spec.Rows)
		if code := core.CodeOf(err); code == core.CodeUnavailable || code == core.CodeCanceled {
			return err
		}
		return nil // else it has ended already, or never began: the output says why
	}
	_, err := x.poll(ctx, func(r dockersdk.ExecInspectResult) bool { return r.PID != 0 || !r.Running })
	return err
}

// poll asks about the process until done says so.
func (x *process) poll(ctx context.Context, done func(dockersdk.ExecInspectResult) bool) (dockersdk.ExecInspectResult, error) {
	ctx, cancel := context.WithTimeout(ctx, readLimit)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		res, err := call(ctx, x.d, readLimit, "ask for a process", func(ctx context.Context, api *dockersdk.Client) (dockersdk.ExecInspectResult, error) {
			return api.ExecInspect(ctx, x.id, dockersdk.ExecInspectOptions{})
		})
		if err != nil || done(res) {
			return res, err
		}
		select {
		case <-ctx.Done():
			return res, wrap(ctx.Err(), "ask for a process")
		case <-tick.C:
		}
	}
}

// Read gives the process's output; without a terminal both streams in the order they came. It is io.EOF when it ended.
func (x *process) Read(p []byte) (int, error) { return x.out.Read(p) }

// Write gives the process input.
func (x *process) Write(p []byte) (int, error) { return x.conn.Conn.Write(p) }

// CloseWrite ends the process's input.
func (x *process) CloseWrite() error { return x.conn.CloseWrite() }

// Resize sets the terminal's size, in cells.
func (x *process) Resize(ctx context.Context, cols, rows int) error {
	return act(ctx, x.d, readLimit, "resize the terminal", func(ctx context.Context, api *dockersdk.Client) error {
		_, err := api.ExecResize(ctx, x.id, dockersdk.ExecResizeOptions{Width: uint(max(cols, 0)), Height: uint(max(rows, 0))})
		return err
	})
}

// ExitCode gives the exit code after Read said io.EOF. The engine closes the stream a moment before it knows the code.
func (x *process) ExitCode(ctx context.Context) (int, error) {
	res, err := x.poll(ctx, func(r dockersdk.ExecInspectResult) bool { return !r.Running })
	return res.ExitCode, err
}

// Close detaches. The process goes on.
func (x *process) Close() error {
	x.conn.Close()
	return nil
}

// unframer reads a stream with frames as one without.
type unframer struct {
	r    io.Reader
	left uint32
}

// Read gives what is in the frames.
func (u *unframer) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for u.left == 0 {
		var h [headerSize]byte
		if _, err := io.ReadFull(u.r, h[:]); err != nil {
			return 0, err
		}
		u.left = binary.BigEndian.Uint32(h[4:])
	}
	n, err := u.r.Read(p[:min(uint32(min(len(p), 1<<30)), u.left)])
	u.left -= uint32(n)
	return n, err
}
