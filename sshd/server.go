package sshd

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net"
	"sync"
	"time"

	"charm.land/ssh"
	"charm.land/wish/v2"
	"github.com/google/uuid"
	gossh "golang.org/x/crypto/ssh"

	"github.com/codematrx/matrx-ship/core"
)

// Server is a listening SSH server. Make one with Listen, run it with Serve.
type Server struct {
	listener  net.Listener
	ssh       *ssh.Server
	keys      KeySource
	handle    Handler
	logger    *slog.Logger
	limits    Limits
	version   string
	startups  *startups
	penalties *penalties
	seats     *seats
	refusals  refusals

	life  context.Context // done when the last session has had its time
	stop  context.CancelFunc
	owned sync.WaitGroup // every goroutine of the server

	mu      sync.Mutex
	conns   map[*conn]struct{}
	closing bool
	over    bool          // the last goroutines are waited for: none may begin
	empty   chan struct{} // closed when closing and no connection is left

	shutdown sync.Once
	down     chan struct{} // closed when Shutdown is through
	result   error         // of Shutdown; read after down
}

// Listen opens the address, loads or makes the host key, and proves the settings by a handshake with itself. Nothing
// is accepted before Serve.
func Listen(ctx context.Context, cfg Config) (*Server, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	signer, err := LoadHostKey(cfg.HostKeyPath)
	if err != nil {
		return nil, err
	}
	s, err := newServer(ctx, cfg, signer)
	if err != nil {
		return nil, err
	}
	if err := s.checkSelf(ctx, signer.PublicKey()); err != nil {
		s.stop()
		return nil, err
	}
	s.listener, err = (&net.ListenConfig{}).Listen(ctx, "tcp", cfg.Addr)
	if err != nil {
		s.stop()
		return nil, core.Errorf(core.CodeUnavailable, "listen for ssh: %w", err)
	}
	return s, nil
}

// newServer puts a server together that does not listen yet.
func newServer(ctx context.Context, cfg Config, signer gossh.Signer) (*Server, error) {
	s := &Server{
		keys: cfg.Keys, handle: cfg.Handle, logger: cfg.Logger, limits: cfg.Limits, version: cfg.Version,
		startups:  newStartups(cfg.Limits, rand.IntN),
		penalties: newPenalties(cfg.Limits.Penalties),
		seats:     newSeats(cfg.Limits),
		conns:     map[*conn]struct{}{},
		empty:     make(chan struct{}),
		down:      make(chan struct{}),
	}
	s.life, s.stop = context.WithCancel(context.WithoutCancel(ctx))
	var err error
	s.ssh, err = wish.NewServer(wish.WithVersion(cfg.Version), func(srv *ssh.Server) error {
		srv.AddHostKey(signer)
		return nil
	})
	if err != nil {
		return nil, core.Errorf(core.CodeInternal, "make ssh server: %w", err)
	}
	s.ssh.HandshakeTimeout = s.limits.LoginGrace
	s.ssh.MaxTimeout = s.limits.MaxDuration + time.Minute // the polite end comes first
	s.ssh.ConnCallback = func(ctx ssh.Context, nc net.Conn) net.Conn { ctx.SetValue(connKey{}, nc); return nc }
	s.ssh.ServerConfigCallback = s.sshConfig
	s.ssh.ChannelHandlers = map[string]ssh.ChannelHandler{"session": s.handleChannel}
	s.ssh.RequestHandlers = map[string]ssh.RequestHandler{} // forwarding and the like: refused
	return s, nil
}

// HostKey is the public half of the host key, whose fingerprint an operator compares at his first login.
func (s *Server) HostKey() gossh.PublicKey { return s.ssh.HostSigners[0].PublicKey() }

// Addr is the address that is listened on.
func (s *Server) Addr() net.Addr { return s.listener.Addr() }

// Serve accepts connections until ctx is done or Shutdown is called; either way it returns after the polite shutdown.
func (s *Server) Serve(ctx context.Context) error {
	s.owned.Go(s.recheckLoop)
	leave := context.AfterFunc(ctx, func() { _ = s.Shutdown(context.WithoutCancel(ctx)) }) // its result is read below
	defer leave()
	s.acceptLoop()
	<-s.down
	return s.result
}

// acceptLoop ends when the server is closing.
func (s *Server) acceptLoop() {
	const mostDelay = time.Second
	var delay time.Duration
	for {
		nc, err := s.listener.Accept()
		switch {
		case err == nil:
			delay = 0
			s.admit(nc)
			continue
		case errors.Is(err, net.ErrClosed):
			return
		}
		// Out of files or memory: go on when there is some again.
		delay = min(max(2*delay, 5*time.Millisecond), mostDelay)
		s.logger.Warn("ssh accept failed", "error", err, "again_in", delay.String())
		select {
		case <-s.life.Done():
			return
		case <-time.After(delay):
		}
	}
}

// admit decides whether a new connection may try to log in, and serves it.
func (s *Server) admit(nc net.Conn) {
	if tcp, ok := nc.(*net.TCPConn); ok {
		_ = tcp.SetNoDelay(true) // a connection that is gone already shows at the first read
	}
	now := time.Now()
	c := &conn{
		Conn: nc, srv: s, id: uuid.Must(uuid.NewV7()).String(), accepted: now,
		gone: make(chan struct{}), sessions: map[string]*Session{},
	}
	c.suspect = s.penalties.applies(nc.RemoteAddr(), now)
	if !s.register(c) {
		s.turnAway(nc, "The server is shutting down")
		return
	}
	admitted, evict := s.startups.admit(c, now)
	if evict != nil {
		s.refusals.count("gave way to another")
		evict.drop("silent or under penalty, and others want in")
	}
	if !admitted {
		s.forget(c)
		s.turnAway(nc, "Exceeded MaxStartups")
		return
	}
	c.hurry()
	s.owned.Go(func() { s.serve(c) })
}

// serve runs one connection to its end.
func (s *Server) serve(c *conn) {
	defer s.forget(c)
	s.ssh.HandleConn(c)
	s.startups.done(c)
	if c.who() == nil && c.refused.Load() && !c.crowded.Load() {
		s.penalties.failed(c.RemoteAddr(), time.Now())
	}
	c.finish()
	c.standUp()
}

// turnAway says a line, as OpenSSH does, and closes.
func (s *Server) turnAway(nc net.Conn, line string) {
	s.refusals.count(line)
	_ = nc.SetWriteDeadline(time.Now().Add(time.Second)) // the line is a courtesy: whether it arrives does not matter
	_, _ = nc.Write([]byte(line + "\r\n"))
	_ = nc.Close()
}

// register takes a connection in, unless the server is closing.
func (s *Server) register(c *conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing {
		return false
	}
	s.conns[c] = struct{}{}
	return true
}

func (s *Server) forget(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
	s.closeIfEmpty()
}

// closeIfEmpty tells Shutdown when the last connection has gone. The caller holds mu; closing stays true, and no
// connection is registered while it is, so this happens once.
func (s *Server) closeIfEmpty() {
	if s.closing && len(s.conns) == 0 {
		select {
		case <-s.empty:
		default:
			close(s.empty)
		}
	}
}

// spawn runs work that a clock began, unless the server waits for its last goroutines already: then no connection is left
// that it could be for.
func (s *Server) spawn(work func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.over {
		s.owned.Go(work)
	}
}

// connections lists the connections there are now.
func (s *Server) connections() []*conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]*conn, 0, len(s.conns))
	for c := range s.conns {
		list = append(list, c)
	}
	return list
}

// Shutdown stops accepting, asks every session to end, waits for them at most Limits.ShutdownGrace (or until ctx is
// done), closes what is left and waits for it. It may be called more than once; every call returns the one result.
func (s *Server) Shutdown(ctx context.Context) error {
	s.shutdown.Do(func() {
		s.result = s.shutDown(ctx)
		close(s.down)
	})
	<-s.down
	return s.result
}

func (s *Server) shutDown(ctx context.Context) error {
	s.mu.Lock()
	s.closing = true
	s.closeIfEmpty()
	s.mu.Unlock()
	err := s.listener.Close()
	for _, c := range s.connections() {
		c.end("The server is shutting down.", s.limits.ShutdownGrace)
	}
	select {
	case <-s.empty:
	case <-ctx.Done():
	case <-time.After(s.limits.ShutdownGrace):
	}
	s.stop()
	for _, c := range s.connections() {
		s.logger.Warn("ssh session did not end in time; closing its connection", "connection", c.id)
		c.drop("shutdown")
	}
	select {
	case <-s.empty:
		s.mu.Lock()
		s.over = true
		s.mu.Unlock()
		s.owned.Wait()
	case <-time.After(s.limits.EndGrace):
		err = errors.Join(err, core.Errorf(core.CodeInternal, "ssh sessions outlive the shutdown"))
	}
	return err
}
