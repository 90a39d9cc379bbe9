package core

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	"github.com/creack/pty"
	"golang.org/x/crypto/ssh"
	"golang.org/x/sys/unix"
)

// ledger is a journal in memory that can be put into trouble.
type ledger struct {
	mu      sync.Mutex
	entries []Entry
	full    bool          // Append refuses, AppendRelief goes on
	broken  bool          // both refuse
	stuck   chan struct{} // while set, writes wait until it is closed
}

func (l *ledger) Append(ctx context.Context, recs ...Record) ([]Entry, error) {
	return l.write(recs, func() bool { return l.full || l.broken })
}

func (l *ledger) AppendRelief(ctx context.Context, recs ...Record) ([]Entry, error) {
	return l.write(recs, func() bool { return l.broken })
}

func (l *ledger) write(recs []Record, refuses func() bool) ([]Entry, error) {
	l.mu.Lock()
	stuck := l.stuck
	l.mu.Unlock()
	if stuck != nil {
		<-stuck
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if refuses() {
		return nil, Errorf(CodeUnavailable, "The disk is full.")
	}
	first := len(l.entries)
	for _, rec := range recs {
		seq := uint64(len(l.entries) + 1)
		l.entries = append(l.entries, Entry{Record: rec, Seq: seq, ID: fmt.Sprint("id-", seq), At: time.Now().UTC(), Hash: fmt.Sprint("hash-", seq)})
	}
	return l.entries[first:len(l.entries):len(l.entries)], nil
}

func (l *ledger) set(change func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change()
}

func (l *ledger) all() []Entry {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.entries[:len(l.entries):len(l.entries)]
}

func (l *ledger) Replay(_ context.Context, from uint64) iter.Seq2[Entry, error] {
	entries := l.all()
	return func(yield func(Entry, error) bool) {
		for _, e := range entries {
			if e.Seq >= from && !yield(e, nil) {
				return
			}
		}
	}
}

func (l *ledger) Head() JournalHead {
	l.mu.Lock()
	defer l.mu.Unlock()
	return JournalHead{Seq: uint64(len(l.entries)), Writable: !l.full && !l.broken}
}

func (l *ledger) Verify(context.Context) (JournalReport, error) {
	return JournalReport{Records: int64(len(l.all())), OK: true}, nil
}

func (l *ledger) Close() error { return nil }

// quietEngine is an engine with the containers that a test gives it. Processes run on this machine, in a real terminal.
type quietEngine struct {
	Docker              // what no test here asks for
	missing    []string // commands that are not there
	mu         sync.Mutex
	containers []Container
	killFails  error
	killed     []string // markers
}

func (e *quietEngine) Info(context.Context) (EngineInfo, error) { return EngineInfo{}, nil }
func (e *quietEngine) Containers(context.Context) ([]Container, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.containers, nil
}

func (e *quietEngine) Container(context.Context, string) (ContainerDetail, error) {
	return ContainerDetail{}, Errorf(CodeNotFound, "No such container.")
}

func (e *quietEngine) Events(ctx context.Context) iter.Seq2[EngineEvent, error] {
	return func(func(EngineEvent, error) bool) { <-ctx.Done() }
}

func (e *quietEngine) Stats(context.Context, string) (StatsSample, error) { return StatsSample{}, nil }

func (e *quietEngine) Exec(_ context.Context, container string, spec ExecSpec) (Exec, error) {
	if container != "c1" {
		return nil, Errorf(CodeNotFound, "No such container: %s.", container)
	}
	for _, name := range e.missing {
		if spec.Command[0] == name {
			text := fmt.Sprintf("OCI runtime exec failed: exec failed: exec: %q: executable file not found in $PATH: unknown\r\n", name)
			return &refusedExec{strings.NewReader(text)}, nil
		}
	}
	cmd := exec.Command(spec.Command[0], spec.Command[1:]...)
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "PS1=ready> ", "MATRX_SHELL=" + spec.Marker}, spec.Env...)
	tty, err := pty.StartWithSize(cmd, &pty.Winsize{Cols: uint16(spec.Cols), Rows: uint16(spec.Rows)})
	if err != nil {
		return nil, Errorf(CodeInternal, "start: %w", err)
	}
	x := &localExec{tty: interruptible(tty), cmd: cmd, ended: make(chan struct{})}
	go func() { // ends with the process, which the test's shell ends
		x.err = cmd.Wait()
		_ = x.tty.SetReadDeadline(time.Now().Add(50 * time.Millisecond)) // as an engine does, whoever else has the terminal open
		close(x.ended)
	}()
	return x, nil
}

// interruptible makes a terminal whose Read ends when it is closed.
func interruptible(tty *os.File) *os.File {
	defer tty.Close()
	fd, err := unix.Dup(int(tty.Fd()))
	if err == nil {
		err = unix.SetNonblock(fd, true)
	}
	if err != nil {
		panic(err)
	}
	return os.NewFile(uintptr(fd), "terminal")
}

// KillExec ends every process on this machine that carries the marker.
func (e *quietEngine) KillExec(_ context.Context, _, marker string, _ time.Duration) (int, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.killed = append(e.killed, marker)
	if e.killFails != nil {
		return 0, e.killFails
	}
	pids := marked(marker)
	for _, pid := range pids {
		_ = syscall.Kill(pid, syscall.SIGKILL) // it may have ended meanwhile
	}
	for deadline := time.Now().Add(5 * time.Second); len(marked(marker)) > 0 && time.Now().Before(deadline); {
		time.Sleep(5 * time.Millisecond)
	}
	return len(pids), nil
}

func (e *quietEngine) set(change func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	change()
}

// marked finds the living processes with a marker in their environment.
func marked(marker string) []int {
	var pids []int
	files, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err == nil && strings.Contains(string(raw), "MATRX_SHELL="+marker) {
			var pid int
			if _, err := fmt.Sscanf(file, "/proc/%d/", &pid); err == nil {
				pids = append(pids, pid)
			}
		}
	}
	return pids
}

// refusedExec is what an engine gives for a command that is not there.
type refusedExec struct{ io.Reader }

func (*refusedExec) Write(p []byte) (int, error)            { return len(p), nil }
func (*refusedExec) CloseWrite() error                      { return nil }
func (*refusedExec) Resize(context.Context, int, int) error { return nil }
func (*refusedExec) ExitCode(context.Context) (int, error)  { return 126, nil }
func (*refusedExec) Close() error                           { return nil }

// localExec is a process on this machine.
type localExec struct {
	tty   *os.File
	cmd   *exec.Cmd
	ended chan struct{}
	err   error
}

func (x *localExec) Read(p []byte) (int, error) {
	n, err := x.tty.Read(p)
	if err != nil {
		err = io.EOF // a terminal without a process gives EIO
	}
	return n, err
}
func (x *localExec) Write(p []byte) (int, error) { return x.tty.Write(p) }
func (x *localExec) CloseWrite() error           { return nil }
func (x *localExec) Close() error                { return x.tty.Close() }
func (x *localExec) Resize(_ context.Context, cols, rows int) error {
	conn, err := x.tty.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = conn.Control(func(fd uintptr) {
		failed = unix.IoctlSetWinsize(int(fd), unix.TIOCSWINSZ, &unix.Winsize{Col: uint16(cols), Row: uint16(rows)})
	})
	return errors.Join(err, failed)
}

func (x *localExec) ExitCode(ctx context.Context) (int, error) {
	select {
	case <-x.ended:
		return x.cmd.ProcessState.ExitCode(), nil
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// shelf is a log store that remembers what it was told.
type shelf struct {
	mu     sync.Mutex
	bounds LogBounds
	asked  []LogQuery
}

func (s *shelf) lines(q LogQuery) iter.Seq2[LogLine, error] {
	s.mu.Lock()
	s.asked = append(s.asked, q)
	s.mu.Unlock()
	return func(yield func(LogLine, error) bool) { yield(LogLine{Text: "hello"}, nil) }
}
func (s *shelf) Read(_ context.Context, q LogQuery) iter.Seq2[LogLine, error]   { return s.lines(q) }
func (s *shelf) Follow(_ context.Context, q LogQuery) iter.Seq2[LogLine, error] { return s.lines(q) }
func (s *shelf) Search(_ context.Context, q LogQuery) iter.Seq2[LogHit, error] {
	return func(yield func(LogHit, error) bool) { yield(LogHit{Line: &LogLine{Text: q.Match}}, nil) }
}
func (s *shelf) Services(context.Context) ([]LogService, error) {
	return []LogService{{Service: "ship-demo"}}, nil
}

func (s *shelf) Trim(_ context.Context, b LogBounds) (LogTrimmed, error) {
	s.SetBounds(b)
	return LogTrimmed{}, nil
}

func (s *shelf) SetBounds(b LogBounds) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bounds = b
}

func (s *shelf) now() LogBounds {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.bounds
}
func (s *shelf) Stats() LogStats    { return LogStats{} }
func (*shelf) Track(string, string) {}
func (*shelf) Borrow(_, _ string)   {}
func (*shelf) Untrack(string)       {}

type quietHost struct{}

func (quietHost) Usage(context.Context) (HostUsage, error)           { return HostUsage{}, nil }
func (quietHost) Probe(context.Context, ProbeTarget) (string, error) { return "", nil }
func (quietHost) Routes(context.Context) ([]Route, error)            { return nil, nil }
func (quietHost) Version(context.Context) (string, error)            { return "", nil }

// world is what a control plane in a test stands on; it outlives the plane.
type world struct {
	root    string
	cfg     Config
	charter Charter
	journal *ledger
	engine  *quietEngine
	logs    *shelf
	docs    fstest.MapFS
	ship    ShipParts
}

func newWorld(t testing.TB) *world {
	root := t.TempDir()
	return &world{
		root: root, cfg: Config{ServerName: "test", Root: root, ShellRole: "operator"}, charter: ManagerCharter(),
		journal: &ledger{}, engine: &quietEngine{}, logs: &shelf{}, docs: fstest.MapFS{},
	}
}

// open starts a plane; it is closed at the end of the test unless the test did.
func (w *world) open(t testing.TB) *Core {
	t.Helper()
	c, err := Open(t.Context(), Parts{
		Config: w.cfg, Charter: w.charter, Version: "test", Journal: w.journal, Docker: w.engine, Usage: w.engine,
		Logs: w.logs, Collect: w.logs, Prober: quietHost{}, Proxy: quietHost{}, Host: quietHost{}, Docs: w.docs, Ship: w.ship,
		Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	c.shells.find = func(_ context.Context, name string) (Service, error) {
		switch name {
		case "ship-demo":
			return Service{Name: name, ID: "c1", State: "running"}, nil
		case "ship-down":
			return Service{Name: name, ID: "c2", State: "exited"}, nil
		}
		return Service{}, Errorf(CodeNotFound, "There is no service %q.", name)
	}
	var once sync.Once
	closeOnce := func() {
		once.Do(func() {
			if err := c.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	t.Cleanup(closeOnce)
	return c
}

// as is a context of a person with a role.
func as(t testing.TB, role Role) context.Context {
	return WithActor(t.Context(), Actor{Name: role.String(), Kind: ActorPerson, Role: role, Door: DoorSSH, Address: "192.0.2.1:50000"})
}

// newKeyText makes a public key and its fingerprint.
func newKeyText(t testing.TB, comment string) (line, fingerprint string) {
	t.Helper()
	public, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	key, err := ssh.NewPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(key.Type() + " " + base64.StdEncoding.EncodeToString(key.Marshal()) + " " + comment), ssh.FingerprintSHA256(key)
}

// wantCode fails unless the error has the code, and the message holds the words.
func wantCode(t testing.TB, err error, code Code, words ...string) {
	t.Helper()
	if CodeOf(err) != code {
		t.Fatalf("got %q (%v), want %q", CodeOf(err), err, code)
	}
	for _, word := range words {
		if !strings.Contains(MessageOf(err), word) {
			t.Fatalf("the message %q does not say %q", MessageOf(err), word)
		}
	}
}

// must gives the value, or fails.
func must[T any](t testing.TB, v T, err error) T {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// eventually waits until a condition holds.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !holds(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not in time: %s", what)
		}
	}
}

// auditOf lists the audit of one operation, oldest first, as "actor target outcome".
func auditOf(t testing.TB, c *Core, op string) []string {
	t.Helper()
	events := must2(ListAudit.Run(as(t, RoleViewer), c, ListAuditIn{Op: op, Limit: 1000}))(t)
	var rows []string
	for i := len(events) - 1; i >= 0; i-- {
		rows = append(rows, strings.TrimSpace(fmt.Sprint(events[i].Actor.Name, " ", events[i].Target, " ", events[i].Outcome)))
	}
	return rows
}

// must2 takes the two results of an operation.
func must2[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		return must(t, v, err)
	}
}

// journalText is everything the journal holds.
func (l *ledger) text(t testing.TB) string {
	t.Helper()
	var b strings.Builder
	for _, e := range l.all() {
		raw := must(t, json.RawMessage(e.Body), nil)
		fmt.Fprintln(&b, e.Table, e.Key, e.Op, string(raw), e.Actor)
	}
	return b.String()
}
