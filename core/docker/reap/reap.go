// Package reap ends the processes that one exec left behind in a container. The engine has no call for that, and the
// container may hold no kill command, so it runs in a short-lived helper container of our own that shares the process
// namespace of the other one, and finds its processes by a marker in their environment.
package reap

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Variable is the name of the environment variable that carries the marker.
const Variable = "MATRX_SHELL"

// Leeway is how long the kernel has to take killed processes away, besides the grace.
const Leeway = 5 * time.Second

// CheckMarker refuses a marker that cannot be told from another one's beginning or end.
func CheckMarker(marker string) error {
	ok := marker != "" && len(marker) <= 128
	for _, r := range marker {
		ok = ok && (r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || strings.ContainsRune("-_.:", r))
	}
	if !ok {
		return fmt.Errorf("the marker is %q: give 1 to 128 of letters, digits and \"-_.:\"", marker)
	}
	return nil
}

// Main is the hidden command: its arguments are the marker and the grace. It prints how many processes there were and
// returns the exit code.
func Main(args []string) int {
	n, err := run(args)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	fmt.Println(n)
	return 0
}

func run(args []string) (int, error) {
	if len(args) != 2 {
		return 0, errors.New("usage: reap MARKER GRACE")
	}
	grace, err := time.ParseDuration(args[1])
	if err != nil {
		return 0, fmt.Errorf("grace: %w", err)
	}
	return Run(context.Background(), "/proc", args[0], grace)
}

// Run ends every process below the proc folder that carries the marker, those they began, and those of their sessions:
// hang-up first, kill after grace, again and again until none is left, because they may fork meanwhile. It returns how
// many there were. The caller must be in the process namespace that the folder shows.
func Run(ctx context.Context, proc, marker string, grace time.Duration) (int, error) {
	if err := CheckMarker(marker); err != nil {
		return 0, err
	}
	seen := map[identity]bool{}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	quiet := 0 // looks in a row without finding one: a process may be between two of them while we look
	for begin := time.Now(); ; {
		alive, err := find(proc, marker, seen)
		if err != nil {
			return len(seen), err
		}
		waited := time.Since(begin)
		if quiet++; len(alive) > 0 {
			quiet = 0
		}
		switch {
		case quiet == 2:
			return len(seen), nil
		case waited > grace+Leeway:
			return len(seen), fmt.Errorf("%d processes are still there", len(alive))
		}
		for _, p := range alive {
			if err := p.end(!seen[p.identity], waited >= grace); err != nil {
				return len(seen), err
			}
			seen[p.identity] = true
			_ = p.handle.Release() // gives a descriptor back; nothing can be done if it fails
		}
		select {
		case <-ctx.Done():
			return len(seen), ctx.Err()
		case <-tick.C:
		}
	}
}

// identity tells a process from a later one with the same number.
type identity struct {
	pid     int
	started string // in ticks since boot
}

// process is one row of the process table.
type process struct {
	identity
	parent, session int
	marked          bool
	hidden          error       // why its environment cannot be read: it may only belong by its parent or session
	handle          *os.Process // by pidfd: never another process that got the same number
}

// end signals the process: hang-up when it is new, kill when its time is over.
func (p process) end(fresh, late bool) error {
	var err error
	switch {
	case late:
		err = p.handle.Signal(syscall.SIGKILL)
	case fresh:
		err = errors.Join(p.handle.Signal(syscall.SIGHUP), p.handle.Signal(syscall.SIGCONT)) // a stopped one must hear it
	}
	if err != nil && !errors.Is(err, os.ErrProcessDone) && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("signal process %d: %w", p.pid, err)
	}
	return nil
}

// find gives the living processes that belong to the marker. What was seen to belong still does: the parent that tied a
// process to it may be gone by now.
func find(proc, marker string, seen map[identity]bool) ([]process, error) {
	all, err := table(proc, marker)
	if err != nil {
		return nil, err
	}
	mine := map[int]bool{}
	for more := true; more; { // children of children, in whatever order
		more = false
		for _, p := range all {
			if !mine[p.pid] && (p.marked || seen[p.identity] || mine[p.parent] || mine[p.session]) {
				mine[p.pid], more = true, true
			}
		}
	}
	var found []process
	for _, p := range all {
		if mine[p.pid] {
			found = append(found, p)
		} else {
			_ = p.handle.Release()
		}
	}
	return found, nil
}

// table reads the process table, without zombies and without ourselves.
func table(proc, marker string) ([]process, error) {
	entries, err := os.ReadDir(proc)
	if err != nil {
		return nil, err
	}
	var all []process
	var hidden error
	readable := 0
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		p, ok, err := read(proc, pid, marker)
		if err != nil {
			return nil, err
		}
		if !ok {
			continue
		}
		all = append(all, p)
		if p.hidden == nil {
			readable++
		} else {
			hidden = p.hidden
		}
	}
	if readable == 0 && hidden != nil { // we may read none: "nothing there" would be a guess
		return nil, hidden
	}
	return all, nil
}

// read reads one process; not ok means that it is gone or dead.
func read(proc string, pid int, marker string) (p process, ok bool, err error) {
	handle, err := os.FindProcess(pid) // before its environment is read: that is then surely its own
	if err != nil {
		return process{}, false, err
	}
	defer func() {
		if !ok {
			_ = handle.Release()
		}
	}()
	p = process{identity: identity{pid: pid}, handle: handle}
	stat, err := os.ReadFile(filepath.Join(proc, strconv.Itoa(pid), "stat"))
	if err != nil {
		return p, false, gone(err)
	}
	// pid (name) state parent group session ... start time as the 22nd; the name may hold anything, also parentheses.
	f := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(f) < 20 || f[0][0] == 'Z' || f[0][0] == 'X' {
		return p, false, nil
	}
	p.parent, _ = strconv.Atoi(string(f[1])) // the kernel's own numbers
	p.session, _ = strconv.Atoi(string(f[3]))
	p.started = string(f[19])
	env, err := os.ReadFile(filepath.Join(proc, strconv.Itoa(pid), "environ"))
	if errors.Is(err, fs.ErrPermission) {
		p.hidden = err
		return p, true, nil
	}
	if err != nil {
		return p, false, gone(err)
	}
	want := []byte(Variable + "=" + marker)
	for v := range bytes.SplitSeq(env, []byte{0}) {
		p.marked = p.marked || bytes.Equal(v, want)
	}
	return p, true, nil
}

// gone turns the error of a process that ended while it was read into none.
func gone(err error) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
		return nil
	}
	return err
}
