package core

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

// The sizes a terminal may have, and the bound of one call about it.
const (
	maxCols      = 500
	maxRows      = 200
	shellCall    = 5 * time.Second
	shellRefusal = 8 << 10 // bytes of an engine's refusal that are looked at
)

// Shell is a two-way process in a service's container, recorded while it runs. It is read and written by one viewer.
type Shell struct {
	sh   *shells
	in   OpenShellIn
	cast *castWriter
	exec Exec
	pump *pump
	ctx  context.Context // the viewer's

	reading sync.Mutex // held by Read; guards first and rest
	first   []byte     // output that came while the shell was chosen; not recorded yet
	rest    []byte     // recorded output that the viewer has not taken yet

	row   recordingRow  // changes only before and after the shell runs
	ended chan struct{} // closed when it ended, or was told to
	coded chan struct{} // closed when code is known
	done  chan struct{} // closed when its processes are gone and it is on record
	code  int
	tried bool // the engine was asked for a process

	mu    sync.Mutex // guards cause and the closing of ended
	cause error      // why we ended it, nil when the process ended by itself
}

// newShell makes a shell that has not begun.
func newShell(sh *shells, in OpenShellIn, service Service) *Shell {
	in.Cols, in.Rows = clampSize(in.Cols, in.Rows)
	if !shellTerm.MatchString(in.Term) {
		in.Term = "xterm-256color"
	}
	id := newShellID()
	row := recordingRow{Container: service.ID, Left: true, Recording: Recording{
		ID: id, Service: in.Service, Started: sh.c.now().UTC(), Open: true, ExitCode: -1,
		File: recordingsFolder + "/" + castFile(id),
	}}
	return &Shell{
		sh: sh, in: in, row: row, code: -1, cast: newCastWriter(sh.c.setting(settingCastEachBytes), sh.c.now),
		ended: make(chan struct{}), coded: make(chan struct{}), done: make(chan struct{}),
	}
}

// clampSize gives a terminal a size that can be drawn on; 0 counts as 80x24.
func clampSize(cols, rows int) (int, int) {
	if cols <= 0 || rows <= 0 {
		return 80, 24
	}
	return min(cols, maxCols), min(rows, maxRows)
}

// begin puts the shell on record, opens its recording and starts the process, in this order: what runs is known.
func (s *Shell) begin(ctx context.Context) error {
	s.ctx = ctx
	c := s.sh.c
	if err := c.commit(ctx, edit{recordingsTable, s.row.ID, s.row}); err != nil {
		return err
	}
	file, err := s.sh.createCast(s.row.ID)
	if err != nil {
		return recordingFailed("not opened", Errorf(CodeUnavailable, "its recording cannot be written: %w", castCause(err)))
	}
	header := castHeader{Width: s.in.Cols, Height: s.in.Rows, Title: s.in.Service, Env: map[string]string{"TERM": s.in.Term}}
	if err := s.cast.begin(file, header); err != nil {
		return recordingFailed("not opened", err)
	}
	return s.start(ctx)
}

// recordingFailed is the end of a shell that cannot be recorded.
func recordingFailed(what string, err error) error {
	return Errorf(CodeUnavailable, "The shell is %s: %s.", what, MessageOf(err))
}

// abandon takes back what begin did before it failed. An engine that did not answer may have started the process all
// the same: it is ended, and while that cannot be done its row stays, so that it is tried again.
func (s *Shell) abandon(ctx context.Context) {
	var killErr error
	if s.tried {
		killErr = s.sh.kill(ctx, s.row.Container, s.row.ID)
	}
	last := edit{recordingsTable, s.row.ID, nil}
	if killErr != nil {
		s.row.Open = false
		last.body = s.row
	}
	err := errors.Join(s.cast.close(), s.sh.removeCast(s.row.ID), killErr, s.sh.c.commit(ctx, last))
	if err != nil {
		s.sh.c.log.Warn("shell that did not open left something behind", "recording", s.row.ID, "err", err)
	}
	s.sh.leave(s)
	close(s.done)
}

// start starts the command, or the best shell the container has.
func (s *Shell) start(ctx context.Context) error {
	if len(s.in.Command) > 0 {
		_, err := s.try(ctx, s.in.Command, false)
		return err
	}
	for _, shell := range []string{"bash", "sh"} {
		missing, err := s.try(ctx, []string{shell}, true)
		if !missing {
			return err
		}
	}
	return Errorf(CodeConflict, "%s has neither bash nor sh; give the command to run.", s.in.Service)
}

// try starts a command. For a guess it waits until the command shows that it runs, and tells when it is not there. A
// start is not broken off when the user goes: nobody would know then whether there is a process to end.
func (s *Shell) try(ctx context.Context, command []string, guess bool) (missing bool, err error) {
	begin, cancel := context.WithTimeout(context.WithoutCancel(ctx), shellCall)
	defer cancel()
	s.tried = true
	exec, err := s.sh.c.docker.Exec(begin, s.row.Container, ExecSpec{
		Command: command, User: s.in.User, Env: []string{"TERM=" + s.in.Term}, TTY: true,
		Cols: s.in.Cols, Rows: s.in.Rows, Marker: s.row.ID,
	})
	if err != nil {
		return guess && isRefusal([]byte(err.Error())), err
	}
	p := startPump(exec)
	if guess {
		var output []byte
		if output, missing = p.settle(ctx, exec); missing {
			err := p.detach(exec)
			<-p.done
			return true, err
		}
		s.first = output
	}
	s.exec, s.pump = exec, p
	return false, nil
}

// isRefusal recognises an engine's words for a command that is not there.
func isRefusal(text []byte) bool {
	for _, sign := range []string{"exec failed", "executable file not found", "no such file or directory"} {
		if bytes.Contains(text, []byte(sign)) {
			return true
		}
	}
	return false
}

// serve waits for the end of the shell, makes sure that nothing of it is left, and puts that on record. What it returns
// is the outcome for the audit.
func (s *Shell) serve(ctx context.Context) error {
	select {
	case <-ctx.Done():
		s.stop(Errorf(CodeCanceled, "The shell was ended: its connection is gone."))
	case <-s.ended:
	}
	cause := s.endCause()
	if cause == nil {
		s.code = s.exitCode(ctx)
	}
	close(s.coded)
	closeErr := errors.Join(s.pump.detach(s.exec), s.cast.close())
	killErr := s.sh.kill(ctx, s.row.Container, s.row.ID)
	<-s.pump.done
	s.row.Open, s.row.Left, s.row.ExitCode = false, killErr != nil, s.code
	s.row.Took, s.row.Size = s.sh.c.now().Sub(s.row.Started), s.cast.length()
	rowErr := s.sh.c.commit(ctx, edit{recordingsTable, s.row.ID, s.row})
	if err := errors.Join(closeErr, killErr, rowErr); err != nil {
		s.sh.c.log.Warn("shell did not end cleanly", "recording", s.row.ID, "service", s.in.Service, "err", err)
	}
	s.sh.leave(s)
	s.sh.tidySoon()
	close(s.done)
	return s.outcome(cause, killErr)
}

// outcome is what the audit says of the end.
func (s *Shell) outcome(cause, killErr error) error {
	var left string
	if killErr != nil {
		left = " Its processes may still run; they are ended as soon as the engine allows."
	}
	if cause == nil {
		return &outcomeNote{fmt.Sprintf("Exit code %d after %s. Recording %s.%s", s.code, FormatAge(s.row.Took), s.row.ID, left)}
	}
	return Errorf(CodeOf(cause), "%s Recording %s.%s", MessageOf(cause), s.row.ID, left)
}

// exitCode asks for the exit code of a process that ended; -1 when nobody knows it.
func (s *Shell) exitCode(ctx context.Context) int {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), shellCall)
	defer cancel()
	code, err := s.exec.ExitCode(ctx)
	if err != nil {
		s.sh.c.log.Warn("exit code of a shell is not known", "recording", s.row.ID, "err", err)
		return -1
	}
	return code
}

// stop ends the shell for a reason, or notes with nil that it ended by itself. The first one counts.
func (s *Shell) stop(cause error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-s.ended:
	default:
		s.cause = cause
		close(s.ended)
	}
}

// endCause is why we ended it, nil when it ended by itself.
func (s *Shell) endCause() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cause
}

// endError is what Read and Write answer after the end.
func (s *Shell) endError() error { return cmp.Or(s.endCause(), io.EOF) }

// ID is that of the recording, which is also the marker of the shell's processes.
func (s *Shell) ID() string { return s.row.ID }

// Read gives output that has been recorded. It is io.EOF when the process ended by itself; any other error says in
// words why the shell was ended.
func (s *Shell) Read(p []byte) (int, error) {
	s.reading.Lock()
	defer s.reading.Unlock()
	if len(s.rest) == 0 {
		piece, err := s.next()
		if err != nil {
			return 0, err
		}
		s.rest = piece
	}
	n := copy(p, s.rest)
	s.rest = s.rest[n:]
	return n, nil
}

// next waits for output and records it.
func (s *Shell) next() ([]byte, error) {
	piece := s.first
	s.first = nil
	if len(piece) == 0 {
		select {
		case <-s.ended:
			return nil, s.endError()
		case piece = <-s.pump.pieces:
		case <-s.pump.done:
			s.stop(brokenStream(s.pump.err))
			return nil, s.endError()
		}
	}
	if err := s.cast.output(piece); err != nil {
		s.stop(recordingFailed("ended", err))
		return nil, s.endError()
	}
	return piece, nil
}

// brokenStream is nil for output that ended because the process did.
func brokenStream(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return Errorf(CodeUnavailable, "The shell was ended: the engine broke off its output (%s).", strings.TrimSuffix(MessageOf(err), "."))
}

// Write passes input on. It is not recorded.
func (s *Shell) Write(p []byte) (int, error) {
	select {
	case <-s.ended:
		return 0, s.endError()
	default:
		return s.exec.Write(p)
	}
}

// Resize gives the terminal another size; 0 counts as 80x24.
func (s *Shell) Resize(cols, rows int) error {
	cols, rows = clampSize(cols, rows)
	ctx, cancel := context.WithTimeout(s.ctx, shellCall)
	defer cancel()
	if err := s.exec.Resize(ctx, cols, rows); err != nil {
		return err
	}
	if err := s.cast.resize(cols, rows); err != nil {
		s.stop(recordingFailed("ended", err))
		return s.endError()
	}
	return nil
}

// ExitCode waits for the end and gives the exit code of the process, -1 when the shell was ended from outside.
func (s *Shell) ExitCode() int {
	<-s.coded
	return s.code
}

// Done is closed when the processes of the shell are gone, or given up for now, and its end is on record.
func (s *Shell) Done() <-chan struct{} { return s.done }

// Close ends the shell. Unless its process ended by itself it waits until the process is gone. It may be called more
// than once.
func (s *Shell) Close() error {
	s.stop(Errorf(CodeCanceled, "The shell was closed."))
	if s.endCause() != nil {
		<-s.done
	}
	return nil
}
