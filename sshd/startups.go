package sshd

import (
	"sync"
	"time"
)

// startups counts the connections that have not logged in, and decides which of them must go when there are many:
// first the ones that have not said a word, which cost their sender nothing, then those of sources under penalty where
// the new one's source is not, then new ones at random (OpenSSH's MaxStartups). So a flood of silent connections does not keep a real client out: it sends its greeting together with
// the last packet of the TCP handshake, and so has spoken by the time it is accepted, however long the way.
type startups struct {
	limits Startups
	silent time.Duration
	random func(n int) int // in [0, n)

	mu      sync.Mutex
	waiting map[*conn]struct{}
}

func newStartups(l Limits, random func(int) int) *startups {
	return &startups{limits: l.Startups, silent: l.SilentGrace, random: random, waiting: map[*conn]struct{}{}}
}

// admit counts a new connection, or refuses it. The connection it returns, when not nil, has to be closed in exchange.
func (s *startups) admit(c *conn, now time.Time) (admitted bool, evict *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.drop(len(s.waiting)) {
		if evict = s.least(c, now); evict == nil {
			return false, nil
		}
		delete(s.waiting, evict)
	}
	s.waiting[c] = struct{}{}
	return true, evict
}

// drop throws the dice for one more connection when n are waiting.
func (s *startups) drop(n int) bool {
	switch l := s.limits; {
	case n < l.Begin:
		return false
	case n >= l.Full:
		return true
	default:
		return s.random(100) < l.Rate+(100-l.Rate)*(n-l.Begin)/(l.Full-l.Begin)
	}
}

// least finds the connection that gives way to a new one, nil when none has to. The caller holds mu.
func (s *startups) least(newer *conn, now time.Time) *conn {
	silent := s.oldest(func(c *conn) bool { return !c.heard.Load() && now.Sub(c.accepted) >= s.silent })
	if silent != nil || newer.suspect {
		return silent
	}
	return s.oldest(func(c *conn) bool { return c.suspect })
}

// oldest finds the oldest of the waiting connections that fit. The caller holds mu.
func (s *startups) oldest(fits func(*conn) bool) *conn {
	var oldest *conn
	for c := range s.waiting {
		if fits(c) && (oldest == nil || c.accepted.Before(oldest.accepted)) {
			oldest = c
		}
	}
	return oldest
}

// done stops counting a connection: it has logged in, or is gone.
func (s *startups) done(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.waiting, c)
}
