package core

import (
	"context"
	"reflect"
	"regexp"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
)

// The bounds of shells.
const (
	maxShells       = 100
	maxShellArgs    = 256
	maxShellCommand = 16 << 10         // bytes of all arguments
	shellKillGrace  = 2 * time.Second  // between hang-up and kill
	shellKillWait   = 20 * time.Second // for one attempt to end the processes
	shellRetry      = 15 * time.Second // between two looks for processes that are left
	shellGiveUp     = 24 * time.Hour   // after the start; then processes that cannot be reached are forgotten
	shellTidy       = 10 * time.Minute // between two looks at the bounds of recordings
	shellSettle     = time.Second      // in which a shell that the container does not have says so
)

// The names of operations whose least role is a setting.
const (
	opShellOpen     = "shell.open"
	opRecordingRead = "recording.read"
)

// ShellInfo describes the opening of a shell as the list describes operations. It is two-way and so not on the list:
// OpenShell is its door.
func ShellInfo() Info {
	return Info{
		Name: opShellOpen, Summary: "Open a shell in a service", Risk: Change, Role: RoleOperator, Audited: true,
		Streams: true, In: reflect.TypeFor[OpenShellIn](), Out: reflect.TypeFor[Recording](),
	}
}

// roleFor is the least role for an operation: that of the list, or for shells, and for what they showed, the
// environment's when it asks for more.
func (c *Core) roleFor(op Info) Role {
	if op.Name != opShellOpen && op.Name != opRecordingRead {
		return op.Role
	}
	role, err := ParseRole(c.cfg.ShellRole)
	if err != nil {
		return max(op.Role, RoleOperator)
	}
	return max(op.Role, role)
}

// shells is the registry of running shells and the keeper of their recordings.
type shells struct {
	c    *Core
	find func(ctx context.Context, service string) (Service, error)
	wake chan struct{} // capacity 1: the bounds have changed

	mu     sync.Mutex // guards what is below
	live   map[string]*Shell
	closed bool
	undone []string // recordings whose rows say that they are open, or that processes may be left
	seen   uint64   // the changes of the table that undone comes from
	wg     sync.WaitGroup
}

func newShells(c *Core) *shells {
	return &shells{c: c, find: c.findService, wake: make(chan struct{}, 1), live: map[string]*Shell{}}
}

// findService finds a service as service.show does.
func (c *Core) findService(ctx context.Context, name string) (Service, error) {
	detail, err := showService(ctx, c, ServiceIn{name})
	return detail.Service, err
}

// tidySoon makes run look at the bounds now.
func (sh *shells) tidySoon() {
	select {
	case sh.wake <- struct{}{}:
	default:
	}
}

// run ends what shells of the last process left, keeps the recordings within their bounds, and at its end closes every
// shell and waits.
func (sh *shells) run(ctx context.Context) {
	retry, tidy := time.NewTicker(shellRetry), time.NewTicker(shellTidy)
	defer retry.Stop()
	defer tidy.Stop()
	sh.endLeft(ctx)
	for {
		select {
		case <-ctx.Done():
			sh.closeAll()
			return
		case <-retry.C:
			sh.endLeft(ctx)
			continue
		case <-sh.wake:
		case <-tidy.C:
		}
		if err := sh.tidy(ctx); err != nil {
			sh.c.log.Warn("recordings not tidied", "err", err)
		}
	}
}

// closeAll ends every shell and waits until their processes are gone or given up.
func (sh *shells) closeAll() {
	sh.mu.Lock()
	sh.closed = true
	for _, s := range sh.live {
		s.stop(Errorf(CodeCanceled, "The control plane is shutting down."))
	}
	sh.mu.Unlock()
	sh.wg.Wait()
}

// endLeft ends the processes of shells whose control plane or engine was not there to do it, and closes their rows.
func (sh *shells) endLeft(ctx context.Context) {
	for _, id := range sh.unfinished() {
		sh.mu.Lock()
		lives := sh.live[id] != nil // looked at before its row, which says last that it has ended
		sh.mu.Unlock()
		stored, _, ok := get[recordingRow](sh.c.state, recordingsTable, id)
		if lives || !ok || !stored.Open && !stored.Left || ctx.Err() != nil {
			continue
		}
		next := stored
		if stored.Open { // the last process died while it ran
			next.Open, next.ExitCode, next.Size = false, -1, sh.castSize(id)
		}
		err := sh.kill(ctx, stored.Container, id)
		next.Left = err != nil && sh.c.now().Sub(stored.Started) < shellGiveUp
		if next == stored {
			continue
		}
		if err := sh.c.commit(WithActor(ctx, sh.c.systemActor()), edit{recordingsTable, id, next}); err != nil {
			sh.c.log.Warn("end of a shell not on record yet", "recording", id, "err", err)
		}
	}
}

// unfinished are the recordings whose rows say that they are open, or that processes may be left. There may be thousands
// of rows, so they are read again only when one has changed.
func (sh *shells) unfinished() []string {
	seen := sh.c.state.changes(recordingsTable) // before the rows: what changes meanwhile is seen the next time
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if seen == sh.seen {
		return sh.undone
	}
	sh.undone, sh.seen = nil, seen
	for _, row := range all[recordingRow](sh.c.state, recordingsTable) {
		if row.Open || row.Left {
			sh.undone = append(sh.undone, row.ID)
		}
	}
	return sh.undone
}

// castSize is the size of a recording's file, 0 when it cannot be told.
func (sh *shells) castSize(id string) int64 {
	file, err := sh.openCast(id)
	if err != nil {
		return 0
	}
	defer file.Close() // it was only looked at
	info, err := file.Stat()
	if err != nil {
		return 0
	}
	return info.Size()
}

// kill ends every process of a shell and looks again that none is left. A container that is gone has
// none; one that is paused keeps them, and they are ended when it goes on.
func (sh *shells) kill(ctx context.Context, container, marker string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), shellKillWait)
	defer cancel()
	for range 3 {
		n, err := sh.c.docker.KillExec(ctx, container, marker, shellKillGrace)
		switch {
		case CodeOf(err) == CodeNotFound:
			return nil
		case err != nil:
			return err
		case n == 0:
			return nil
		}
	}
	return Errorf(CodeUnavailable, "Processes of the shell are still there after they were killed.")
}

// shellUser and shellTerm are what may be asked for.
var (
	shellUser = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]{0,31}(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,31})?$`)
	shellTerm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._+-]{0,63}$`)
)

// Validate checks everything that can be known without the container.
func (in OpenShellIn) Validate() error {
	size := 0
	for _, arg := range in.Command {
		size += len(arg)
		if strings.ContainsRune(arg, 0) {
			return Errorf(CodeInvalid, "An argument of the command holds a NUL byte.")
		}
	}
	switch {
	case in.Service == "":
		return Errorf(CodeInvalid, "Which service? Give its name.")
	case len(in.Command) > maxShellArgs || size > maxShellCommand:
		return Errorf(CodeInvalid, "The command is too long: at most %d arguments and %s.", maxShellArgs, FormatBytes(maxShellCommand))
	case len(in.Command) > 0 && in.Command[0] == "":
		return Errorf(CodeInvalid, "The command has no name.")
	case in.User != "" && !shellUser.MatchString(in.User):
		return Errorf(CodeInvalid, "%q cannot be a user; give a name or a number, with :GROUP if need be.", SafeText(in.User))
	default:
		return nil
	}
}

// OpenShell opens a shell in a service's container. It passes the same door as every operation: durable intent,
// permission, Validate, outcome at the end with the exit code. The shell ends with ctx or Close, and then its processes
// in the container are ended too.
func OpenShell(ctx context.Context, c *Core, in OpenShellIn) (*Shell, error) {
	sh, opened, failed := c.shells, make(chan *Shell, 1), make(chan error, 1)
	sh.mu.Lock()
	if sh.closed {
		sh.mu.Unlock()
		return nil, Errorf(CodeUnavailable, "The control plane is shutting down.")
	}
	sh.wg.Go(func() {
		failed <- sh.contain(func() error {
			return c.guard(ctx, ShellInfo(), in, func(ctx context.Context) error {
				s, err := sh.open(ctx, in)
				if err != nil {
					return err
				}
				opened <- s
				return s.serve(ctx)
			})
		})
	})
	sh.mu.Unlock()
	select {
	case s := <-opened:
		return s, nil
	case err := <-failed:
		select {
		case s := <-opened: // it opened and ended at once
			return s, nil
		default:
			return nil, err
		}
	}
}

// contain turns a panic into an error: a shell must not take the control plane with it.
func (sh *shells) contain(run func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			sh.c.log.Error("shell ended in a panic", "panic", p, "stack", string(debug.Stack()))
			err = Errorf(CodeInternal, "The shell ended in a panic; the log of the control plane has it.")
		}
	}()
	return run()
}

// open starts the recording and then the process.
func (sh *shells) open(ctx context.Context, in OpenShellIn) (*Shell, error) {
	service, err := sh.find(ctx, in.Service)
	if err != nil {
		return nil, err
	}
	if service.ID == "" || service.Missing || service.State != "running" {
		return nil, Errorf(CodeConflict, "%s does not run, so there is nothing to open a shell in.", in.Service)
	}
	s := newShell(sh, in, service)
	s.row.By = ActorFrom(ctx)
	if err := sh.enter(s); err != nil {
		return nil, err
	}
	if err := s.begin(ctx); err != nil {
		s.abandon(ctx)
		return nil, err
	}
	return s, nil
}

// enter puts a shell on the list.
func (sh *shells) enter(s *Shell) error {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	switch {
	case sh.closed:
		return Errorf(CodeUnavailable, "The control plane is shutting down.")
	case len(sh.live) >= maxShells:
		return Errorf(CodeUnavailable, "%d shells are open, which is the most there may be.", len(sh.live))
	}
	sh.live[s.row.ID] = s
	return nil
}

// leave takes a shell off the list.
func (sh *shells) leave(s *Shell) {
	sh.mu.Lock()
	delete(sh.live, s.row.ID)
	sh.mu.Unlock()
}

func newShellID() string { return uuid.Must(uuid.NewV7()).String() }
