package sshd

import (
	"net"
	"sync"
	"sync/atomic"
	"time"

	gossh "golang.org/x/crypto/ssh"

	"github.com/codematrx/matrx-ship/core"
)

// conn is one TCP connection: the socket as the SSH library sees it, and what we know about the client behind it.
type conn struct {
	net.Conn
	srv      *Server
	id       string
	accepted time.Time
	heard    atomic.Bool   // the client has sent something
	suspect  bool          // its source is under penalty: one try, and little time
	crowded  atomic.Bool   // a good key got no seat
	refused  atomic.Bool   // a key or another method was tried and refused
	gone     chan struct{} // closed when the connection is over

	mu       sync.Mutex
	hard     time.Time // deadline set from above, which no write may outlive
	login    *login    // nil before login
	leave    func()    // gives the seat back; nil before login
	closed   bool      // no session may start any more
	sessions map[string]*Session
	running  sync.WaitGroup // the sessions; Add only under mu while not closed
	idle     *time.Timer    // runs while there is no session
	oldest   *time.Timer    // runs out at Limits.MaxDuration
	late     *time.Timer    // runs out at Limits.PenaltyGrace; nil unless suspect

	keepalive sync.Once
}

// login is what authentication found out. It is made for an offered key and kept with that key's permissions, so that
// only the one that signed becomes the connection's.
type login struct {
	key     gossh.PublicKey
	user    string
	at      time.Time
	current atomic.Pointer[Identity] // replaced when a later lookup says otherwise
}

// Read notes that the client has spoken.
func (c *conn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if n > 0 && !c.heard.Load() {
		c.heard.Store(true)
	}
	return n, err
}

// Write gives up when the client has taken nothing for Limits.WriteStall.
func (c *conn) Write(p []byte) (int, error) {
	deadline := time.Now().Add(c.srv.limits.WriteStall)
	c.mu.Lock()
	if !c.hard.IsZero() && c.hard.Before(deadline) {
		deadline = c.hard
	}
	c.mu.Unlock()
	if err := c.Conn.SetWriteDeadline(deadline); err != nil {
		return 0, err
	}
	return c.Conn.Write(p)
}

// SetDeadline remembers the deadline for the writes that follow.
func (c *conn) SetDeadline(t time.Time) error {
	c.mu.Lock()
	c.hard = t
	c.mu.Unlock()
	return c.Conn.SetDeadline(t)
}

// hurry cuts a connection under penalty that has not offered a key that is known within Limits.PenaltyGrace.
func (c *conn) hurry() {
	if !c.suspect {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.late = time.AfterFunc(c.srv.limits.PenaltyGrace, func() {
		c.srv.refusals.count("offered no known key in time, under penalty")
		c.drop("under penalty, and out of time")
	})
}

// atEase gives a connection under penalty the time of the others: its key is known, and what is left may be a
// passphrase to type or a token to touch.
func (c *conn) atEase() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.late != nil {
		c.late.Stop()
	}
}

// sitDown takes a seat for whoever signed. A client that gets none is told why, and has done nothing wrong.
func (c *conn) sitDown(id Identity) error {
	leave, err := c.srv.seats.take(id)
	if err != nil {
		c.crowded.Store(true)
		c.srv.refusals.count("no seat")
		return &gossh.BannerError{Err: err, Message: core.MessageOf(err) + "\r\n"}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.leave = leave
	return nil
}

// standUp gives the seat back.
func (c *conn) standUp() {
	c.mu.Lock()
	leave := c.leave
	c.mu.Unlock()
	if leave != nil {
		leave()
	}
}

// loggedIn takes the identity of the key that signed, and starts the clocks of a connection that is in.
func (c *conn) loggedIn(l *login) {
	limits := c.srv.limits
	c.mu.Lock()
	c.login = l
	c.idle = time.AfterFunc(limits.NoSession, c.closeIfIdle)
	c.oldest = time.AfterFunc(limits.MaxDuration, func() { c.end("The connection has reached its longest life.", limits.EndGrace) })
	c.mu.Unlock()
	c.srv.startups.done(c)
	c.srv.penalties.forgive(c.RemoteAddr())
}

// who gives the login, nil before there is one.
func (c *conn) who() *login {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.login
}

// add registers a session, unless the connection is closing or has enough of them.
func (c *conn) add(s *Session) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || c.login == nil || len(c.sessions) >= c.srv.limits.Sessions {
		return false
	}
	c.sessions[s.id] = s
	c.running.Add(1)
	c.idle.Stop()
	return true
}

// remove forgets a session that is over.
func (c *conn) remove(s *Session) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.sessions, s.id)
	if len(c.sessions) == 0 && !c.closed {
		c.idle.Reset(c.srv.limits.NoSession)
	}
	c.running.Done()
}

// live lists the sessions.
func (c *conn) live() []*Session {
	c.mu.Lock()
	defer c.mu.Unlock()
	list := make([]*Session, 0, len(c.sessions))
	for _, s := range c.sessions {
		list = append(list, s)
	}
	return list
}

// refuse makes that no further session starts, and says how many there are.
func (c *conn) refuse() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	return len(c.sessions)
}

// end ends all sessions politely, as Session.end does, and then the connection.
func (c *conn) end(reason string, grace time.Duration) {
	if c.refuse() == 0 {
		c.drop(reason)
		return
	}
	for _, s := range c.live() {
		s.end(reason, grace)
	}
	c.srv.spawn(func() {
		c.running.Wait()
		c.drop(reason)
	})
}

// closeIfIdle closes a connection on which no session has started meanwhile.
func (c *conn) closeIfIdle() {
	c.mu.Lock()
	idle := len(c.sessions) == 0
	c.closed = c.closed || idle
	c.mu.Unlock()
	if idle {
		c.drop("no session")
	}
}

// drop closes the socket, which frees everything that waits for the client.
func (c *conn) drop(reason string) {
	if err := c.Close(); err == nil {
		c.srv.logger.Debug("ssh connection closed", "connection", c.id, "remote", c.RemoteAddr().String(), "reason", reason)
	}
}

// finish is the end of a connection: it waits for the sessions, whose contexts are done by then.
func (c *conn) finish() {
	close(c.gone)
	c.refuse()
	for _, s := range c.live() {
		s.hangUp()
	}
	c.mu.Lock()
	for _, timer := range []*time.Timer{c.idle, c.oldest, c.late} {
		if timer != nil {
			timer.Stop()
		}
	}
	c.mu.Unlock()
	c.running.Wait()
}

// watch asks the client regularly whether it lives, and closes the connection when no answer comes. SSH itself would
// not notice a dead or frozen client.
func (c *conn) watch(ssh gossh.Conn) {
	tick := time.NewTicker(c.srv.limits.Keepalive)
	defer tick.Stop()
	for {
		select {
		case <-c.gone:
			return
		case <-tick.C:
		}
		late := time.AfterFunc(c.srv.limits.KeepaliveReply, func() { c.drop("no answer to keepalive") })
		_, _, err := ssh.SendRequest("keepalive@openssh.com", true, nil)
		late.Stop()
		if err != nil {
			return // the connection is gone
		}
	}
}
