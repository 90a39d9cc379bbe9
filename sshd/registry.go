package sshd

import (
	"context"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/codematrx/matrx-ship/core"
)

// SessionInfo describes a live session.
type SessionInfo struct {
	ID            string
	Connection    string // sessions of one multiplexed connection share it
	Identity      Identity
	User          string // the login name that was given
	Remote        string // address and port
	ClientVersion string
	Command       string // empty for an interactive session
	Terminal      string // TERM, empty without a terminal
	Size          Size   // of the terminal
	Started       time.Time
	LastInput     time.Time // the last key press; zero when there was none
}

// Sessions lists the live sessions, oldest first.
func (s *Server) Sessions() []SessionInfo {
	var list []SessionInfo
	for _, c := range s.connections() {
		for _, sess := range c.live() {
			list = append(list, sess.info())
		}
	}
	slices.SortFunc(list, func(a, b SessionInfo) int {
		if d := a.Started.Compare(b.Started); d != 0 {
			return d
		}
		return strings.Compare(a.ID, b.ID)
	})
	return list
}

// End ends one session politely, telling its user the reason, and reports whether it was there.
func (s *Server) End(sessionID, reason string) bool {
	for _, c := range s.connections() {
		for _, sess := range c.live() {
			if sess.id == sessionID {
				sess.End(reason)
				return true
			}
		}
	}
	return false
}

// EndKey ends every connection that logged in with a key, politely, and gives their number.
func (s *Server) EndKey(fingerprint, reason string) int {
	n := 0
	for _, c := range s.connections() {
		if l := c.who(); l != nil && l.current.Load().Fingerprint == fingerprint {
			c.end(reason, s.limits.EndGrace)
			n++
		}
	}
	return n
}

// recheckLoop looks up the keys of live connections again and again, until the server stops.
func (s *Server) recheckLoop() {
	tick := time.NewTicker(s.limits.Recheck)
	defer tick.Stop()
	for {
		select {
		case <-s.life.Done():
			return
		case now := <-tick.C:
			s.Recheck(s.life)
			s.refusals.tell(s.logger, now)
		}
	}
}

// Recheck looks up the key of every live connection now: one that may no longer log in is ended, and one with a new
// role has it from now on. It runs by itself every Limits.Recheck; call it after a change of keys to be quicker.
func (s *Server) Recheck(ctx context.Context) {
	const together = 16 // a source that hangs must not hold up the others for long
	var group errgroup.Group
	group.SetLimit(together)
	for _, c := range s.connections() {
		if l := c.who(); l != nil {
			group.Go(func() error { s.recheck(ctx, c, l); return nil })
		}
	}
	_ = group.Wait() // never an error
}

func (s *Server) recheck(ctx context.Context, c *conn, l *login) {
	const timeout = time.Second
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	id, err := s.lookup(ctx, l, c)
	switch {
	case err == nil:
		l.current.Store(&id)
	case core.CodeOf(err) == core.CodeForbidden:
		s.logger.Info("ssh key of a live connection no longer counts", "connection", c.id, "fingerprint", Fingerprint(l.key), "reason", err.Error())
		c.end("Your key is no longer accepted.", s.limits.EndGrace)
	default:
		s.logger.Debug("ssh key of a live connection could not be checked", "connection", c.id, "error", err)
	}
}
