package sshd

import (
	"slices"
	"strings"
	"time"
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
func (r *rig) Sessions() []SessionInfo {
	var list []SessionInfo
	for _, c := range r.connections() {
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
func (r *rig) End(sessionID, reason string) bool {
	for _, c := range r.connections() {
		for _, sess := range c.live() {
			if sess.id == sessionID {
				sess.End(reason)
				return true
			}
		}
	}
	return false
}

func (s *Session) info() SessionInfo {
	i := SessionInfo{
		ID: s.id, Connection: s.conn.id, Identity: s.Identity(), User: cleanName(s.User()),
		Remote: s.RemoteAddr().String(), ClientVersion: s.ClientVersion(), Started: s.started,
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.handled != nil { // what follows is settled
		i.Command = cleanName(s.raw)
		if s.term != nil {
			i.Terminal, i.Size, i.LastInput = s.term.Name(), s.term.Size(), s.term.LastInput()
		}
	}
	return i
}
