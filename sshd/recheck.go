package sshd

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/codematrx/matrx-ship/core"
)

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
