package sshd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"charm.land/ssh"
	"github.com/google/uuid"
	gossh "golang.org/x/crypto/ssh"

	"github.com/codematrx/matrx-ship/core"
)

// Session is one "session" channel of a connection, with its own context, environment and terminal. It is an
// io.Reader and io.Writer of the client's input and output.
type Session struct {
	id      string
	conn    *conn
	ssh     *gossh.ServerConn
	channel gossh.Channel
	started time.Time
	out     *stream
	errs    *stream

	ctx    context.Context
	cancel context.CancelCauseFunc

	// The request loop alone writes these before the handler starts; afterwards they do not change.
	env     []string
	raw     string
	command []string
	term    *Term

	mu      sync.Mutex
	handled chan struct{} // made when the handler starts, closed when it has returned
	reason  string        // why the server ends the session; empty when it does not
	timers  []*time.Timer
}

// ID names the session; it is unique.
func (s *Session) ID() string { return s.id }

// ConnectionID names the connection; sessions of one multiplexed connection share it.
func (s *Session) ConnectionID() string { return s.conn.id }

// Context is done when the client is gone, closed this channel, or the session was ended; its cause says which.
func (s *Session) Context() context.Context { return s.ctx }

// Identity is who logged in, with the role he has now.
func (s *Session) Identity() Identity { return *s.conn.who().current.Load() }

// User is the login name the client gave. It proves nothing.
func (s *Session) User() string { return s.ssh.User() }

// RemoteAddr is the address of the client.
func (s *Session) RemoteAddr() net.Addr { return s.conn.RemoteAddr() }

// ClientVersion is what the client called itself; outside text, made printable.
func (s *Session) ClientVersion() string { return cleanName(string(s.ssh.ClientVersion())) }

// Env is the environment the client sent, "NAME=value"; TERM comes from the terminal alone.
func (s *Session) Env() []string { return slices.Clone(s.env) }

// Command is the command in words, empty for an interactive session. A key or certificate with a forced command has
// that, and what the client asked for is in the environment as SSH_ORIGINAL_COMMAND.
func (s *Session) Command() []string { return slices.Clone(s.command) }

// Term is the session's terminal, when it has one.
func (s *Session) Term() (*Term, bool) { return s.term, s.term != nil }

// Read reads the client's input. In a session with a terminal it takes part in the input gate: while a program runs on
// the terminal, the keys go there.
func (s *Session) Read(p []byte) (int, error) {
	if s.term != nil {
		return s.term.Read(p)
	}
	return s.channel.Read(p)
}

// Write writes to the client. With a terminal, line feeds return the carriage as well.
func (s *Session) Write(p []byte) (int, error) { return s.output(s.out).Write(p) }

// Stderr is the client's error output; with a terminal, it is the same screen.
func (s *Session) Stderr() io.Writer { return s.output(s.errs) }

func (s *Session) output(w *stream) io.Writer {
	if s.term != nil {
		return s.term
	}
	return w
}

// handleChannel serves a session channel from its opening to its end.
func (s *Server) handleChannel(_ *ssh.Server, sc *gossh.ServerConn, nc gossh.NewChannel, ctx ssh.Context) {
	c := ctx.Value(connKey{}).(*conn)
	sess := &Session{id: uuid.Must(uuid.NewV7()).String(), conn: c, ssh: sc, started: time.Now()}
	sess.ctx, sess.cancel = context.WithCancelCause(s.life)
	if !c.add(sess) {
		_ = nc.Reject(gossh.ResourceShortage, "too many sessions on this connection") // gone is as good as rejected
		return
	}
	defer c.remove(sess)
	defer sess.hangUp()
	channel, requests, err := nc.Accept()
	if err != nil {
		return // the connection is gone
	}
	sess.opened(channel)
	sess.out = &stream{w: channel, stall: s.limits.WriteStall, stalled: sess.stalled}
	sess.errs = &stream{w: channel.Stderr(), stall: s.limits.WriteStall, stalled: sess.stalled}
	c.keepalive.Do(func() { s.owned.Go(func() { c.watch(sc) }) })
	sess.serveRequests(requests)
	sess.hangUp()
	sess.awaitHandler()
}

// errHungUp is the cause of a context whose client has gone.
var errHungUp = core.Errorf(core.CodeCanceled, "The client is gone.")

// hangUp tells the session that its client is gone.
func (s *Session) hangUp() {
	s.cancel(errHungUp)
}

// stalled is called when the client has taken no output for too long.
func (s *Session) stalled() {
	s.End("The client took no output for too long.")
}

// End asks the session to end, and breaks it off when it does not soon. It does not wait.
func (s *Session) End(reason string) { s.end(reason, s.conn.srv.limits.EndGrace) }

// end asks the session to end; when it does not, its channel is closed after grace, and its connection after twice
// that. It may be called from anywhere, more than once, and does not wait.
func (s *Session) end(reason string, grace time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.reason != "" {
		return
	}
	s.reason = reason
	s.conn.srv.logger.Info("ssh session ended by the server", "session", s.id, "reason", reason)
	s.cancel(core.Errorf(core.CodeCanceled, "%s", reason))
	s.timers = append(s.timers,
		time.AfterFunc(grace, s.closeChannel),
		time.AfterFunc(2*grace, func() { s.conn.drop(reason) }))
	if s.handled == nil { // nothing runs yet that would close it
		s.timers = append(s.timers, time.AfterFunc(0, s.closeChannel))
	}
}

// opened notes the channel, and closes it when the session was ended meanwhile.
func (s *Session) opened(channel gossh.Channel) {
	s.mu.Lock()
	s.channel = channel
	ended := s.reason != ""
	s.mu.Unlock()
	if ended {
		s.closeChannel()
	}
}

func (s *Session) closeChannel() {
	s.mu.Lock()
	channel := s.channel
	s.mu.Unlock()
	if channel != nil {
		_ = channel.Close() // closed already is fine
	}
}

// startWith runs a handler; the request loop calls it once.
func (s *Session) startWith(handle Handler) {
	s.mu.Lock()
	s.handled = make(chan struct{})
	s.mu.Unlock()
	go s.run(handle) // awaitHandler waits for it
}

// run runs the handler, reports its exit code and closes the channel.
func (s *Session) run(handle Handler) {
	defer close(s.handled)
	code := s.contain(handle)
	s.mu.Lock()
	reason := s.reason
	s.mu.Unlock()
	if reason != "" {
		code = max(code, 1)
		_, _ = fmt.Fprintf(s.Stderr(), "\nSession ended: %s\n", reason) // a courtesy
	}
	status := struct{ Code uint32 }{uint32(code) & 0xff}
	_, err := s.channel.SendRequest("exit-status", false, gossh.Marshal(&status))
	err = errors.Join(err, s.channel.Close())
	s.conn.srv.logger.Info("ssh session over", "session", s.id, "code", code, "reason", reason, "client_gone", err != nil)
}

// contain runs the handler and turns its panic into exit code 1.
func (s *Session) contain(handle Handler) (code int) {
	defer func() {
		if r := recover(); r != nil {
			code = 1
			s.conn.srv.logger.Error("panic in ssh session", "session", s.id, "panic", fmt.Sprint(r), "stack", string(debug.Stack()))
			if s.term != nil {
				s.term.restore()
			}
			_, _ = fmt.Fprintf(s.Stderr(), "\nInternal error in session %s.\n", s.id) // a courtesy
		}
	}()
	return handle(s)
}

// awaitHandler waits until nothing of the session runs any more.
func (s *Session) awaitHandler() {
	s.mu.Lock()
	handled := s.handled
	s.mu.Unlock()
	if handled != nil {
		<-handled
	}
	s.mu.Lock()
	for _, timer := range s.timers {
		timer.Stop()
	}
	s.mu.Unlock()
	if s.term != nil {
		s.term.Close()
	}
}
