package coretest

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/codematrx/matrx-ship/core"
)

// Process is a process started by Exec, as its script sees it.
type Process struct {
	Container string // id
	Spec      core.ExecSpec
	In        io.Reader
	Out       io.Writer
	Sizes     <-chan [2]int   // columns and rows, the first at once
	Hangup    <-chan struct{} // closed by KillExec and by the container's end
}

// ExecFunc is what a process does; it returns the exit code.
type ExecFunc func(p Process) int

// OnExec sets what every later Exec runs; nil means GuestExec.
func (d *Docker) OnExec(run ExecFunc) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.exec = run; run == nil {
		d.exec = GuestExec
	}
}

// Execs counts the processes that run in a container with the marker; an empty marker counts all.
func (d *Docker) Execs(container, marker string) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := 0
	c := d.find(container)
	for s := range d.execs {
		if c != nil && s.container == c.d.ID && (marker == "" || s.marker == marker) {
			n++
		}
	}
	return n
}

// GuestExec does what the guest program does when it is executed: "cat" repeats its input, "exit N" ends with N,
// "size" prints the terminal's size whenever it changes, "sleep" runs until it is hung up; anything else acts as cat.
func GuestExec(p Process) int {
	args := p.Spec.Command
	if len(args) > 0 && strings.HasSuffix(args[0], "guest") {
		args = args[1:]
	}
	verb := ""
	if len(args) > 0 {
		verb = args[0]
	}
	switch verb {
	case "exit":
		code, _ := strconv.Atoi(strings.Join(args[1:], ""))
		return code
	case "size":
		for {
			select {
			case size := <-p.Sizes:
				fmt.Fprintf(p.Out, "%d %d\n", size[0], size[1])
			case <-p.Hangup:
				return 129
			}
		}
	case "sleep", "stubborn":
		<-p.Hangup
		return 129
	default:
		return guestCat(p)
	}
}

// guestCat repeats lines until the input ends.
func guestCat(p Process) int {
	r := bufio.NewReader(p.In)
	for {
		line, err := r.ReadString('\n')
		if _, werr := io.WriteString(p.Out, line); werr != nil || err != nil {
			return 0
		}
	}
}

// execSession is one process and the terminal it has.
type execSession struct {
	d         *Docker
	container string
	marker    string
	in        *io.PipeReader
	inWrite   *io.PipeWriter
	out       *io.PipeReader
	outWrite  *io.PipeWriter
	sizes     chan [2]int
	hangup    chan struct{}
	once      sync.Once
	done      chan struct{} // closed when the process ended
	code      int           // valid after done
}

// Exec starts a process in a running container.
func (d *Docker) Exec(ctx context.Context, id string, spec core.ExecSpec) (core.Exec, error) {
	if err := d.enter(ctx, "Exec"); err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	c := d.find(id)
	switch {
	case c == nil:
		return nil, noSuch(id)
	case c.d.State != "running":
		return nil, core.Errorf(core.CodeConflict, "%s is not running.", c.d.Name)
	case len(spec.Command) == 0:
		return nil, core.Errorf(core.CodeInvalid, "The command is empty: say what to run.")
	}
	s := &execSession{d: d, container: c.d.ID, marker: spec.Marker, sizes: make(chan [2]int, 16),
		hangup: make(chan struct{}), done: make(chan struct{})}
	s.in, s.inWrite = io.Pipe()
	s.out, s.outWrite = io.Pipe()
	if spec.TTY {
		s.sizes <- [2]int{spec.Cols, spec.Rows}
	}
	d.execs[s] = struct{}{}
	run, p := d.exec, Process{Container: c.d.ID, Spec: spec, In: s.in, Out: s.outWrite, Sizes: s.sizes, Hangup: s.hangup}
	go func() { // owned by the fake: ends with the script, whose streams KillExec and the container's end close
		s.code = run(p)
		s.outWrite.Close()
		s.in.Close()
		d.mu.Lock()
		delete(d.execs, s)
		close(s.done)
		d.bump()
		d.mu.Unlock()
	}()
	return s, nil
}

// kill hangs the process up and takes its streams away.
func (s *execSession) kill() {
	s.once.Do(func() {
		close(s.hangup)
		s.in.CloseWithError(io.EOF)
	})
}

// Read gives the process's output.
func (s *execSession) Read(p []byte) (int, error) { return s.out.Read(p) }

// Write gives the process input.
func (s *execSession) Write(p []byte) (int, error) { return s.inWrite.Write(p) }

// CloseWrite ends the process's input.
func (s *execSession) CloseWrite() error { return s.inWrite.Close() }

// Resize tells the process its terminal's size; an unread one is replaced.
func (s *execSession) Resize(ctx context.Context, cols, rows int) error {
	if err := s.d.enter(ctx, "Resize"); err != nil {
		return err
	}
	for {
		select {
		case s.sizes <- [2]int{cols, rows}:
			return nil
		default:
		}
		select {
		case <-s.sizes:
		default:
		}
	}
}

// ExitCode waits for the end of the process.
func (s *execSession) ExitCode(ctx context.Context) (int, error) {
	if err := s.d.enter(ctx, "ExitCode"); err != nil {
		return 0, err
	}
	select {
	case <-s.done:
		return s.code, nil
	case <-ctx.Done():
		return 0, gaveUp(ctx)
	}
}

// Close detaches: the process goes on, its output goes nowhere.
func (s *execSession) Close() error {
	go func() { _, _ = io.Copy(io.Discard, s.out) }() // ends with the process
	return nil
}

// KillExec hangs up every process with the marker and waits up to grace for its end.
func (d *Docker) KillExec(ctx context.Context, id, marker string, grace time.Duration) (int, error) {
	if err := d.enter(ctx, "KillExec"); err != nil {
		return 0, err
	}
	d.mu.Lock()
	c := d.find(id)
	var found []*execSession
	for s := range d.execs {
		if c != nil && s.container == c.d.ID && s.marker == marker {
			found = append(found, s)
			s.kill()
		}
	}
	d.mu.Unlock()
	switch {
	case c == nil:
		return 0, noSuch(id)
	case marker == "":
		return 0, core.Errorf(core.CodeInvalid, "The marker is empty.")
	}
	t := time.NewTimer(grace)
	defer t.Stop()
	for _, s := range found {
		select {
		case <-s.done:
		case <-t.C:
			for _, s := range found {
				s.outWrite.Close() // nobody reads a killed process
			}
			return len(found), nil
		case <-ctx.Done():
			return len(found), gaveUp(ctx)
		}
	}
	return len(found), nil
}
